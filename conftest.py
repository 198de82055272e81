"""What tests and doctests have in common."""

import os

from hypothesis import settings

os.environ.setdefault("KERAS_BACKEND", "jax")  # before anything imports Keras, whose default needs TensorFlow

settings.register_profile("fixed", derandomize=True)  # the same examples each time
settings.load_profile("fixed")
