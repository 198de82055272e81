"""Glideslope in torch."""

from glideslope.frameworks.torch.capturable import CapturableScheduler
from glideslope.frameworks.torch.distributed import mean_over_ranks
from glideslope.frameworks.torch.job import Job
from glideslope.frameworks.torch.scheduler import Scheduler

__all__ = ["CapturableScheduler", "Job", "Scheduler", "mean_over_ranks"]
