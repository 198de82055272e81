"""Averaging of the weights, an alternative to a cooldown of the rate."""

from __future__ import annotations

import re
from dataclasses import dataclass

from glideslope.errors import SearchError


@dataclass(frozen=True)
class Average:
    """An average of the weights, by which a run is measured in place of the weights themselves.

    >>> Average.read("ema(0.99)"), Average.read("swa(75%)")
    (ema(0.99), swa(75%))
    """

    kind: str  # "ema", an exponential one, or "swa", the plain mean over the end of a run
    amount: float  # the decay at each update of "ema"; the part of the run that has gone when "swa" begins

    @classmethod
    def read(cls, text: str) -> Average:
        """The average that a text names. Raises a SearchError if it isn't one."""
        match = re.fullmatch(r"\s*(ema|swa)\s*(?:\(\s*((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(%?)\s*\))?\s*", text)
        default = {"ema": 0.99, "swa": 0.75}
        if match is None:
            raise SearchError(f"{text!r} is not an average of weights: write ema(0.99) or swa(75%)")
        kind, number, percent = match.groups()
        amount = default[kind] if number is None else float(number) / (100 if percent else 1)
        if not 0 < amount < 1:
            raise SearchError(f"{text!r}: {amount:g} isn't between 0 and 1")
        return cls(kind, amount)

    def __str__(self) -> str:
        percent = f"{100 * self.amount:g}"
        if self.kind == "swa" and float(percent) / 100 == self.amount:
            return f"swa({percent}%)"
        return f"{self.kind}({self.amount!r})"

    __repr__ = __str__
