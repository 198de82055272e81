"""What is seen of a run directory while a search writes it, and when it has ended."""

import asyncio
import json
import re
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import glideslope as gs
from glideslope.documents import sealed, unsealed
from glideslope.errors import DocumentError, RunDirectoryError
from glideslope.escape import html
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.directory.snapshot import Snapshot, anywhere, changed
from glideslope.search.strategy.full_runs import HELD
from glideslope.studio import watch
from glideslope.studio.background import Background
from glideslope.studio.library import Library
from glideslope.studio.watch import _news, folders, seen
from glideslope.views import tuned as views
from glideslope.views.reasons import Compared
from tests.studio.asking import client
from tests.views.results import Quadratic

SEARCH = {"command": "race", "job": "job.py:job", "steps": 40}


class Noted(Quadratic):
    """A job that looks at its run directory at one of its updates, as another process may at any time."""

    def __init__(self, look, at):
        super().__init__()
        self.look, self.at, self.made = look, at, 0

    def step(self, lr):
        self.made += 1
        if self.made == self.at:
            self.look()
        return super().step(lr)


@pytest.fixture
def raced(tmp_path):
    """A finished race, and what was seen of it in the middle of its second run."""
    folder = tmp_path / "runs" / "raced"
    memory = RunDirectory(folder, SEARCH)
    views = []
    job = Noted(lambda: views.append(seen(Library(tmp_path), "runs/raced")), 60)
    result = gs.race(job, ["cosine", "linear"], 40, [0.1, 9.0], memory=memory)
    memory.finish({"steps": 40}, [], "<p>the report</p>")
    return tmp_path, result, views


def test_runs_are_seen_as_they_end(raced):
    tmp_path, result, (middle,) = raced
    assert middle["state"] == "running"
    assert sum(len(table["rows"]) for table in middle["rounds"]) == 1
    last = seen(Library(tmp_path), "runs/raced")
    assert last["state"] == "finished"
    assert last["report"]
    rows = {(row[0], row[1]): row for table in last["rounds"] for row in table["rows"]}
    for standing in result.standings:
        _, _, updates, loss, why = rows[standing.contestant.name, standing.contestant.peak]
        assert updates == 40
        if np.isfinite(standing.mean):
            assert loss == pytest.approx(standing.mean)
            assert why.startswith("the answer: the lowest of 6") == (standing is result.standings[0])
        else:
            assert re.match(r"diverged after \d+ updates", why)
    assert [table["leads"].index(True) for table in last["rounds"]] == [0]


def test_the_runs_of_one_contestant_say_their_seed(tmp_path):
    memory = RunDirectory(tmp_path / "raced", {"steps": 40})  # of a script, which may call it nothing
    gs.race(lambda seed: Quadratic(), ["cosine", "linear"], 40, [0.1], seeds=2, memory=memory)
    (table,) = seen(Library(tmp_path), "raced")["rounds"]
    names = {f"{name}(), seed {seed}" for name in ("cosine", "linear", "constant") for seed in (0, 1)}
    assert {row[0] for row in table["rows"]} == names
    assert {row[4] for row in table["rows"][:2]} == {"the best so far: the lowest of 3 by its mean over 2 seeds"}


def test_the_tables_of_a_tuning_are_those_of_its_report(tmp_path):
    """Round by round, with the answer, and the same reasons; those of an earlier version are told by their length."""
    search = {"command": "tune", "job": "job.py:job", "steps": 400, "overhead": 2.0}
    memory = RunDirectory(tmp_path / "tuned", search)
    tuned = gs.tune(Quadratic(), 400, memory=memory, against_constant=True)
    before = seen(Library(tmp_path), "tuned")["rounds"]
    assert " so far" in before[0]["rows"][0][4]
    memory.finish({"final_loss": tuned.final_loss}, [], "<p>the report</p>")
    tables = {table["title"]: table for table in seen(Library(tmp_path), "tuned")["rounds"]}
    short = views.rounds(tuned.candidates)
    assert list(tables) == ["Full runs", "Full runs of constant rates", *short]
    compared = Compared(tuned.candidates, tuned.full, tuned.constants, (), tuned.noise, tuned.final)
    assert tuned.full[1].contestant.schedule == HELD  # the loss has no noise
    assert "its rate is held" in compared.reason(tuned.full[1])
    named = gs.tune(Quadratic(), 400, schedules=["one_cycle()", "linear()"])
    others = Compared(named.candidates, named.full, (), (), named.noise, named.final)
    assert others.best_short.contestant.schedule == named.full[0].contestant.schedule
    for title, runs in {"Full runs": tuned.full, **short}.items():
        reasons = {row[1]: row[4] for row in tables[title]["rows"]}
        assert reasons == {run.contestant.peak: compared.reason(run) for run in runs}
    assert sum(sum(table["leads"]) for table in tables.values()) == 1
    text = views.page(tuned, "job", None, [], [])
    assert all(html(row[4]) in text for table in tables.values() for row in table["rows"])
    for file in (tmp_path / "tuned" / "finished").iterdir():
        document = unsealed(file.read_text())
        del document["result"]["stage"]
        file.write_text(sealed(document))
    former = {table["title"]: len(table["rows"]) for table in seen(Library(tmp_path), "tuned")["rounds"]}
    assert former["Full runs"] == len(tuned.full) + len(tuned.constants)
    assert sum(former.values()) == former["Full runs"] + len(tuned.candidates)


def test_nothing_is_changed_by_looking(raced):
    tmp_path, _, _ = raced
    before = changed(tmp_path / "runs" / "raced")
    seen(Library(tmp_path), "runs/raced")
    assert changed(tmp_path / "runs" / "raced") == before


def test_a_damaged_file_is_named_and_the_others_are_seen(raced):
    tmp_path, result, _ = raced
    file = sorted((tmp_path / "runs" / "raced" / "finished").iterdir())[0]
    file.write_text(file.read_text().replace("0", "1", 1))
    view = seen(Library(tmp_path), "runs/raced")
    assert file.name in view["damaged"][0]
    assert sum(len(table["rows"]) for table in view["rounds"]) == len(result.standings) - 1


def test_a_run_in_the_making_is_seen_at_its_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr("glideslope.search.runs.checkpoints.LEAST_SPACING", 0.0)
    memory = RunDirectory(tmp_path / "raced", SEARCH, checkpoint_every=0.0)
    views = []
    job = Noted(lambda: views.append(Snapshot.of(tmp_path / "raced").unfinished), 35)
    gs.race(job, ["cosine * plateau"], 40, [0.1], memory=memory)
    ((position,),) = (view.values() for view in views)
    assert 20 < len(position.losses) < 35
    assert position.losses[0] == 50.0
    assert Snapshot.of(tmp_path / "raced").unfinished == {}


def test_the_odds_are_those_of_the_search(tmp_path):
    folder = tmp_path / "tuned"
    memory = RunDirectory(folder, {"command": "tune", "job": "job.py:job", "steps": 400, "overhead": 2.0})
    tuned = gs.tune(Quadratic(), 400, memory=memory)
    view = seen(Library(tmp_path), "tuned")
    assert f"in {tuned.near:.0%} of trainings" in view["odds"][-1]
    assert len(view["rounds"]) >= 2


@pytest.mark.parametrize("name", ["..", "../x", "/", "\x00", "nothing", "", "a/../.."])
def test_only_run_directories_of_the_folder_are_seen(tmp_path, name):
    with pytest.raises((DocumentError, RunDirectoryError)):
        seen(Library(tmp_path), name)


def test_the_directories_of_the_folder_are_listed(raced):
    tmp_path, _, _ = raced
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "search.json").write_text("{}")
    assert folders(Library(tmp_path)) == ["runs/raced"]


def test_the_report_runs_apart_from_the_server(raced):
    tmp_path, _, _ = raced
    answer = client(tmp_path).get("report?folder=runs/raced")
    assert "the report" in answer.text
    assert answer.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
    assert client(tmp_path).get("report?folder=..").status_code == 400


class Asking:
    """A request that ends after some looks."""

    def __init__(self, looks):
        self.looks = looks

    async def is_disconnected(self):
        self.looks -= 1
        return self.looks < 0


def test_an_event_comes_at_once_and_when_something_was_written(tmp_path, monkeypatch):
    monkeypatch.setattr("glideslope.studio.watch.EVERY", 0.01)

    async def listened():
        found = []
        async for event in _news(tmp_path, anywhere, Asking(20)):
            found.append(event)
            if len(found) == 1:
                (tmp_path / "search.json").write_text(json.dumps({}))
        return found

    assert asyncio.run(listened()) == [b"data: changed\n\n"] * 2


def test_a_service_that_hangs_keeps_no_other_room_waiting(raced, monkeypatch):
    tmp_path, *_ = raced
    goes_on = threading.Event()
    monkeypatch.setattr(watch, "seen", lambda *asked: goes_on.wait(60))
    running = Background(tmp_path)

    def asked(name, content):
        request = urllib.request.Request(f"{running.url}api/{name}", json.dumps(content).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    with ThreadPoolExecutor(10) as pool:
        hanging = [pool.submit(asked, "watch", {"folder": "runs/raced"}) for _ in range(8)]
        assert pool.submit(asked, "gallery", None).result(30)
        assert not any(one.done() for one in hanging)
        goes_on.set()
        assert all(one.result(30) is True for one in hanging)
    running.close()
