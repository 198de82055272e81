"""Which runs a chart shows at first."""

import numpy as np
import pytest

import glideslope as gs
from glideslope.search.runs.contestant import Contestant, Run
from glideslope.views.run_charts import SHOWN, losses, rates


@pytest.mark.parametrize("chart", [losses, rates])
def test_the_runs_that_ended_lowest_are_shown_wherever_they_stand(chart):
    ends = [*np.linspace(9, 2, 8), np.inf, 0.5, 0.4, *np.full(4, 3.5)]
    runs = [Run(Contestant(gs.linear(), 0.1 + i), 10, 0, np.ones(10), (), end) for i, end in enumerate(ends)]
    shown = {series.name for series in chart(runs, "Runs").series if not series.hidden}
    assert shown - {"untrained"} == {str(runs[i].contestant) for i in np.argsort(ends, kind="stable")[:SHOWN]}
