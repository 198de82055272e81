"""What a range test says, on the screen, in the report and in a notebook."""

from __future__ import annotations

import shlex

import numpy as np

from glideslope.search.outcomes import two_digits
from glideslope.search.range_test import RangeTest
from glideslope.views import report
from glideslope.views.answer import Answer, in_html
from glideslope.views.charts import Chart, Mark, Series, level

COLUMNS = ("what", "rate")
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_LONGER = 10
"""The updates of a run that is to confirm a suggestion, over those of a sweep."""


def answer(found: RangeTest, job: str = "JOB") -> Answer:
    """What to do after a range test.

    Args:
        found: the range test.
        job: the place of the job, for the command that confirms it.
    """
    unstable = any(sweep.rises for sweep in found.sweeps)
    edge = f"Unstable above {found.largest_stable:.2g}." if unstable else "No rate in the range was unstable."
    number = len(found.sweeps)
    count = _NUMBERS[number] if number < len(_NUMBERS) else str(number)
    low, high = found.spread
    apart = f"Their suggestions lie between {low:.2g} and {high:.2g}." if number > 1 else ""
    peaks = sorted({two_digits(found.suggestion * factor) for factor in (1 / 3, 1.0, 3.0)})
    command = (
        f"glideslope race {shlex.quote(job)} --steps {_LONGER * found.steps} --schedules one_cycle "
        f"--peaks {','.join(f'{peak:g}' for peak in peaks)}"
    )
    return Answer(
        do=f"Peak to try: {found.suggestion:.2g} ({found.basis}). {edge}",
        sure=(
            *([f"The sweeps say little: {found.problem}."] if found.problem else []),
            f"{count.capitalize()} sweep{'s' * (number != 1)} of {found.steps} updates: short; longer trainings mostly "
            "take lower rates.",
            apart,
        ),
        beaten=(),
        cost=f"{found.updates:,} updates.",
        terms=("peak to try", "steepest", "minimum", "largest stable", "sweep", "fall; noise"),
        confirm=command,
    )


def rows(found: RangeTest) -> list[tuple[str, object]]:
    """The table under `COLUMNS`."""
    return [
        ("peak to try", found.suggestion), ("steepest", found.steepest), ("minimum", found.minimum),
        ("largest stable", found.largest_stable),
        ("peak to try, over the sweeps", f"{found.spread[0]:.3g} to {found.spread[1]:.3g}"),
        ("fall; noise, of the loss", f"{found.fall:.3g}; {found.noise:.3g}"),
    ]  # fmt: skip


def chart(found: RangeTest) -> Chart:
    """The sweeps, with the suggestion and its spread."""
    top = found.sweeps[0].level + 2 * found.fall + 6 * found.noise
    series = [
        Series(f"sweep {i}", sweep.rates, np.where(sweep.smoothed <= top, sweep.smoothed, np.nan))
        for i, sweep in enumerate(found.sweeps, 1)
    ]
    ends = [rate for sweep in found.sweeps for rate in sweep.rates[[0, -1]].tolist()]
    series += level("untrained", found.sweeps[0].level, ends)
    marks = [
        Mark("peak to try", found.suggestion, shown=True), Mark("largest stable", found.largest_stable, shown=True),
        Mark("peak to try, over the sweeps", found.spread[0], found.spread[1]),
    ]  # fmt: skip
    caption = "The smoothed training loss of each sweep; a curve leaves the picture where its loss is lost."
    return Chart("Loss while the rate rises", caption, "learning rate", "training loss", series, marks, log_x=True)


def page(found: RangeTest, job: str) -> str:
    """The report."""
    said = answer(found, job)
    parts = [in_html(said), report.figure(chart(found)), report.listing("Rates", COLUMNS, rows(found))]
    return report.page(f"Range test of {job}", [*parts, report.glossary(said.terms)])
