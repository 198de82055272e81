"""Fits a law on logs: a program of a process by itself, which can be ended."""

from __future__ import annotations

import json
import sys
import warnings

import numpy as np

from glideslope import laws
from glideslope.errors import GlideslopeError

_POINTS = 400
"""The points of a run that are drawn."""


def main() -> None:
    """Reads the names of logs and of a law as JSON on standard input; writes the law there, and its runs as JSON."""
    asked = json.load(sys.stdin)
    warnings.simplefilter("ignore")  # what a warning says is the law's doubt
    try:
        read = laws.read(asked["files"])
        law = laws.fit(read.runs)
        law.save(asked["out"])
    except GlideslopeError as error:
        json.dump({"problem": str(error)}, sys.stdout)
        return
    runs = []
    for run in read.runs:
        kept = np.unique(np.linspace(0, len(run.step) - 1, min(_POINTS, len(run.step))).astype(int))
        runs.append((run.name, run.step[kept].tolist(), run.loss[kept].tolist()))
    json.dump({"problem": "", "runs": runs, "notes": [*read.notes, *law.notes]}, sys.stdout)
