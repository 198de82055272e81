"""Glideslope in JAX. A schedule is an Optax schedule as it stands: `optax.adamw(3e-4 * schedule)`."""

from glideslope.frameworks.batches import Batches
from glideslope.frameworks.jax.feedback import FeedbackState, check_feedback, scale_by_feedback
from glideslope.frameworks.jax.job import Job
from glideslope.frameworks.jax.layers import labels, scale_by_layer

__all__ = ["Batches", "FeedbackState", "Job", "check_feedback", "labels", "scale_by_feedback", "scale_by_layer"]
