"""A contestant: what a run is made with; and the run that was made."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from glideslope.averages import Average
from glideslope.feedback import Event
from glideslope.plural import plural
from glideslope.policy import Driven, RatePolicy, as_policy
from glideslope.schedules import Schedule, parse
from glideslope.search.jobs.equality import equal
from glideslope.search.runs.caps import capped, capped_schedule
from glideslope.search.runs.course import scaled
from glideslope.search.runs.labels import label
from glideslope.search.storage.stored import named_now


def finds_its_rate(optimizer: str | None) -> bool:
    """Whether an optimizer finds its rate itself: then its peak is 1, and a schedule multiplies what it finds."""
    return (optimizer or "").startswith(("prodigy", "d-adaptation"))


@dataclass(frozen=True)
class Contestant:
    """A schedule at a peak rate. A feedback in it gets each validation loss of the run, and a guard each training loss;
    where its decay is paid in batch growth, the run has fewer updates, of as many examples."""

    schedule: Driven  #: the schedule of the rate, possibly times feedbacks or a growth of the batch
    peak: float  #: the rate where its factor is 1
    optimizer: str | None = None  #: the name of the optimizer that the job is made with; None is the job's own
    average: Average | None = None  #: the average of the weights that is measured; None is the weights themselves
    settings: tuple[tuple[str, float], ...] = ()
    """Other numbers of the optimizer that are set, such as ("weight_decay", 0.1)."""
    batch: float = 1.0
    """The examples of an update, as a multiple of those of the job's own batch; where it grows, of its base."""

    def rates(self, steps: int) -> np.ndarray:
        """The rate of each update of a complete run over `steps`, feedback left out, shape (n,)."""
        return self.policy.rates(steps, self.peak)

    def controls(self, steps: int) -> dict[str, np.ndarray]:
        """What else is set at each update, shape (n,) each."""
        sizes = self.policy.batch_sizes(steps)
        settings = {name: np.full(self.policy.updates(steps), value) for name, value in self.settings}
        return settings if sizes is None else {"batch_size": sizes, **settings}

    def cost(self, steps: int, made: int | None = None) -> int:
        """What the updates made of a run over `steps` cost, all of them if not said: as many examples in updates of the
        job's own batch.

        >>> import glideslope as gs
        >>> Contestant(gs.linear(), 0.1, batch=4.0).cost(100), Contestant(gs.linear(), 0.1).cost(100, 30)
        (400, 30)
        """
        if made is not None and self.policy.growth:
            made = math.ceil(steps * made / self.policy.updates(steps))
        return round((steps if made is None else made) * self.batch)

    @property
    def may_stop(self) -> bool:
        """Whether a run can go on at rate zero as if ended: a schedule alone moves it, and no average is measured."""
        by_itself = self.average or finds_its_rate(self.optimizer)
        return isinstance(self.schedule, Schedule) and not by_itself

    @property
    def policy(self) -> RatePolicy:
        """What drives its rate."""
        return as_policy(self.schedule)

    @property
    def name(self) -> str:
        """All but the peak."""
        optimizer = f" with {self.optimizer}" if self.optimizer else ""
        settings = "".join(f", {name} {value:g}" for name, value in self.settings)
        return f"{label(self.schedule)}{optimizer}{f', {self.average}' if self.average else ''}{settings}"

    def __str__(self) -> str:
        short = f"{self.peak:.6g}"
        return f"{self.name} at {short if float(short) == self.peak else repr(self.peak)}"


@dataclass(frozen=True)
class Run:
    """A complete run of a contestant."""

    contestant: Contestant  #: what it was made with
    steps: int  #: the horizon of the schedule, in updates
    seed: int  #: the seed of the job
    losses: np.ndarray  #: the training loss of each update made, shape (n,); fewer than planned where it diverged
    #: (updates made, validation loss), the last at the end; on the way of a full run estimates, where the job has them
    evaluations: tuple[tuple[int, float], ...]
    final_loss: float
    """The validation loss at the end, infinite where it diverged; the least, where a full run ended clearly above."""
    scales: tuple[tuple[int, float], ...] = ()
    """(updates made, factor of the feedback from there on), where there is one."""
    events: tuple[Event, ...] = ()  #: what a guard did, or where its rate was capped
    problem: str = ""  #: why it ended early, where a guard stopped it
    made: int = 0  #: the updates made, those that a guard took back too
    untrained: float = math.nan  #: the validation loss before the first update, measured as the final one

    def __post_init__(self) -> None:
        object.__setattr__(self, "made", max(self.made, len(self.losses)))

    def __eq__(self, other: object) -> bool:
        return equal(self, other)

    def __repr__(self) -> str:
        return f"<Run: {self.contestant}, {plural(self.steps, 'update')}, validation loss {self.final_loss:.4g}>"

    @property
    def cost(self) -> int:
        """The updates made, those that a guard took back too, in updates of the job's own batch."""
        return self.contestant.cost(self.steps, self.made)

    @property
    def last_loss(self) -> float:
        """The validation loss after the last update: above the final one where the run went back to its least."""
        last = self.evaluations[-1][1] if self.evaluations else self.final_loss
        return max(self.final_loss, last) if math.isfinite(last) else math.inf

    @property
    def is_given_up(self) -> bool:
        """Whether it ended before its last update, as it learned noise."""
        updates = self.contestant.policy.updates(self.steps)
        return any(event.kind == "overfitting" and event.update + 1 < updates for event in self.events)

    @property
    def trained_to_the_end(self) -> bool:
        """Whether it made its last update, at a finite training loss."""
        return len(self.losses) >= self.contestant.policy.updates(self.steps) and math.isfinite(self.losses[-1])

    @property
    def gain(self) -> float:
        """How far the validation loss ended below that of the untrained model; NaN where that isn't known."""
        return self.untrained - self.final_loss

    @property
    def end(self) -> tuple[float, np.ndarray]:
        """The rate of the last update made, and the losses."""
        rates, losses = self.curve
        return float(rates[max(len(losses) - 1, 0)]), losses

    @property
    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """The rate of each update, and the training loss of each made."""
        rates = scaled(self.contestant.rates(self.steps), self.scales)
        return (capped(rates, self.events) if self.has_caps else rates), self.losses

    @property
    def made_with(self) -> Contestant:
        """The contestant, whose schedule says from when on the rate was capped, where a loss rose."""
        contestant = self.contestant
        if not self.has_caps or not isinstance(contestant.schedule, Schedule):
            return contestant
        return replace(contestant, schedule=capped_schedule(contestant.schedule, self.events, self.steps))

    @property
    def has_caps(self) -> bool:
        """Whether its events are caps, and not answers of a guard."""
        return bool(self.events) and isinstance(self.contestant.schedule, Schedule)

    def plain(self) -> dict[str, Any]:
        """The run as plain data, from which `remembered` makes it again."""
        contestant = self.contestant
        return {
            "schedule": label(contestant.schedule), "peak": contestant.peak, "optimizer": contestant.optimizer,
            "average": contestant.average and str(contestant.average), "settings": dict(contestant.settings),
            "steps": self.steps, "seed": self.seed,
            "losses": self.losses.tolist(), "evaluations": list(map(list, self.evaluations)),
            "final_loss": self.final_loss, "scales": list(map(list, self.scales)),
            "events": [vars(event) for event in self.events], "problem": self.problem, "made": self.made,
            "untrained": self.untrained, **({} if contestant.batch == 1 else {"batch": contestant.batch}),
        }  # fmt: skip

    @classmethod
    def remembered(cls, data: dict[str, Any], contestant: Contestant | None = None) -> Run:
        """The run whose plain data a memory holds; of the contestant given, else of the one that its text says."""
        data = named_now(data)
        average = data.get("average")
        contestant = contestant or Contestant(
            parse(data["schedule"]), data["peak"], data.get("optimizer"), average and Average.read(average),
            tuple(data.get("settings", {}).items()), data.get("batch", 1.0),
        )  # fmt: skip
        return cls(
            contestant, data["steps"], data["seed"], np.asarray(data["losses"]),
            tuple((int(step), float(loss)) for step, loss in data["evaluations"]), float(data["final_loss"]),
            tuple((int(at), float(scale)) for at, scale in data.get("scales", ())),
            tuple(Event(**event) for event in data.get("events", ())), data.get("problem", ""),
            data.get("made", 0), float(data.get("untrained", math.nan)),
        )  # fmt: skip


def distinct(values: Iterable[Any]) -> list[Any]:
    """The values, each once, in order; they need not be hashable."""
    once: list[Any] = []
    for value in values:
        if value not in once:
            once.append(value)
    return once
