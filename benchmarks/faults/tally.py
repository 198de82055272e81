"""Cases tried and how many were wrong, or ended in an error that isn't ours: made from seeds, or by a property test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import UnsatisfiedAssumption

import glideslope as gs

FIRST_SEED = [0]
"""The seed of the first case of each kind."""
Cases = Callable[[int], "Tally"]
Kinds = dict[str, tuple[str, Cases, int]]
"""By a short name: what is tried, how a number of its cases is tried, and that number for the table."""


@dataclass
class Tally:
    """The cases of a kind that were tried, and the first few that were wrong."""

    tried: int = 0
    wrong: int = 0
    tracebacks: int = 0
    shown: tuple[str, ...] = ()

    def add(self, problem: str | Exception | None) -> None:
        """A case: None if it was right, what was wrong, or the error that it ended in."""
        self.tried += 1
        if isinstance(problem, str | AssertionError | gs.GlideslopeError):
            self.wrong += 1
        elif problem is not None:
            self.tracebacks += 1
        if problem is not None and len(self.shown) < 3:
            kind = "" if isinstance(problem, str) else f"{type(problem).__name__}: "
            self.shown = (*self.shown, f"{kind}{problem}"[:400])


def drawn(check: Any, *strategies: Any) -> Callable[[int], Tally]:
    """A kind whose cases are those of a property test, which raises for a wrong one."""

    def tally(number: int) -> Tally:
        result = Tally()

        @settings(max_examples=number, deadline=None, database=None, suppress_health_check=HealthCheck)
        @seed(FIRST_SEED[0])
        @given(st.tuples(*strategies))
        def tried(values: tuple[Any, ...]) -> None:
            try:
                check.hypothesis.inner_test(*values)
            except UnsatisfiedAssumption:
                raise
            except Exception as error:
                error.args = (f"{values!r}: {error}",)
                result.add(error)
            else:
                result.add(None)

        tried()
        return result

    return tally


def seeded(case: Callable[[int], str | None]) -> Callable[[int], Tally]:
    """A kind whose cases are made from seeds, by a function that returns what is wrong."""

    def tally(number: int) -> Tally:
        result = Tally()
        for each in range(FIRST_SEED[0], FIRST_SEED[0] + number):
            try:
                result.add(case(each))
            except Exception as error:
                error.args = (f"seed {each}: {error}",)
                result.add(error)
        return result

    return tally


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
