"""Searches for a schedule and a peak rate, each a function of a table played as a training.

A search is called with the table, the updates it may make, a random generator of its own, and the tables of other
families. It returns the text of a schedule of the table, and the peak for the full run. It raises a `SearchError` where
it can't choose.
"""

from collections.abc import Callable

import numpy as np
from played import Played
from prior import Prior

from searches.asha import asha
from searches.ours import ours
from searches.plain import full_runs, random, steepest, usual
from searches.tpe import tpe

Search = Callable[[Played, int, np.random.Generator, Prior], tuple[str, float]]

SEARCHES: dict[str, Search] = {
    "ours": ours, "random": random, "tpe": tpe, "asha": asha, "steepest": steepest,
    "full_runs": full_runs, "usual": usual,
}  # fmt: skip
"""By the names that are printed, ours first."""

__all__ = ["SEARCHES", "Search"]
