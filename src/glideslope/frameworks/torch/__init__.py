"""Glideslope in torch."""

from glideslope.frameworks.torch.automatic import automatic
from glideslope.frameworks.torch.average import Average
from glideslope.frameworks.torch.batches.growing_batches import GrowingBatches
from glideslope.frameworks.torch.batches.noise_scale import gradient_norms, rank_gradient_norms
from glideslope.frameworks.torch.distributed import mean_over_ranks
from glideslope.frameworks.torch.feedback.guard import Guard
from glideslope.frameworks.torch.forecast import Forecast
from glideslope.frameworks.torch.job.job import Job
from glideslope.frameworks.torch.job.resumable import resumable
from glideslope.frameworks.torch.layers.balance import Balance
from glideslope.frameworks.torch.layers.layer_groups import groups, rescale
from glideslope.frameworks.torch.layers.monitor import Monitor, Ratios, to_csv, to_tensorboard
from glideslope.frameworks.torch.layers.trust_ratio import trust_ratio
from glideslope.frameworks.torch.scheduler.capturable import CapturableScheduler
from glideslope.frameworks.torch.scheduler.scheduler import Scheduler

__all__ = [
    "Average", "Balance", "CapturableScheduler", "Forecast", "GrowingBatches", "Guard", "Job", "Monitor", "Ratios",
    "Scheduler",
    "automatic", "gradient_norms", "groups", "mean_over_ranks", "rank_gradient_norms", "rescale",
    "resumable", "to_csv", "to_tensorboard", "trust_ratio",
]  # fmt: skip
