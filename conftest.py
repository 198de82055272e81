"""What tests and doctests have in common."""

import os
from importlib.util import find_spec

from hypothesis import settings

os.environ.setdefault("KERAS_BACKEND", "jax")  # before anything imports Keras, whose default needs TensorFlow

settings.register_profile("fixed", derandomize=True, deadline=None)  # the same examples each time, and nothing timed
settings.load_profile("fixed")

# Two trackers, whose packages aren't among those of the tests.
collect_ignore = [
    f"src/glideslope/views/trackers/to_{name}.py" for name in ("mlflow", "wandb") if find_spec(name) is None
]
