"""Small real trainings, as unlike as those of users, on which searches for a learning rate are compared."""

from jobs import vision
from jobs.registry import JOBS, JobSpec

__all__ = ["JOBS", "JobSpec", "vision"]
