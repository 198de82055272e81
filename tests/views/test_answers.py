"""What searches say: first what to do, then how sure, then what it beat; each number has a line that explains it."""

import io
import shlex
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

import glideslope as gs
from glideslope.feedback import Event
from glideslope.search.strategy.sweep import Sweep
from glideslope.views import answer as answers
from glideslope.views import race as race_views
from glideslope.views import range_test, tuned
from tests.views.results import Quadratic, race, run
from tests.views.results import tuned as a_tuned


def text_of(answer):
    console = Console(file=io.StringIO(), width=200)
    for part in answers.drawn(answer):
        console.print(part, soft_wrap=True)
    return console.file.getvalue()


def test_tune_says_what_to_do_first_then_how_sure_then_what_it_beat():
    lines = text_of(tuned.answer(a_tuned())).splitlines()
    assert lines[0] == "Train with linear() at a peak of 0.25: validation loss 0.2 after 400 updates."
    assert lines[1] == ""
    assert [line.partition(":")[0] for line in lines[2:5]] == ["How sure", "What it beat", "Cost"]
    assert "0.1 to 0.6" in lines[2]
    assert "Short runs end at 0.7 at their best peak; interpolated, 0.95 at half of it." in lines[2]
    assert "twice" not in lines[2]
    assert "best of 2 constant rates, 0.1, ended at 0.4: the answer ends 50% lower." in lines[3]
    assert lines[4] == "Cost: The search took 305 updates, 0.76 full runs."


def test_the_first_line_alone_is_bold():
    styles = [str(part.style) for part in answers.drawn(tuned.answer(a_tuned()))]
    assert styles[0] == "bold"
    assert "bold" not in styles[1:]


def test_a_constant_rate_that_ended_lower_is_not_called_beaten():
    said = " ".join(tuned.answer(a_tuned(final=0.45)).beaten)
    assert "Not beaten: the best of 2 constant rates, 0.1, ended at 0.4." in said
    assert "%" not in said
    assert "constant" not in " ".join(tuned.answer(a_tuned(constants=())).beaten)


def test_a_problem_comes_before_all_else():
    problem = "nothing learned at any rate tried"
    said = tuned.answer(a_tuned(), problem)
    assert said.do == "Nothing learned at any rate tried."
    assert said.sure == ("The best run was linear() at 0.25.",)
    assert "predicted" not in said.terms


def test_a_schedule_that_was_not_chosen_among_several_is_called_usual():
    result = a_tuned()
    assert "usual one" not in " ".join(tuned.answer(result).sure)
    one = replace(result, candidates=result.candidates[:3])
    assert "The peak was tuned; the schedule is the usual one." in tuned.answer(one).sure


def test_race_names_the_best_the_constant_rate_and_the_next():
    said = race_views.answer(race())
    assert said.do == "Train with cosine() at a peak of 0.2: validation loss 0.5 after 100 updates."
    [doubt] = said.sure
    assert doubt.startswith("One seed doesn't show the noise: of two contestants that differ by less than it")
    assert doubt.endswith("--seeds 3, in Python seeds=3, measures it.")
    assert said.beaten == ("The best constant rate, 0.2, ended at 1.2.", "Next: cosine() at 0.1, 1.")
    assert race_views.columns(race()) == ("schedule", "peak", "loss", "updates to 1.2")
    assert race_views.rows(race())[0][:3] == ("cosine()", 0.2, 0.5)


def test_a_race_that_a_constant_rate_wins_says_so():
    from glideslope.search.race import standings

    raced = standings([[run("cosine", 0.1, 1.0)], [run("constant", 0.1, 0.5)]], None, 200)
    assert race_views.answer(raced).beaten[0] == "A constant rate is best: no schedule ended below 0.5."
    lost = standings([[run("constant", 9.0, 1.0, lost=True)]], None, 5)
    assert race_views.answer(lost).do.startswith("Every contestant diverged: ")


def test_a_race_that_nothing_wins_says_so_and_names_equal_ends():
    from glideslope.search.race import standings

    equal = standings([[run("cosine", 0.1, 0.5)], [run("constant", 0.1, 0.5)]], None, 200)
    assert "A tie, as low as the best: constant() at 0.1." in race_views.answer(equal).sure
    assert equal.learned
    nothing = standings([[run("cosine", 0.1, 5.0)], [run("constant", 0.1, 4.0)]], None, 200)
    assert not nothing.learned
    assert race_views.answer(nothing).do == (
        "Nothing learned: the best, constant() at 0.1, ended at 4 after 100 updates, no lower than the untrained "
        "loss, 4."
    )


def test_a_run_that_went_back_is_said_to_end_elsewhere_than_its_schedule():
    capped = replace(run("linear", 0.25, 0.2, 400), events=(Event(99, "growth", 3.0, 60, 0.5),))
    said = " ".join(tuned.answer(replace(a_tuned(), final=capped, full=(capped,))).sure)
    assert "went back to update 60" in said
    assert "a run of the schedule itself makes them, and ends at another loss" in said
    stayed = replace(capped, events=(Event(99, "growth", 3.0, 100, 0.5),))
    assert "another loss" not in " ".join(tuned.answer(replace(a_tuned(), final=stayed, full=(stayed,))).sure)


def test_find_says_the_peak_the_edge_and_how_to_confirm():
    found = gs.find(Quadratic(), high=1e3)
    said = range_test.answer(found, "my job.py:job")
    assert said.do.startswith(f"Peak to try: {found.suggestion:.2g} (between the steepest fall and the largest stable")
    assert said.do.endswith(f"Unstable above {found.largest_stable:.2g}.")
    words = shlex.split(said.confirm)
    assert words[:3] == ["glideslope", "race", "my job.py:job"]
    peaks = [float(peak) for peak in words[words.index("--peaks") + 1].split(",")]
    assert peaks == sorted(peaks)
    assert peaks[1] == pytest.approx(found.suggestion, rel=0.05)
    assert "1 sweep of 100 updates is short" in " ".join(said.sure)


def test_sweeps_that_never_rise_name_no_edge():
    found = gs.find(Quadratic(), high=1e-3)
    said = range_test.answer(found)
    assert "No rate in the range was unstable." in said.do
    assert said.sure[0].startswith("The sweeps say little: ")


def test_the_basis_of_a_suggestion_is_named():
    from glideslope.search.range_test import summary

    rates = np.geomspace(1e-5, 10, 100)
    falling = np.where(rates < 1, 10 - 9 * np.minimum(rates, 0.5) / 0.5, 1e4)
    assert "what is usual for AdamW" in summary([falling], rates, "AdamW").basis
    assert "steepest fall" in summary([falling], rates, "Mine").basis
    flat = np.where(rates < 1, 10.0, 1e4)
    assert summary([flat], rates, "Mine").basis == "the largest stable rate over 10"
    assert isinstance(summary([flat], rates).sweeps[0], Sweep)


@pytest.mark.parametrize(
    "answer", [tuned.answer(a_tuned()), race_views.answer(race()), range_test.answer(gs.find(Quadratic(), high=1e3))]
)
def test_each_term_has_its_line(answer):
    lines = [part.plain for part in answers.glossary(answer.terms)][1:]
    assert len(lines) == len(answer.terms) == len(set(lines))
    assert all(0 < len(line) < 140 for line in lines)


def test_the_rounds_of_a_search_are_in_order_and_sorted_by_peak():
    named = [run("one_cycle", 0.4, 1.0), run("one_cycle", 0.1, 1.0), run("linear", 0.2, 1.0), run("cosine", 0.1, 1.0)]
    averaged = run("constant", 0.3, 1.0)
    averaged = replace(averaged, contestant=replace(averaged.contestant, optimizer="adagrad"))
    decayed = replace(named[0], contestant=replace(named[0].contestant, settings=(("weight_decay", 0.1),)))
    rounds = tuned.rounds([*named, averaged, decayed])
    assert list(rounds) == [
        "Round 1: peaks of one_cycle()", "Round 2: other schedules", "Round 3: peaks of constant() with adagrad",
        "Round 4: other values of weight_decay",
    ]  # fmt: skip
    assert [one.contestant.peak for one in rounds["Round 1: peaks of one_cycle()"]] == [0.1, 0.4]
    assert [one.contestant.peak for one in rounds["Round 2: other schedules"]] == [0.1, 0.2]
