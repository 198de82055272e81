"""Runs of several sizes: how large the network of each is, and what of it a law over sizes needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from glideslope.errors import LawError
from glideslope.laws.columns import Rows, rows_of
from glideslope.laws.rates import Rates
from glideslope.laws.run import Run
from glideslope.laws.size_law import SAME
from glideslope.laws.units import mixed
from glideslope.schedules.arguments import as_kind, checked

_BATCHES = 500  # between neighbouring batches: from this ratio on, two units are mixed
_DECAYS, _HIGHER, _AS_LONG = 30, 1.005, 0.8
"""Between weight decays, and between the lowest losses of a size and of the one below, whose longest run may be so much
longer: from these ratios on, a note asks whether they are right."""
_SEQUENCES = 1000  # in an update, under which a batch that isn't said to be of tokens counts sequences
_SMALL = 1e6  # parameters of the largest network under which a note asks whether they are in thousands
_LEAST = 1000  # parameters of the largest network, at least: with fewer, they are in millions


@dataclass(frozen=True)
class SizedRun:
    """A run of a network of some size. Raises a LawError if a number isn't positive."""

    run: Run  #: its rates and losses; its `batch_size` in tokens, where runs differ in it
    params: float  #: the parameters of the network
    weight_decay: float | None = None  #: its coefficient, where it is known

    def __post_init__(self) -> None:
        as_kind(LawError, "run", self.run, "Run")
        for name, kind in (("params", "float"), ("weight_decay", "float | None")):
            value = as_kind(LawError, f"{self.run.name}: {name}", getattr(self, name), kind)
            object.__setattr__(self, name, value)
        if self.params < 1:
            raise LawError(f"{self.run.name}: params={self.params}: give the number of parameters, such as 124e6")
        if self.weight_decay is not None and self.weight_decay < 0:
            raise LawError(f"{self.run.name}: weight_decay={self.weight_decay}: give a number from 0")


@checked(LawError)
def sized(runs: Sequence[Run], table: Any) -> list[SizedRun]:
    """The runs with what a table says of them: columns run, params and maybe tokens_per_step, weight_decay, or other
    usual names (`laws.logs.column_names`), in a file, a data frame, or a mapping for each row. Raises a LawError if the
    table lacks a column or a run, or has a run twice, or a number isn't one."""
    rows = rows_of(table, ("run", "params"), ("batch", "weight_decay"))
    known: dict[str, int] = {}
    for i, (place, row) in enumerate(zip(rows.places, rows.entries, strict=True)):
        if rows.entries[known.setdefault(_plain(str(row["run"])), i)] != row:
            raise LawError(f"{place}: a second row for the run {row['run']}: give each once")
    if lacking := [run.name for run in runs if _plain(run.name) not in known]:
        where = table if isinstance(table, str | Path) else "the table"
        raise LawError(f"{where} has no row for {', '.join(lacking[:4])}: its runs are {', '.join(list(known)[:4])}, …")
    places = [known[_plain(run.name)] for run in runs]
    members = [_sized(run, rows, place) for run, place in zip(runs, places, strict=True)]
    _check_units(members, [rows.places[place] for place in places])
    return members


def _sized(run: Run, rows: Rows, place: int) -> SizedRun:
    params, batch, decay = (rows.value(place, column) for column in ("params", "batch", "weight_decay"))
    where, column = f"{rows.places[place]}, run {run.name}", rows.names.get("batch", "")
    if params is None:
        raise LawError(f"{where}: {rows.names['params']} is empty: give the number of parameters")
    if batch is not None and "token" not in column and column != "batch" and batch < _SEQUENCES:
        raise LawError(f"{where}: {column}={batch:g} seems to count sequences: give tokens_per_step, of an update")
    try:
        return SizedRun(run if batch is None else replace(run, batch_size=batch), params, decay)
    except LawError as error:
        raise LawError(f"{rows.places[place]}, run {error}") from None


def _plain(name: str) -> str:
    """A run's name without the folder and the ending of its file."""
    name = name.strip().replace("\\", "/").rsplit("/", 1)[-1]
    return name.removesuffix(".gz").removesuffix(".csv").removesuffix(".json").removesuffix(".jsonl")


def groups(runs: Sequence[SizedRun]) -> dict[float, list[SizedRun]]:
    """The runs of each size, smallest first. Raises a LawError if there is one size only, parameters are in two units,
    or each size has a peak of its own."""
    by_size: dict[float, list[SizedRun]] = {}
    for run in sorted(runs, key=lambda run: run.params):
        near = next((size for size in by_size if abs(run.params / size - 1) < SAME), run.params)
        by_size.setdefault(near, []).append(run)
    sizes = list(by_size)
    if len(sizes) < 2:
        count = f"{sizes[0]:.4g} parameters" if sizes else "no runs"
        raise LawError(f"one size only ({count}): fit its runs without sizes, or add a run of another size")
    _check_units(runs, [run.run.name for run in runs])
    if sizes[-1] < _LEAST:
        raise LawError(
            f"params up to {sizes[-1]:g}: they seem to be in millions; write them as numbers of parameters, 124e6 "
            "for 124 million"
        )
    if 0 < (most := max(map(_batch, runs))) < 1:
        raise LawError(f"batches up to {most:g} tokens: they seem to be in millions; write 0.5e6 or 0.5M for half one")
    decays = [run.weight_decay for run in runs]
    if None in decays and any(decay is not None for decay in decays):
        raise LawError("some runs have a weight_decay and some haven't: give it to all or to none")
    _check_peaks(by_size)
    return by_size


def _check_units(runs: Sequence[SizedRun], places: Sequence[str]) -> None:
    """Raises where parameters are in two units, with the places of two runs whose units differ."""
    if pair := mixed([run.params for run in runs], [float(run.run.loss.min()) for run in runs]):
        ends = " and ".join(f"{runs[i].params:g} ({places[i]})" for i in pair)
        raise LawError(
            f"params of {ends}: two units seem to be mixed; write all as numbers of parameters, 124e6 for 124 million"
        )
    batches = {i: batch for i, run in enumerate(runs) if (batch := _batch(run))}
    ordered = sorted(batches, key=batches.__getitem__)
    for i, j in pairwise(ordered):
        if batches[j] > _BATCHES * batches[i]:
            raise LawError(
                f"batches of {batches[i]:g} ({places[i]}) and {batches[j]:g} ({places[j]}): two units seem to be "
                "mixed; write all as numbers of tokens"
            )


def _check_peaks(by_size: dict[float, list[SizedRun]]) -> None:
    """Raises where what a size does can't be told from what its peak does: each size has one, and no two the same."""
    if peaks := _of_their_own({size: [run.run.peak for run in runs] for size, runs in by_size.items()}):
        small, large = min(peaks), max(peaks)
        raise LawError(
            f"each size has a peak of its own ({_listed(peaks)}), so that sizes can't be told from peaks: add a run of "
            f"{small:.3g} parameters at a peak of {peaks[large]:g}, that of {large:.3g}"
        )


def not_apart(by_size: dict[float, list[SizedRun]]) -> list[str]:
    """Notes on sizes that may be in thousands or of other runs, on weight decays that may be in two units; and on
    batches and weight decays that can't be told from sizes, since each size has one of its own."""
    largest, notes = max(by_size), []
    if largest < _SMALL:
        notes.append(f"params up to {largest:g}: if they are in thousands, write them as numbers of parameters, 124e6")
    for (small, before), (large, after) in pairwise(by_size.items()):
        low, high = (min(float(run.run.loss.min()) for run in runs) for runs in (before, after))
        short, long = (max(len(run.run.lr) for run in runs) for runs in (before, after))
        if high > _HIGHER * low and long > _AS_LONG * short:
            notes.append(
                f"the lowest loss of {large:.3g} parameters, {high:.4g}, is above that of {small:.3g}, {low:.4g}, in "
                "runs about as long: are the sizes those of these runs?"
            )
    decays = sorted({run.weight_decay for runs in by_size.values() for run in runs if run.weight_decay})
    if decays and decays[-1] > _DECAYS * decays[0]:
        notes.append(f"weight decays of {decays[0]:g} and {decays[-1]:g}: are they in one unit?")
    for what, value in (("batch", _batch), ("weight decay", lambda run: run.weight_decay or 0.0)):
        values = _of_their_own({size: [value(run) for run in runs] for size, runs in by_size.items()})
        if values:
            small, large = min(values), max(values)
            notes.append(
                f"each size has a {what} of its own ({_listed(values)}), so that what it does is supposed, not "
                f"measured: a run of {small:.3g} parameters with {values[large]:g} would tell"
            )
    return notes


def _batch(run: SizedRun) -> float:
    return 0.0 if run.run.batch_size is None else Rates.of(run.run.batch_size).mean(lambda sizes: sizes)


def _of_their_own(by_size: dict[float, list[float]]) -> dict[float, float]:
    """The value of each size, where each has one, and no two the same; else none."""
    alone = all(max(values) <= (1 + SAME) * min(values) for values in by_size.values())
    ordered = [values[0] for values in by_size.values()]
    apart = all(abs(a - b) >= SAME * max(a, b) > 0 for i, a in enumerate(ordered) for b in ordered[:i])
    return dict(zip(by_size, ordered, strict=True)) if alone and apart else {}


def _listed(values: dict[float, float]) -> str:
    return ", ".join(f"{size:.3g}: {value:g}" for size, value in values.items())
