"""A run as a tracker takes it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from glideslope.plural import plural
from glideslope.search.runs.contestant import Run
from glideslope.search.strategy.sweep import Sweep

MOST = 1000  # the updates of a run that are sent, at most, evenly spread


@dataclass(frozen=True)
class Tracked:
    """A finished run."""

    name: str  # what it is called
    settings: dict[str, Any]  # what it was made with
    rates: np.ndarray  # of the updates made, shape (n,)
    losses: np.ndarray  # the training loss of each, shape (n,)
    evaluations: tuple[tuple[int, float], ...] = ()  # (updates made, validation loss)

    def steps(self) -> Iterator[tuple[int, dict[str, float]]]:
        """The updates made, rising, and the finite numbers there by their names."""
        updates = len(self.losses)
        kept = np.unique(np.linspace(0, updates - 1, min(updates, MOST)).astype(int)).tolist() if updates else []
        numbers: dict[int, dict[str, float]] = {
            i + 1: {"train/loss": float(self.losses[i]), "lr": float(self.rates[i])} for i in kept
        }
        for step, loss in self.evaluations:
            numbers.setdefault(step, {})["validation/loss"] = loss
        for step in sorted(numbers):
            yield step, {name: value for name, value in numbers[step].items() if math.isfinite(value)}


class Tracker(Protocol):
    """Takes finished runs."""

    def send(self, run: Tracked) -> None:
        """Sends a run whole, and ends it."""


def of_run(run: Run, stage: str) -> Tracked:
    """A run of a search."""
    contestant = run.contestant
    settings = {
        "stage": stage, "schedule": contestant.name, "peak": contestant.peak, "steps": run.steps, "seed": run.seed,
    }  # fmt: skip
    rates, losses = run.curve
    return Tracked(
        f"{contestant}, {plural(run.steps, 'update')}, seed {run.seed}", settings, rates, losses, run.evaluations
    )


def of_sweep(sweep: Sweep, number: int) -> Tracked:
    """A sweep of a range test."""
    settings = {"stage": "range test", "low": float(sweep.rates[0]), "high": float(sweep.rates[-1])}
    return Tracked(f"sweep {number}", settings, sweep.rates, sweep.losses)
