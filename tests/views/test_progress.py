"""A search while it runs: one screen in a terminal, a line for each stage elsewhere, and what it logs."""

import io
import logging
from contextlib import suppress

import pytest
from rich.console import Console

import glideslope as gs
from glideslope.search import Progress
from glideslope.views.progress import LiveScreen, Pace, StageLines, drawn, sparkline
from tests.views.results import Quadratic


def text_of(part):
    console = Console(file=io.StringIO(), width=120)
    console.print(part)
    return console.file.getvalue()


def test_the_screen_has_the_stage_the_run_the_loss_and_the_time_left():
    pace = Pace()
    pace.see(Progress("peaks", "cosine() at 0.1", 0, 400, 3.0, 100, 1000), 5.0)
    now = Progress("peaks", "cosine() at 0.1", 200, 400, 1.5, 300, 1000)
    pace.see(now, 25.0)
    shown = text_of(drawn(now, [3.0, 2.0, 1.5], pace))
    for words in ("peaks", "cosine() at 0.1", "200 of 400 updates", "1.5", "300 of at most 1,000 updates"):
        assert words in shown
    assert "at most 1.2 min left" in shown  # 700 updates at 10 a second
    unbounded = text_of(drawn(Progress("race", "a", 1, 2, 1.0), [1.0], Pace()))
    assert "left" not in unbounded
    assert "at most" not in unbounded


def test_remembered_runs_do_not_make_the_rest_look_fast():
    pace = Pace()
    for what, done, made, now in (("a", 1, 5001, 0.0), ("a", 11, 5011, 1.0), ("b", 10, 5021, 2.0)):
        pace.see(Progress("race", what, done, 100, 1.0, made, 6000), now)
    assert pace.left(100) == pytest.approx(10.0)


def test_a_name_is_shown_without_markup():
    shown = text_of(drawn(Progress("[red]", "a\n[/x]\x1b", 1, 2, 1.0), [1.0], Pace()))
    assert "[red]" in shown
    assert "a\\n[/x]\\x1b" in shown


def test_a_sparkline_falls_with_the_loss_and_leaves_out_what_is_lost():
    assert len(sparkline([float("nan")] * 5)) == len(sparkline([3.0, 2.0, float("inf"), 1.0])) == 40
    falling, rising = sparkline([2.0, 1.0], 4), sparkline([1.0, 2.0], 4)
    assert falling[0] == rising[-1] != falling[-1]


def test_a_pipe_gets_a_line_for_each_stage():
    console = Console(file=io.StringIO(), width=40)
    with StageLines(console) as watch:
        gs.tune(lambda seed: Quadratic(), 100, schedules=["one_cycle", "linear"], watch=watch)
    lines = console.file.getvalue().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["peaks", "schedules", "full runs"]
    assert lines[-1].startswith("full runs: ")
    assert lines[-1].endswith("of at most 300 updates")


def test_a_stage_that_fails_is_left_to_the_error():
    console = Console(file=io.StringIO(), width=40)

    with suppress(ValueError), StageLines(console) as watch:
        watch(Progress("peaks", "a", 1, 2, 1.0))
        raise ValueError("of the job")
    assert console.file.getvalue() == ""


def test_a_terminal_gets_one_screen_that_goes_away():
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with LiveScreen(console) as watch:
        found = gs.find(Quadratic(), watch=watch)
        watch._live.refresh()
    out = console.file.getvalue()
    assert "range test" in out
    assert f"{found.updates:,} of at most" in out or "of at most" in out
    assert out.rstrip("\n").endswith("\x1b[2K") or "\x1b[1A\x1b[2K" in out[-40:]


def test_progress_counts_all_updates_up_to_the_bound():
    seen = []
    raced = gs.race(lambda seed: Quadratic(), ["cosine"], 50, [0.1, 0.2], seeds=2, watch=seen.append)
    made = [progress.made for progress in seen]
    assert made == sorted(made)
    assert made[-1] == raced.updates <= seen[-1].bound
    assert len([progress.run for progress in seen if progress.run is not None]) == 8
    seen.clear()
    tuned = gs.tune(lambda seed: Quadratic(), 100, against_constant=True, watch=seen.append)
    assert tuned.search_updates < seen[-1].made <= seen[-1].bound == 200 + 100 + 800


def test_a_search_logs_what_it_does(caplog):
    caplog.set_level(logging.INFO, "glideslope")
    memory = {}
    tuned = gs.tune(lambda seed: Quadratic(), 100, memory=memory)
    said = [record.getMessage() for record in caplog.records]
    assert {record.name for record in caplog.records} == {"glideslope"}
    assert len([text for text in said if text.startswith("peaks: ") and " ended after " in text]) >= 3
    assert said[-1].startswith(f"chosen: {tuned.final.contestant}, {tuned.final_loss:.6g} after ")
    caplog.clear()
    gs.tune(lambda seed: Quadratic(), 100, memory=memory)
    assert any("is remembered" in record.getMessage() for record in caplog.records)
