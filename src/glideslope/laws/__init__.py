"""Loss curves: fit a law on a few runs, predict others, design a schedule."""

from glideslope.laws.alarms import Alarm
from glideslope.laws.averages import predict_average
from glideslope.laws.critical_batch import BatchGrowth, CriticalBatch, batch_growth, critical_batch
from glideslope.laws.design import Design, Designed, design
from glideslope.laws.design_sizes import SizeDesign, design_sizes
from glideslope.laws.fit import fit
from glideslope.laws.fit_sizes import fit_sizes
from glideslope.laws.fit_table import fit_table
from glideslope.laws.forecast import Forecast, Other, forecast
from glideslope.laws.form import NAMES
from glideslope.laws.law import Fitted, Law
from glideslope.laws.law_file import load
from glideslope.laws.logs.read import Read, read
from glideslope.laws.rates import Rates
from glideslope.laws.run import Run
from glideslope.laws.size_law import SizeLaw
from glideslope.laws.size_law_file import is_of_sizes, load_sizes
from glideslope.laws.sizes import SizedRun, sized
from glideslope.laws.suggest import Suggestion, suggest
from glideslope.laws.table_law import Best, TableLaw
from glideslope.laws.table_law_file import load_table

__all__ = [
    "NAMES", "Alarm", "BatchGrowth", "Best", "CriticalBatch", "Design", "Designed", "Fitted", "Forecast", "Law",
    "Other", "Rates", "Read", "Run", "SizeDesign", "SizeLaw", "SizedRun", "Suggestion", "TableLaw", "batch_growth",
    "critical_batch", "design", "design_sizes", "fit", "fit_sizes", "fit_table", "forecast", "is_of_sizes", "load",
    "load_sizes", "load_table", "predict_average", "read", "sized", "suggest",
]  # fmt: skip
