"""Executors that don't do as those of concurrent.futures: the answer is the same, or one error says what they did."""

import asyncio
import functools
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

import glideslope as gs
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.executors import workers
from tests.search.quadratic_jobs import job


class Odd(Executor):
    """Two threads; `change` gets them, how many tasks came before, the function and the task, and gives a future."""

    def __init__(self, change):
        self.threads, self.change, self.tasks = ThreadPoolExecutor(2), change, 0

    def submit(self, function, /, *args, **options):
        self.tasks += 1
        return self.change(self.threads, self.tasks - 1, function, *args)


class Bare:
    """A future that has no more than is needed, and a call back of another kind."""

    def __init__(self, future):
        self.done, self.result, self.cancel = future.done, future.result, future.cancel

    def add_done_callback(self, call, loop):
        raise NotImplementedError


def ended(error):
    future = Future()
    future.set_exception(error)
    return future


def every_other_refused(threads, number, function, task):
    if number % 2:
        raise BrokenExecutor("no place")
    return threads.submit(function, task)


def first_lost():
    """Loses the first of each task, in one of four ways."""
    seen = set()

    def change(threads, number, function, task):
        if task.trial.key in seen:
            return threads.submit(function, task)
        seen.add(task.trial.key)
        return ended((BrokenExecutor(), TimeoutError(), asyncio.CancelledError(), SystemExit(3))[len(seen) % 4])

    return change


def twice(threads, number, function, task):
    threads.submit(function, task)
    return threads.submit(function, task)


def uncalled(threads, number, function, task):
    future = threads.submit(function, task)
    future.add_done_callback = lambda call: None
    return future


def no_cancel(threads, number, function, task):
    future = threads.submit(function, task)
    future.cancel = functools.partial(int, "it can't cancel")  # raises
    return future


def bare(threads, number, function, task):
    return Bare(threads.submit(function, task))


def raced(executor=None, memory=None):
    return gs.race(job, ["linear"], 30, [0.1, 0.3], seeds=2, executor=executor, memory=memory)


@pytest.fixture
def odd(monkeypatch):
    monkeypatch.setattr(workers, "TICK", 0.02)
    monkeypatch.setattr(workers, "_PAUSE", 0.01)
    monkeypatch.setattr(workers, "_PATIENCE", 0.1)
    executors = []

    def made(change):
        executors.append(Odd(change))
        return executors[-1]

    yield made
    for executor in executors:
        executor.threads.shutdown()


PATIENCE = {
    "refuses": lambda: every_other_refused, "loses": first_lost, "twice": lambda: twice, "uncalled": lambda: uncalled,
    "no cancel": lambda: no_cancel, "bare": lambda: bare,
}  # fmt: skip


@pytest.mark.parametrize("make", PATIENCE.values(), ids=PATIENCE)
def test_an_executor_that_needs_patience_changes_no_answer(make, odd):
    assert raced(odd(make())) == raced()
    tuned, alone = gs.tune(job, 100, executor=odd(make()), speculate=2), gs.tune(job, 100)
    assert (tuned.final, tuned.candidates, tuned.search_updates) == (
        alone.final,
        alone.candidates,
        alone.search_updates,
    )


def changed(change):
    """An executor whose results are changed."""
    return lambda threads, number, function, task: threads.submit(lambda: change(function(task)))


def first_again(threads, number, function, task, first=[]):  # noqa: B006  (kept between calls)
    first.append(task)
    return threads.submit(function, first[0])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda *_: None, "its submit gave None, and must give a future"),
        (lambda threads, number, function, task: function(task), "its submit gave {.* and must give a future"),
        (lambda *_: 1 + "", "TypeError: unsupported"),
        (changed(lambda result: None), "has no result of linear.* at 0.1: TypeError: it gave None"),
        (changed(lambda result: {"run": result["run"]}), "it gave {'run'"),
        (changed(lambda result: {**result, "run": {}}), "it gave {'key'"),
        (first_again, "has no result of linear.* at 0.3: ValueError: it gave that of linear.* at 0.1 over 30"),
        (lambda *_: ended(SystemExit(3)), "sys.exit"),
    ],
)
def test_what_is_no_result_is_named(change, says, odd):
    with pytest.raises(gs.SearchError, match=says):
        raced(odd(change))


def test_what_was_finished_before_an_executor_was_shut_down_is_kept(odd):
    def shut_down(threads, number, function, task):
        if number == 5:
            threads.shutdown()
        return threads.submit(function, task)

    memory = {}
    with pytest.raises(gs.SearchError, match="after shutdown"):
        raced(odd(shut_down), memory)
    assert len(memory) == 5
    assert raced(memory=memory) == raced()


@pytest.mark.parametrize(("further", "sent"), [(1, 7), (0, 3)])
def test_a_run_is_sent_as_long_as_it_gets_further_before_its_worker_is_lost(further, sent, odd, monkeypatch, tmp_path):
    note = SimpleNamespace(done=0)
    monkeypatch.setattr(workers, "noted", lambda saving: note)

    def lost(threads, number, function, task):
        note.done += further
        return ended(BrokenExecutor()) if number < 6 else threads.submit(function, task)

    memory, executor = RunDirectory(tmp_path / "out", {"command": "race"}), odd(lost)
    ends = nullcontext() if further else pytest.raises(gs.SearchError, match=r"a worker ended in the run of constant")
    with ends:
        race = gs.race(job, ["constant"], 30, [0.1], executor=executor, memory=memory)
        assert race == gs.race(job, ["constant"], 30, [0.1])
    assert executor.tasks == sent
