"""Small real trainings, as unlike as those of users, on which searches for a learning rate are compared."""

from jobs import control, digits, fashion, generative, regression, sparse, tabular, text  # noqa: F401
from jobs.registry import JOBS, JobSpec

__all__ = ["JOBS", "JobSpec"]
