"""The search for a schedule and its rate, measured on the user's own training."""

from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.executors.processes import processes
from glideslope.search.jobs.conformance import check_job
from glideslope.search.jobs.job import Job, JobFactory
from glideslope.search.jobs.job_file import load_job
from glideslope.search.progress import Progress
from glideslope.search.race import Race, race
from glideslope.search.range_test import RangeTest, find
from glideslope.search.runs.contestant import Contestant, Run
from glideslope.search.tune import Tuned, tune

__all__ = ["Contestant", "Job", "JobFactory", "Progress", "Race", "RangeTest", "Run", "RunDirectory", "Tuned",
           "check_job", "find", "load_job", "processes", "race", "tune"]  # fmt: skip
