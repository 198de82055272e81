"""What tests and doctests have in common."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")  # before anything imports Keras, whose default needs TensorFlow
