"""What is known of each small training before it is made."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

import glideslope as gs
from glideslope.search.jobs.start import kind, mean_fan_in, usual_peak

Maker = Callable[[int], gs.torch.Job]

PEAKS = 10
"""Peak rates of a job, each twice the one before."""


class Optimizing(NamedTuple):
    """What a search knows of how a job is optimized."""

    kind: str | None  # of its optimizer
    usual: float  # the usual peak, by that and by what comes into its units


@dataclass(frozen=True)
class JobSpec:
    """A small training: 600 updates of it take a few seconds at most on one core.

    Attributes:
        name: the name of its function.
        family: trainings that resemble it; a method fitted on some jobs is judged on the other families.
        optimizer: the name of its optimizer's class.
        make: makes it from a seed, which sets the initial weights and the order of the data. The data are the same
            for every seed. Its metric is the validation loss.
        centre: the geometric centre of its peak rates.
    """

    name: str
    family: str
    optimizer: str
    make: Maker
    centre: float

    @cached_property
    def optimizing(self) -> Optimizing:
        """What a search knows of its optimizer and its network."""
        return Optimizing(kind(self.optimizer), usual_peak(self.optimizer, mean_fan_in(self.make(0))))

    @property
    def peaks(self) -> np.ndarray:
        """The peak rates, shape (PEAKS,)."""
        lowest = self.centre / math.sqrt(2) / 2 ** (PEAKS // 2 - 1)
        return np.ldexp(lowest, np.arange(PEAKS))  # the same to the last bit on every machine


JOBS: dict[str, JobSpec] = {}
"""Every small training by its name; `jobs` fills it."""


def small_training(family: str, optimizer: str, centre: float) -> Callable[[Maker], Maker]:
    """Enters a function that makes a job in `JOBS`.

    Args:
        family: the trainings that resemble it.
        optimizer: the name of its optimizer's class.
        centre: the geometric centre of its peak rates.
    """

    def enter(make: Maker) -> Maker:
        name = make.__name__
        JOBS[name] = JobSpec(name, family, optimizer, make, centre)
        return make

    return enter
