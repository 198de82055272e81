"""Glideslope in torch."""

from glideslope.frameworks.torch.automatic import automatic
from glideslope.frameworks.torch.average import Average
from glideslope.frameworks.torch.balance import Balance
from glideslope.frameworks.torch.capturable import CapturableScheduler
from glideslope.frameworks.torch.distributed import mean_over_ranks
from glideslope.frameworks.torch.growing_batches import GrowingBatches
from glideslope.frameworks.torch.guard import Guard
from glideslope.frameworks.torch.job import Job
from glideslope.frameworks.torch.layers import groups, rescale
from glideslope.frameworks.torch.monitor import Monitor, Ratios, to_csv, to_tensorboard
from glideslope.frameworks.torch.noise_scale import gradient_norms, rank_gradient_norms
from glideslope.frameworks.torch.resumable import resumable
from glideslope.frameworks.torch.scheduler import Scheduler
from glideslope.frameworks.torch.trust_ratio import trust_ratio

__all__ = [
    "Average", "Balance", "CapturableScheduler", "GrowingBatches", "Guard", "Job", "Monitor", "Ratios", "Scheduler",
    "automatic", "gradient_norms", "groups", "mean_over_ranks", "rank_gradient_norms", "rescale",
    "resumable", "to_csv", "to_tensorboard", "trust_ratio",
]  # fmt: skip
