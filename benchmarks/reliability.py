"""How often a rate, a run or a curve is silently wrong: kinds of faults, cases tried, and how many were wrong.

    python benchmarks/reliability.py [--quick] [--only KIND,...]

Each case has an independent right answer: a closed form, torch's own rate, the value at a Python number, the run as it
was written. A case that raises a GlideslopeError where that is the right answer isn't wrong. The kinds are the property
tests' own checks, with more examples; `--quick` takes a twentieth of them. Prints the table of docs/reliability.md.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import histories  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.errors import UnsatisfiedAssumption  # noqa: E402
from tests.laws import test_read as logs  # noqa: E402
from tests.parity import test_torch as parity  # noqa: E402
from tests.schedules import test_counts as counts  # noqa: E402
from tests.schedules import test_methods as methods  # noqa: E402
from tests.schedules.strategies import schedules  # noqa: E402
from tests.search import test_noise as noise  # noqa: E402

import glideslope as gs  # noqa: E402


@dataclass
class Tally:
    """The cases of a kind that were tried, and the first few that were wrong."""

    tried: int = 0
    wrong: int = 0
    shown: tuple[str, ...] = ()

    def add(self, problem: str | None) -> None:
        self.tried += 1
        if problem:
            self.wrong += 1
            self.shown = (*self.shown, problem)[:3]


def drawn(check: Any, *strategies: Any) -> Callable[[int], Tally]:
    """A kind whose cases are those of a property test, which raises for a wrong one."""

    def tally(number: int) -> Tally:
        result = Tally()

        @settings(
            max_examples=number, derandomize=True, deadline=None, database=None, suppress_health_check=HealthCheck
        )
        @given(st.tuples(*strategies))
        def tried(values: tuple[Any, ...]) -> None:
            try:
                check.hypothesis.inner_test(*values)
            except UnsatisfiedAssumption:
                raise
            except Exception as error:
                result.add(f"{values!r}: {type(error).__name__}: {error}"[:400])
            else:
                result.add(None)

        tried()
        return result

    return tally


def seeded(case: Callable[[int], str | None]) -> Callable[[int], Tally]:
    """A kind whose cases are made from seeds, by a function that returns what is wrong."""

    def tally(number: int) -> Tally:
        result = Tally()
        for seed in range(number):
            try:
                result.add(case(seed))
            except Exception as error:
                result.add(f"seed {seed}: {type(error).__name__}: {error}"[:400])
        return result

    return tally


def history(seed: int) -> str | None:
    """A random history of a torch training, its rates against closed forms."""
    return histories.History(seed).run()


class Folders:
    """New folders, as pytest's `tmp_path_factory` gives them."""

    def __init__(self) -> None:
        self._held = tempfile.TemporaryDirectory()

    def mktemp(self, name: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=name, dir=self._held.name))


class InFolders:
    """A property test that takes folders, without them."""

    def __init__(self, check: Any) -> None:
        folders, inner = Folders(), check.hypothesis.inner_test
        self.hypothesis = self
        self.inner_test = lambda *values: inner(folders, *values)


class Noisy:
    """Least squares on single examples with noise in their targets, in NumPy, counting the updates it makes.

    Of some seeds the noise is larger than what can be learned, of some the loss is shifted or in another unit.
    """

    def __init__(self, seed: int) -> None:
        shape = np.random.default_rng(1000 + seed)
        self.dimensions = int(shape.integers(2, 12))
        self.noise = float(shape.choice([0.0, 0.5, 2.0]))
        self.unit, self.shift = float(shape.choice([1.0, 1e-3, 1e3])), float(shape.choice([0.0, -10.0, 5.0]))
        self.target = shape.normal(size=self.dimensions) * 2
        self.random = np.random.default_rng(seed)
        self.weights = np.zeros(self.dimensions)
        self.updates = 0

    def step(self, lr: float) -> float:
        self.updates += 1
        x = self.random.normal(size=self.dimensions)
        error = (self.weights - self.target) @ x + self.noise * self.random.normal()
        self.weights = self.weights - lr * error * x
        return self.unit * (0.5 * float(error) ** 2 + self.shift)

    def evaluate(self) -> float:
        return self.unit * (0.5 * float(((self.weights - self.target) ** 2).sum()) + self.shift)

    def state(self) -> object:
        return self.weights.copy(), self.random.bit_generator.state

    def restore(self, state: Any) -> None:
        self.weights, self.random.bit_generator.state = state[0].copy(), state[1]

    def reseed(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)


def search(seed: int) -> str | None:
    """A search on a noisy training: it ends clearly better than it began, or says that nothing was learned, and counts
    each update that it made."""
    job = Noisy(seed)
    untrained = job.evaluate()
    steps = int(np.random.default_rng(seed).integers(300, 900))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tuned = gs.tune(job, steps, overhead=2.0, seed=seed)
        except gs.SearchError as error:
            return None if "nothing learned" in str(error) else str(error)
    made = job.updates - len(tuned.final.losses)
    if made != tuned.search_updates or tuned.search_updates > 2 * steps + 1:
        return f"seed {seed}: {made} updates made, {tuned.search_updates} counted, at most {2 * steps}"
    fallen = (untrained - tuned.final_loss) / (untrained - job.unit * job.shift)
    return None if fallen > 0.5 else f"seed {seed}: only {fallen:.0%} of the way, at a peak of {tuned.peak:g}"


def race_of_guards(seed: int) -> str | None:
    """A race with guards counts the updates that were taken back too."""
    job = Noisy(seed)
    job.noise = 0.5
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raced = gs.race(job, ["constant * guard(every=5, rest=10)", "linear"], [0.02, 0.3], 60, seed=seed)
    return None if raced.updates == job.updates else f"seed {seed}: {job.updates} made, {raced.updates} counted"


KINDS: dict[str, tuple[str, Callable[[int], Tally], int]] = {
    "histories": ("rates in torch loops: each update of a random history", seeded(history), 10_000),
    "conversions": ("torch schedulers converted: every update, each group",
                    drawn(parity.test_what_converts_gives_torch_s_rates_at_every_update_of_every_group,
                          parity.random_schedulers(), st.integers(0, 60)), 5_000),
    "cuts": ("schedules cut by .lasting",
             drawn(methods.test_what_lasts_is_itself_until_it_is_cut, schedules,
                   st.floats(1, 700) | st.integers(1, 700)), 5_000),
    "moves": ("schedules delayed, skipped, stretched, and cut",
              drawn(methods.test_what_moves_a_schedule_and_cuts_it_is_itself_elsewhere, schedules,
                    st.integers(1, 300), st.integers(1, 300), st.floats(0.3, 3)), 3_000),
    "counts": ("counts of each NumPy and torch type",
               drawn(counts.test_every_type_of_numpy_and_torch, schedules), 2_000),
    "jax": ("counts of each JAX type", drawn(counts.test_every_type_of_jax, schedules), 300),
    "zero": ("range tests of a loss shifted, or in another unit",
             drawn(noise.test_no_decision_depends_on_the_zero_or_the_unit_of_the_loss, *noise.SWEEPS), 3_000),
    "searches": ("searches on noisy trainings: learned or said, all updates counted", seeded(search), 1_000),
    "guards": ("races with guards: all updates counted", seeded(race_of_guards), 100),
    "logs": ("logs of several files and runs, in any order",
             drawn(InFolders(logs.test_every_run_of_every_file_is_read_in_any_order), logs.folders()), 2_000),
    "columns": ("logs with an unrelated column",
                drawn(InFolders(logs.test_an_unrelated_column_changes_nothing), *logs.COLUMNS), 3_000),
}  # fmt: skip


def rows(names: list[str], share: float) -> Iterator[tuple[str, Tally, float]]:
    """The kinds of these names: what is tried, the tally, and the seconds it took."""
    for name in names:
        title, tally, number = KINDS[name]
        began = time.perf_counter()
        yield title, tally(max(math.ceil(number * share), 5)), time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a twentieth of the cases")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(KINDS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print("| kind | tried | wrong |\n|---|---|---|", flush=True)
    for title, tally, seconds in rows(options.only, 0.05 if options.quick else 1.0):
        print(f"| {title} | {tally.tried:,} | {tally.wrong:,} |", flush=True)
        print(f"{title}: {seconds:.0f} s", *tally.shown, sep="\n  ", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
