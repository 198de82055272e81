"""What is watched of runs that go on: in one process, in several at once, and of what guards do to them."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs
from glideslope.feedback import Event
from glideslope.search import load_job
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.directory.snapshot import Snapshot, changed
from glideslope.search.executors.processes import processes
from glideslope.search.runs import running
from glideslope.search.runs.contestant import Contestant, Run
from glideslope.search.runs.running import MOST_POINTS, Notes
from glideslope.search.runs.unfinished import Saving
from glideslope.studio.library import Library
from glideslope.studio.watch import seen
from tests.search.test_calls import Counting
from tests.studio.test_watch import Noted

SEARCH = {"command": "race", "job": "job.py:job", "steps": 400}


@pytest.fixture
def prompt(monkeypatch):
    """Runs say how far they are at each look at their losses."""
    monkeypatch.setattr(running, "EVERY", 0.0)
    monkeypatch.setattr(running, "SPACING", 0.0)


def test_a_run_is_seen_as_it_goes_on_without_a_checkpoint(tmp_path, prompt):
    memory = RunDirectory(tmp_path / "raced", SEARCH)
    views = []
    job = Noted(lambda: views.extend([seen(Library(tmp_path), "raced"), Snapshot.of(tmp_path / "raced")]), 310)
    gs.race(job, ["cosine"], 400, [0.01], memory=memory)
    view, snapshot = views
    assert snapshot.unfinished == {}
    (run,) = view["unfinished"]
    assert 275 <= run["updates"] < 310
    assert run["of"] == 400
    assert "cosine() at 0.01" in run["what"]
    (chart,) = (chart for chart in view["charts"] if chart["title"] == "In the making")
    at, losses = np.array(chart["xs"][0], dtype=int), np.array(chart["series"][0]["y"])
    w = 10.0 * np.cumprod(1 - 0.01 * np.append(0.0, gs.cosine().sample(400)))
    assert len(at) >= 10
    assert at[-1] == run["updates"]
    assert losses == pytest.approx((w**2 / 2)[at - 1], rel=1e-3)
    assert seen(Library(tmp_path), "raced")["unfinished"] == []


@pytest.mark.parametrize("address", ["{}/elsewhere", "file://{}/elsewhere", "memory://elsewhere"])
def test_a_run_that_is_checkpointed_elsewhere_is_seen_as_it_goes_on(tmp_path, prompt, address):
    """On this machine always, at a service where the user named it; nothing of other searches there is taken for it."""
    address, folder = address.format(tmp_path), tmp_path / "runs" / "raced"
    memory = RunDirectory(folder, SEARCH, checkpoints=address)
    views, looks = [], []
    libraries = [Library(tmp_path / "runs", checkpoints=address), Library(tmp_path / "runs")]

    def look():
        looks.append([changed(folder, library.reaches) for library in libraries])
        views[:] = [seen(library, "raced") for library in libraries]
        job.at = 310

    job = Noted(look, 250)
    gs.race(job, ["cosine"], 400, [0.01], memory=memory)
    named, unnamed = views
    assert 275 <= named["unfinished"][0]["updates"] < 310
    assert (named["unreached"], named["damaged"]) == ("", [])
    assert any(chart["title"] == "In the making" for chart in named["charts"])
    is_here = not address.startswith("memory")
    assert (unnamed["unreached"], len(unnamed["unfinished"])) == (("", 1) if is_here else (address, 0))
    assert [before != after for before, after in zip(*looks, strict=True)] == [True, is_here]
    memory = RunDirectory(tmp_path / "runs" / "other", SEARCH, checkpoints=address)
    job = Noted(lambda: views.append(seen(libraries[0], "raced")), 310)
    gs.race(job, ["linear"], 400, [0.01], memory=memory)
    assert views[-1]["unfinished"] == []


def test_a_place_of_checkpoints_that_cannot_be_reached_is_named(tmp_path):
    memory = RunDirectory(tmp_path / "raced", SEARCH, checkpoints=str(tmp_path / "elsewhere"))
    gs.race(Counting(), ["cosine"], 40, [0.01], memory=memory)
    (tmp_path / "elsewhere").symlink_to("elsewhere")
    view = seen(Library(tmp_path), "raced")
    assert "elsewhere can't be read" in view["damaged"][0]
    assert len(view["rounds"]) == 1


def test_a_search_whose_process_is_no_more_is_called_lost(tmp_path):
    """A page that watches it is told, though no file changes."""
    search = "import sys, glideslope as gs; from glideslope.search.directory.run_directory import RunDirectory\n"
    search += f"memory = RunDirectory({str(tmp_path / 'raced')!r}, {SEARCH!r}); memory.claim(); memory._begin(); "
    search += "print(flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", search], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    running, before = seen(Library(tmp_path), "raced"), changed(tmp_path / "raced")
    process.kill()
    process.communicate()
    assert (running["state"], seen(Library(tmp_path), "raced")["state"]) == ("running", "lost")
    assert changed(tmp_path / "raced") != before


def kept(said):
    """The losses that a note has of those that were said after so many updates."""
    notes = Notes(Saving("/nowhere", "stem", "key", 60.0, None), "what", "stage", 10**6)
    for done in said:
        notes._keep(done, float(done))
    return notes


@given(st.integers(1, 40), st.integers(1, 3000))
def test_the_losses_of_a_note_are_about_evenly_apart(gap, looks):
    said = [gap * (i + 1) for i in range(looks)]
    course = [done for done, _ in kept(said)._course]
    assert max(np.diff([*course, said[-1]])) <= 4 * said[-1] / MOST_POINTS + gap


@given(st.lists(st.integers(1, 60), min_size=1, max_size=900))
@settings(max_examples=30)
def test_a_note_has_some_of_all_losses_that_were_said(gaps):
    """The first among them, in order, and never too many."""
    said = np.cumsum(gaps).tolist()
    notes = kept(said)
    course = [done for done, loss in notes._course if loss == done]
    assert course[0] == said[0]
    assert len(course) == len(notes._course) <= MOST_POINTS
    assert course == sorted(set(course) & set(said))


def test_a_run_that_goes_on_after_a_loss_says_what_it_was_before(tmp_path, prompt):
    saving = Saving(str(tmp_path), "0123456789abcdef-0123456789abcdef", "key", 60.0, None)
    notes = Notes(saving, "what", "stage", 100)
    notes.begins(0)
    for done in (25, 50, 75):
        notes.see(done, float("inf") if done == 75 else 1.0 / done)
    again = Notes(saving, "what", "stage", 100)
    again.begins(50)
    again.see(60, 0.5)
    assert running.noted(saving).course == ((25, 0.04), (50, 0.02), (60, 0.5))


def test_a_run_that_has_ended_is_not_in_the_making(tmp_path, prompt):
    """An executor may have made it twice, and the other one go on."""
    memory = RunDirectory(tmp_path / "raced", SEARCH)
    gs.race(Counting(), ["cosine"], 40, [0.01], memory=memory)
    for key, there in ((next(iter(memory)), False), ("another", True)):
        notes = Notes(memory.saving(key), "what", "stage", 100)
        notes.begins(0)
        notes.see(25, 1.0)
        assert (key in Snapshot.of(tmp_path / "raced").running) is there


def test_what_a_guard_did_is_seen(tmp_path):
    memory = RunDirectory(tmp_path / "raced", SEARCH | {"steps": 124})
    raced = gs.race(Counting(bad=(70, 90)), ["linear * guard"], 124, [0.1], memory=memory)
    guarded = next(one.runs[0] for one in raced.standings if one.runs[0].events)
    rows = seen(Library(tmp_path), "raced")["events"]
    assert [row[1:3] for row in rows] == [[event.update, event.kind] for event in guarded.events]
    assert all(row[0] == str(guarded.contestant) for row in rows)
    assert any(row[4] is not None and row[4] < row[1] for row in rows)


def test_a_run_that_did_not_go_back_says_so(tmp_path):
    """Of a cap on the rate an event may have a place after it, which is none that it went back to."""
    memory = RunDirectory(tmp_path / "raced", SEARCH)
    contestant = Contestant(gs.parse("cosine"), 0.1)
    events = (Event(50, "rise", 2.0, 60, 0.5), Event(80, "rise", 2.0, 40, 0.5))
    memory["a run"] = Run(contestant, 100, 0, np.ones(100), (), 1.0, events=events).plain()
    assert [row[4] for row in seen(Library(tmp_path), "raced")["events"]] == [None, 40]


@pytest.mark.slow
def test_a_directory_is_watched_while_several_workers_write_it(tmp_path):
    """No look fails, no run that was seen is gone, and in the end all are there."""
    file = tmp_path / "quadratic.py"
    file.write_text((Path(__file__).parents[1] / "search" / "quadratic_jobs.py").read_text())
    library, folder = Library(tmp_path), tmp_path / "out"
    memory = RunDirectory(folder, SEARCH, checkpoint_every=0.0)
    counts, problems, ended = [], [], threading.Event()

    def look():
        while not ended.is_set():
            try:
                changed(folder)
                if (folder / "search.json").exists():
                    view = seen(library, "out")
                    counts.append((sum(len(table["rows"]) for table in view["rounds"]), len(view["unfinished"])))
                    problems.extend(view["damaged"])
            except Exception as error:
                problems.append(repr(error))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        with processes(2) as executor:
            peaks = [0.1, 0.2, 0.3, 0.5]
            raced = gs.race(
                load_job(f"{file}:job"), ["cosine", "linear"], 2000, peaks, executor=executor, memory=memory
            )
    finally:
        ended.set()
        looking.join()
    assert problems == []
    assert [runs for runs, _ in counts] == sorted(runs for runs, _ in counts)
    assert max(unfinished for _, unfinished in counts) >= 1
    last = seen(library, "out")
    assert sum(len(table["rows"]) for table in last["rounds"]) == sum(len(one.runs) for one in raced.standings)
    assert last["unfinished"] == []
