"""Glideslope in torch."""

from glideslope.frameworks.torch.automatic import automatic
from glideslope.frameworks.torch.capturable import CapturableScheduler
from glideslope.frameworks.torch.distributed import mean_over_ranks
from glideslope.frameworks.torch.guard import Guard
from glideslope.frameworks.torch.job import Job
from glideslope.frameworks.torch.scheduler import Scheduler

__all__ = ["CapturableScheduler", "Guard", "Job", "Scheduler", "automatic", "mean_over_ranks"]
