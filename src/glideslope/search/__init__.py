"""Which schedule and which rate, measured on the user's own training."""

from glideslope.search.conformance import check_job
from glideslope.search.contestant import Contestant, Run
from glideslope.search.job import Job, JobFactory, load_job
from glideslope.search.progress import Progress
from glideslope.search.race import Race, race
from glideslope.search.range_test import RangeTest, find
from glideslope.search.tune import Tuned, tune

__all__ = ["Contestant", "Job", "JobFactory", "Progress", "Race", "RangeTest", "Run", "Tuned", "check_job", "find",
           "load_job", "race", "tune"]  # fmt: skip
