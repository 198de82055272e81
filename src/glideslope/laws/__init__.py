"""Loss curves: fit a law on a few runs, predict others, design a schedule."""

from glideslope.laws.design import Design, Designed, design
from glideslope.laws.fit import fit
from glideslope.laws.form import NAMES
from glideslope.laws.law import Fitted, Law
from glideslope.laws.law_file import load
from glideslope.laws.logs.read import Read, read
from glideslope.laws.rates import Rates
from glideslope.laws.run import Run

__all__ = ["NAMES", "Design", "Designed", "Fitted", "Law", "Rates", "Read", "Run", "design", "fit", "load", "read"]
