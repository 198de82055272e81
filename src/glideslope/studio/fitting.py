"""Fits a law on logs: a program of a process by itself, which can be ended."""

from __future__ import annotations

import json
import sys
import warnings

from glideslope import laws
from glideslope.errors import GlideslopeError


def main() -> None:
    """Fits a law on logs, named as JSON on standard input with what they don't say; writes it, and notes as JSON."""
    asked = json.load(sys.stdin)
    warnings.simplefilter("ignore")  # what a warning says is the law's doubt
    try:
        read = laws.read(asked["files"], **asked["options"])
        law = laws.fit(read.runs)
        law.save(asked["out"])
    except GlideslopeError as error:
        json.dump({"problem": str(error)}, sys.stdout)
        return
    json.dump({"problem": "", "notes": [*read.notes, *law.notes]}, sys.stdout)
