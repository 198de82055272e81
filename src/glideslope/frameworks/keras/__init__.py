"""Glideslope in Keras 3, on its torch and JAX backends."""

from glideslope.frameworks.batches import Batches
from glideslope.frameworks.keras.job import Job
from glideslope.frameworks.keras.layers import layerwise
from glideslope.frameworks.keras.schedule import Schedule
from glideslope.frameworks.keras.scheduler import Scheduler

__all__ = ["Batches", "Job", "Schedule", "Scheduler", "layerwise"]
