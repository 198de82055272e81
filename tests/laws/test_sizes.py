"""Large inputs: rates kept as some of their updates, means of many losses, tables read as columns, long schedules."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import glideslope as gs
from glideslope import laws
from glideslope.cli import app
from glideslope.laws.logs.delimited import table
from glideslope.laws.logs.numbers import of_numbers
from glideslope.laws.logs.source import Labels, Source
from tests.laws.test_laws import parameters, runs


@given(st.lists(st.tuples(st.integers(1, 30), st.floats(0, 2)), min_size=1, max_size=8), st.integers(0, 9))
def test_rates_are_the_array_they_stand_for(pieces, after):
    places = np.cumsum([0, *(length for length, _ in pieces[1:])])
    values = np.array([value for _, value in pieces])
    rates = laws.Rates(values, places, int(places[-1]) + 1 + after)
    every = np.interp(np.arange(len(rates)), places, values)
    np.testing.assert_allclose(np.asarray(rates), every)
    t = np.arange(len(every) + 1)
    np.testing.assert_allclose(rates.total(t), np.append(0.0, np.cumsum(every)), atol=1e-9)
    assert rates.first(rates.peak) == np.argmax(every >= rates.peak)
    assert rates.lowest(0, len(every)) == pytest.approx(every.min())


def test_means_of_many_losses_predict_as_all_points_do_and_are_said():
    truth = runs(parameters(0), every=2)
    noisy = runs(parameters(0), noise=0.02, every=2)[:4]
    law = laws.fit(noisy)
    assert any("1,840 points of each of 4 runs" in note or "averaged to 400" in note for note in law.notes)
    for run in truth[:4]:
        assert law.predict(run.lr, 4000)[0] == pytest.approx(run.loss[-1], rel=0.005)


CELL = st.sampled_from(["", "0", "1", "12", "-3", "0.5", "1e-3", "2E5", "100000000000"])


@settings(max_examples=60)
@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=6))
def test_a_table_of_numbers_is_read_as_one_of_text(tmp_path_factory, rows):
    text = "step,lr,loss\n" + "".join(",".join(row) + "\n" for row in rows)
    fast = of_numbers(text.encode(), Labels())
    expected = [row for row in rows if any(row)]
    if fast is None or not expected:
        return
    file = tmp_path_factory.mktemp("sizes") / "a.csv"
    file.write_text(text)
    slow = np.array([[float(cell) if cell else np.nan for cell in row.values()] for row in table(Source(file)).rows()])
    quick = np.stack(list(fast.columns.values()), axis=1)
    np.testing.assert_array_equal(quick[np.isfinite(quick).any(axis=1)], slow)


@pytest.mark.parametrize("content", ["step,lr\n1,nan\n", "step,lr\n1,2,3\n4\n", 'step,lr\n"1",2\n', "a,b\n1,2\n"])
def test_what_is_no_plain_table_of_numbers_is_left_to_the_careful_reader(content):
    assert of_numbers(content.encode(), Labels()) is None


@pytest.mark.filterwarnings("ignore:the law tells nothing")
@pytest.mark.parametrize("last", [10**9, 10**12])
def test_a_far_step_allocates_nothing(last, tmp_path):
    for name, end in (("a", 1e-3), ("b", 0.0)):
        rows = [f"{int(x * last)},{1e-3 * (1 - x) + end * x},{3 - x}" for x in np.linspace(0.01, 1, 30)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["step,lr,loss", *rows]))
    read = laws.read(tmp_path)
    assert [len(run.lr) for run in read.runs] == [last, last]
    assert laws.fit(read.runs).predict(read.runs[0].lr, [last])[0] == pytest.approx(2.0, rel=0.1)
    with pytest.raises(gs.LawError, match="at most 100,000,000"):
        np.asarray(read.runs[0].lr)


def test_long_schedules_are_drawn_with_their_peaks():
    said = CliRunner().invoke(app, ["show", "warmup(5) >> cosine", "--steps", str(10**12), "--csv", "-"])
    rows = [line.split(",") for line in said.stdout.splitlines() if line[:1].isdigit()]
    assert ["5", "1.0"] in rows
    assert rows[-1][0] == str(10**12 - 1)
    for steps in (10**30, 10**400):
        refused = CliRunner().invoke(app, ["show", "cosine", "--steps", str(steps)])
        assert isinstance(refused.exception, gs.GlideslopeError)
        with pytest.raises(gs.ScheduleError):
            gs.cosine().sample(steps)
