"""Loss curves: fit a law on a few runs, predict others, design a schedule."""

from glideslope.laws.fit import fit
from glideslope.laws.form import NAMES
from glideslope.laws.law import Fitted, Law, load
from glideslope.laws.run import Run

__all__ = ["NAMES", "Fitted", "Law", "Run", "fit", "load"]
