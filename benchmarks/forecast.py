"""What `laws.forecast` says of public loss curves: ends at 30% of a run, and alarms on clean and on damaged curves.

    python benchmarks/forecast.py --data FOLDER
    python benchmarks/forecast.py --quick       # without the curves: alarms on curves of the public laws, with noise

FOLDER is that of laws.py. Prints

- the mean absolute error of the ends of all runs that have three losses by 30% of them, and how many 90% intervals
  cover them: with all public laws, and without the law of the run's size;
- the alarms on the curves as they are;
- the faults noticed within 2% of the horizon, of 50 of each size: spikes, shifts from then on, and divergences, each at
  a random place of a curve whose losses are as near to one another.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
from laws import convex_agreement, multi_power
from laws_sizes import sizes

from glideslope import laws
from glideslope.laws import near_public
from glideslope.laws.alarms import Alarm, Band

PART, WITHIN, FAULTS = 0.3, 0.02, 50
KINDS = ("spike", "shift", "divergence")


def curves(folder: Path) -> Iterator[tuple[str, laws.Run]]:
    """All runs, each with the name of its size."""
    for size, members in sizes(folder / "convex-agreement" / "sizes").items():
        yield from ((size, own.run) for own in members)
    for size in ("25M", "100M"):
        yield from ((size, run) for run in multi_power(folder / "multi-power-law" / size).values())
    yield from (("124M", run) for _, run in convex_agreement(folder / "convex-agreement" / "124M"))


def usual_curves() -> Iterator[tuple[str, laws.Run]]:
    """Curves of the public laws' median, with the noise of an evaluation."""
    random = np.random.default_rng(0)
    for text in ("warmup(2%) >> cosine()", "warmup(2%) >> hold() >> cooldown(20%)", "warmup(2%) >> cosine(final=0.1)"):
        for noise in (0.0005, 0.001, 0.002, 0.005):
            rates, step = laws.Rates.of_schedule(text, 20_000, 1e-3), np.arange(200.0, 20_001, 200)
            loss = near_public.usual(rates, step) * np.exp(noise * random.normal(size=len(step)))
            yield "usual", laws.Run(rates, step, loss, name=f"{text}, noise {noise}")


def begun(run: laws.Run) -> laws.Run | None:
    """A run as it is at 30%, if it has losses enough."""
    known = run.step <= PART * len(run.lr)
    warm = max(run.rates.first(0.999 * run.peak), 0.03 * len(run.lr))
    return laws.Run(run.rates, run.step[known], run.loss[known]) if (run.step[known] > warm).sum() >= 3 else None


def judge_ends(named: Sequence[tuple[str, laws.Run]]) -> None:
    found: dict[str, tuple[list[float], list[bool]]] = {}
    for size, run in named:
        early = begun(run)
        if early is None:
            continue
        others = tuple(law for law in near_public.LAWS if law[0] != size)
        for what, known in (("all public laws", near_public.LAWS), ("without that of its size", others)):
            with patch.object(near_public, "LAWS", known):
                now = laws.forecast(early)
            errors, covered = found.setdefault(what, ([], []))
            errors.append(now.end - float(run.loss[-3:].mean()))
            covered.append(bool(now.low <= run.loss[-1] <= now.high))
    for what, (errors, covered) in found.items():
        print(
            f"ends at {PART:.0%} of {len(errors)} runs, {what}: {np.abs(errors).mean():.4f} off in the mean, mean "
            f"{np.mean(errors):+.4f}; 90% intervals cover {np.mean(covered):.0%}", flush=True,
        )  # fmt: skip


def alarms(run: laws.Run, loss: np.ndarray) -> list[Alarm]:
    """The alarms of a whole run, as `forecast` takes its losses."""
    late = run.step > max(run.rates.first(0.999 * run.peak), 0.03 * len(run.lr))
    band, trend = Band(), near_public.usual(run.rates, run.step[late])
    entries = zip(run.step[late].tolist(), loss[late].tolist(), trend.tolist(), strict=True)
    return [alarm for entry in entries if (alarm := band.add(*entry)) is not None]


def damaged(run: laws.Run, kind: str, place: int, size: float) -> np.ndarray:
    """The losses of a run with a fault from a place on."""
    loss, since = run.loss.copy(), np.arange(len(run.loss)) - place
    if kind == "spike":
        loss[place] *= 1 + size
    elif kind == "shift":
        loss[place:] *= 1 + size
    else:
        loss[place:] *= (1 + size) ** (1 + since[place:])
    return loss


def judge_alarms(named: Sequence[tuple[str, laws.Run]]) -> None:
    clean = sum(len(alarms(run, run.loss)) for _, run in named)
    print(f"alarms on {len(named)} clean curves: {clean}")
    dense = [run for _, run in named if len(run.step) > 30 and np.diff(run.step).max() <= WITHIN * len(run.lr)]
    random = np.random.default_rng(0)
    for size in (0.1, 0.05):
        noticed = 0
        for number in range(FAULTS):
            run = dense[int(random.integers(len(dense)))]
            late = int(np.searchsorted(run.step, 0.1 * len(run.lr), side="right")) + 8
            place = int(random.integers(late, len(run.step) - 1))
            after = alarms(run, damaged(run, KINDS[number % len(KINDS)], place, size))
            noticed += any(0 <= alarm.step - run.step[place] <= WITHIN * len(run.lr) for alarm in after)
        print(f"faults of {size:.0%} noticed within {WITHIN:.0%} of the horizon: {noticed} of {FAULTS}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if not options.quick and options.data is None:
        parser.error("give --data FOLDER, or --quick")
    named = list(usual_curves() if options.data is None else curves(options.data))
    judge_alarms(named)
    if not options.quick:
        judge_ends(named)


if __name__ == "__main__":
    main()
