"""The answer of a range test, on the screen, in the report and in a notebook."""

from __future__ import annotations

import shlex

import numpy as np

from glideslope.plural import plural
from glideslope.search.range_test import RangeTest
from glideslope.search.strategy.outcomes import two_digits
from glideslope.views import report
from glideslope.views.answer import Answer, in_html
from glideslope.views.charts import Chart, Mark, Series, level

COLUMNS = ("what", "value")
_LONGER = 10  # the updates of a run that is to confirm a suggestion, over those of a sweep


def answer(test: RangeTest, job: str = "JOB") -> Answer:
    """What to do after a range test of a job, with the command that confirms it."""
    unstable = any(sweep.rises for sweep in test.sweeps)
    edge = f"Unstable above {test.largest_stable:.2g}." if unstable else "No rate in the range was unstable."
    low, high = test.spread
    apart = f"Their suggestions lie between {low:.2g} and {high:.2g}." if len(test.sweeps) > 1 else ""
    peaks = sorted({two_digits(test.suggestion * factor) for factor in (1 / 3, 1.0, 3.0)})
    command = (
        f"glideslope race {shlex.quote(job)} --steps {_LONGER * test.steps} --schedules one_cycle "
        f"--peaks {','.join(f'{peak:g}' for peak in peaks)}"
    )
    return Answer(
        do=f"Peak to try: {test.suggestion:.2g} ({test.basis}). {edge}",
        sure=(
            *([f"The sweeps say little: {test.problem}."] if test.problem else []),
            f"{plural(len(test.sweeps), 'sweep')} of {plural(test.steps, 'update')} "
            f"{'is' if len(test.sweeps) == 1 else 'are'} short; longer trainings mostly take lower rates.",
            apart,
        ),
        beaten=(),
        cost=f"{plural(test.updates, 'update', ',')}.",
        terms=("peak to try", "steepest", "minimum", "largest stable", "sweep", "fall; noise"),
        confirm=command,
    )


def rows(test: RangeTest) -> list[tuple[str, object]]:
    """The table under `COLUMNS`."""
    return [
        ("peak to try", test.suggestion), ("steepest", test.steepest), ("minimum", test.minimum),
        ("largest stable", test.largest_stable),
        ("peak to try, over the sweeps", f"{test.spread[0]:.3g} to {test.spread[1]:.3g}"),
        ("fall; noise, of the loss", f"{test.fall:.3g}; {test.noise:.3g}"),
    ]  # fmt: skip


def chart(test: RangeTest) -> Chart:
    """The sweeps, with the suggestion and its spread."""
    top = test.sweeps[0].level + 2 * test.fall + 6 * test.noise
    series = [
        Series(f"sweep {i}", sweep.rates, np.where(sweep.smoothed <= top, sweep.smoothed, np.nan))
        for i, sweep in enumerate(test.sweeps, 1)
    ]
    ends = [rate for sweep in test.sweeps for rate in sweep.rates[[0, -1]].tolist()]
    series += level("untrained", test.sweeps[0].level, ends)
    marks = [
        Mark("peak to try", test.suggestion, shown=True), Mark("largest stable", test.largest_stable, shown=True),
        Mark("peak to try, over the sweeps", test.spread[0], test.spread[1]),
    ]  # fmt: skip
    caption = "The smoothed training loss of each sweep; a curve leaves the picture where its loss is lost."
    return Chart("Loss while the rate rises", caption, "learning rate", "training loss", series, marks, log_x=True)


def page(test: RangeTest, job: str) -> str:
    """The report."""
    said = answer(test, job)
    parts = [in_html(said), report.figure(chart(test)), report.listing("Rates", COLUMNS, rows(test))]
    return report.page(f"Range test of {job}", [*parts, report.glossary(said.terms)])
