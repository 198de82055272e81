"""Searches whose runs are made by an executor: the answer is that of one process."""

import functools
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import current_process
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs
from glideslope.search import Contestant, load_job
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.executors.processes import processes, shares
from glideslope.search.executors.worker import RunLimit, check_versions, versions_here
from glideslope.search.jobs.time_limit import limited
from glideslope.search.trials import Trials

JOB = Path(__file__).with_name("quadratic_jobs.py").read_text()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    file = tmp_path_factory.mktemp("job") / "quadratic.py"
    file.write_text(JOB)
    return file


@pytest.fixture
def job(file):
    return load_job(f"{file}:job")


class Simulated(Executor):
    """Runs what was submitted in a random order, and loses workers as they begin or as they end."""

    def __init__(self, seed, lost=0.0, most=2):
        self.random, self.lost, self.most = random.Random(seed), lost, most
        self.submitted, self.begun, self.losses, self.updates = SimpleQueue(), 0, Counter(), 0
        threading.Thread(target=self.work, daemon=True).start()

    def submit(self, function, /, *args, **options):
        future = Future()
        self.submitted.put((future, function, args, options))
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        self.submitted.put(None)

    def work(self):
        left = []
        while True:
            while not left or not self.submitted.empty():
                if (task := self.submitted.get()) is None:
                    return
                left.append(task)
            future, function, args, options = left.pop(self.random.randrange(len(left)))
            if not future.set_running_or_notify_cancel():
                continue
            self.begun += 1
            key = args[0].trial.key
            if self.losses[key] < self.most and self.random.random() < self.lost:
                self.losses[key] += 1
                if self.random.random() < 0.5:
                    function(*args, **options)
                future.set_exception(BrokenExecutor("a worker is lost"))
            else:
                result = function(*args, **options)
                self.updates += result.get("updates", 0)
                future.set_result(result)


def tuned(job, executor=None, memory=None, **options):
    options = {"overhead": 4, "optimizers": ["half"], "against_constant": True} | options
    return gs.tune(job, 200, executor=executor, memory=memory, **options)


def raced(job, executor=None, memory=None, seeds=2):
    return gs.race(
        job, ["linear", "cosine", "hold() * plateau(patience=1)"], 60, [0.1, 0.3, 5.0], optimizers=["half"],
        seeds=seeds, executor=executor, memory=memory,
    )  # fmt: skip


def test_the_same_answer_on_one_two_and_eight_workers(job):
    race, tune = raced(job), tuned(job)
    for number in (1, 2, 8):
        with ThreadPoolExecutor(number) as executor:
            assert raced(job, executor) == race
            other = tuned(job, executor)
        assert (other.final, other.full, other.candidates, other.constants) == (
            tune.final, tune.full, tune.candidates, tune.constants
        )  # fmt: skip
        assert (other.search_updates, other.final_loss) == (tune.search_updates, tune.final_loss)
        assert other.job.evaluate() == tune.job.evaluate() == tune.final_loss


@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.3, 0.9]))
@settings(max_examples=8, deadline=None)
def test_the_order_of_arrival_and_lost_workers_change_nothing(file, seed, lost):
    job = load_job(f"{file}:job")
    memory, alone = {}, {}
    executor = Simulated(seed, lost)
    race = raced(job, executor, memory, seeds=1)
    assert race == raced(job, memory=alone, seeds=1)
    assert memory == alone
    assert executor.begun == len(memory) + executor.losses.total()
    executor.shutdown()


def test_processes_give_the_same_answer(job, tmp_path):
    directory = RunDirectory(tmp_path / "out", {"command": "tune"})
    with processes(2) as executor:
        race = raced(job, executor)
        tune = tuned(job, executor, directory)
    assert race == raced(job)
    alone = tuned(job)
    assert (tune.final, tune.full, tune.candidates, tune.search_updates) == (
        alone.final, alone.full, alone.candidates, alone.search_updates
    )  # fmt: skip
    assert tune.job.evaluate() == tune.final_loss
    trained = job(0)
    gs.load_checkpoint(trained, tmp_path / "out")
    assert trained.evaluate() == tune.final_loss


@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.3]), st.integers(1, 5))
@settings(max_examples=8, deadline=None)
def test_runs_made_ahead_change_no_answer_and_are_counted_apart(file, seed, lost, ahead):
    job = load_job(f"{file}:job")
    memory, alone = {}, {}
    executor = Simulated(seed, lost)
    tune = tuned(job, executor, memory, against_constant=False, speculate=ahead)
    executor.shutdown()
    other = tuned(job, memory=alone, against_constant=False)
    assert (tune, memory) == (replace(other, job=tune.job), alone)
    assert tune.job.evaluate() == other.job.evaluate()
    updates = sum(len(result["losses"]) for result in memory.values())
    assert executor.updates - updates <= tune.ahead


@pytest.mark.slow
def test_runs_ahead_leave_nothing_in_the_run_directory(job, tmp_path):
    directory = RunDirectory(tmp_path / "out", {"command": "tune"}, checkpoint_every=0.0)
    with processes(4) as executor:
        tune = tuned(job, executor, directory, speculate=3)
    alone = RunDirectory(tmp_path / "alone", {"command": "tune"}, checkpoint_every=0.0)
    assert replace(tune, job=None) == replace(tuned(job, memory=alone), job=None)
    assert tune.ahead > 0
    assert dict(directory) == dict(alone)
    assert not list((tmp_path / "out").rglob("unfinished/*"))


@pytest.mark.parametrize("options", [{"speculate": 2}, {"speculate": -1}, {"speculate": -1, "executor": object()}])
def test_runs_ahead_need_workers(job, options):
    with pytest.raises(gs.SearchError, match="give 0 or more, and above 0 an executor"):
        gs.tune(job, 200, **options)


def test_a_run_ahead_that_fails_raises_only_when_it_is_requested(file):
    class AtOnce(Executor):
        def submit(self, function, /, *args, **options):
            future = Future()
            future.set_result(function(*args, **options))
            return future

    job = load_job(f"{file}:steep")
    ahead = gs.tune(job, 100, schedules=["constant()"], executor=AtOnce(), speculate=4)
    assert file.with_name("steep").exists()
    assert ahead.final == gs.tune(job, 100, schedules=["constant()"]).final


def test_an_interrupted_search_goes_on_with_what_workers_finished(job):
    whole, memory, ended = raced(job), {}, []

    def interrupt(progress):
        ended.append(progress.run)
        if len(ended) == 11:
            raise KeyboardInterrupt

    executor = Simulated(3)
    with pytest.raises(KeyboardInterrupt):
        gs.race(job, ["linear", "cosine"], 60, [0.1, 0.3], executor=executor, memory=memory, seeds=4, watch=interrupt)
    assert len(memory) == 11
    kept = dict(memory)
    again = gs.race(job, ["linear", "cosine"], 60, [0.1, 0.3], executor=executor, memory=memory, seeds=4)
    assert again == gs.race(job, ["linear", "cosine"], 60, [0.1, 0.3], seeds=4)
    assert {key: memory[key] for key in kept} == kept
    assert whole == raced(job)
    executor.shutdown()


def test_the_first_run_that_fails_is_the_error_whatever_the_order(file):
    job = load_job(f"{file}:failing")
    messages = set()
    for seed in range(8):
        executor, memory = Simulated(seed), {}
        with pytest.raises(gs.JobError, match="boom") as raised:
            gs.race(job, ["constant", "linear"], 30, [0.1, 0.2, 0.3], executor=executor, memory=memory, seeds=3)
        messages.add(str(raised.value))
        assert "RuntimeError: boom" in "".join(raised.value.__notes__)
        assert sum("seed 0" in key and "constant() at 0.3" not in key for key in memory) >= 2
        executor.shutdown()
    with pytest.raises(gs.JobError) as alone:
        gs.race(job, ["constant", "linear"], 30, [0.1, 0.2, 0.3], seeds=3)
    assert messages == {str(alone.value)}


def test_a_run_whose_worker_is_killed_is_made_again(file):
    job = load_job(f"{file}:killed")
    memory = {}
    with processes(2) as executor:
        race = gs.race(job, ["constant"], 30, [0.1, 0.2, 0.3, 0.4], executor=executor, memory=memory)
    assert file.with_name("killed").exists()
    assert race == gs.race(job, ["constant"], 30, [0.1, 0.2, 0.3, 0.4])
    assert len(memory) == 4


def test_a_run_that_ends_its_worker_each_time_is_named(file):
    job = load_job(f"{file}:stopping")
    with (
        processes(1) as executor,
        pytest.raises(gs.SearchError, match=r"a worker ended in the run of constant\(\) at 0.3"),
    ):
        gs.race(job, ["constant"], 30, [0.2, 0.3], executor=executor)


class Exiting:
    def __reduce__(self):
        sys.exit(5)


INTERRUPTED = """
import os, signal
if __name__ == "__mp_main__":  # a worker, which reads this script before anything of Glideslope
    os.kill(os.getpid(), signal.SIGINT)
from glideslope.search.executors.processes import processes
from glideslope.search.jobs.ranks import Ranks
class Job:
    controls = ()
    def step(self, lr): return 1.0
    def evaluate(self): return 2.0
    def state(self): return {}
    def restore(self, state): pass
if __name__ == "__main__":
    with processes(1) as executor:
        print(Ranks(Job, 1).evaluate(), executor.submit(len, "ab").result())
"""


def test_an_interrupt_of_the_terminal_reaches_no_worker_that_starts(tmp_path):
    (tmp_path / "script.py").write_text(INTERRUPTED)
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("2.0 2\n", "")


def test_a_script_that_workers_cannot_read_is_named(monkeypatch):
    monkeypatch.setattr(current_process(), "_inheriting", True, raising=False)
    with pytest.raises(SystemExit, match="put what the script does under `if __name__"), processes(1):
        pass
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(__file__="/nowhere/<stdin>"))
    with pytest.raises(gs.SearchError, match="there is no file /nowhere/<stdin>: write it to one"), processes(1):
        pass


def test_what_cannot_be_sent_is_named_with_what_to_do(job, file, monkeypatch):
    class Local(type(job(0))):
        pass

    with (
        ThreadPoolExecutor(1) as threads,
        pytest.raises(gs.SearchError, match=r"a Quadratic was given: write a function"),
    ):
        gs.race(job(0), ["linear"], 20, [0.1], executor=threads)
    with processes(1) as executor:
        with pytest.raises(
            gs.SearchError, match=r"can't be sent to workers \(.*Local.*\): write a function .*load_job"
        ):
            gs.race(Local, ["linear"], 20, [0.1], executor=executor)
        elsewhere = ModuleType("elsewhere")
        exec("def job(seed): return None", vars(elsewhere))  # as a function of a notebook, which no worker has
        monkeypatch.setitem(sys.modules, "elsewhere", elsewhere)
        other = functools.partial(job, optimizer=None)
        other.elsewhere = elsewhere.job
        with pytest.raises(
            gs.SearchError, match=r"can't be read in a worker \(.*elsewhere.*\): write a function .*load_job"
        ):
            gs.race(other, ["linear"], 20, [0.1], executor=executor)
        other.elsewhere = Exiting()
        with pytest.raises(gs.SearchError, match=r"can't be sent to workers \(it called sys.exit\(5\)"):
            gs.race(other, ["linear"], 20, [0.1], executor=executor)
        with pytest.raises(gs.SearchError, match="a schedule for workers has a text form"):
            gs.race(job, [gs.from_function(lambda t: 1.0 - t / 40)], 20, [0.1], executor=executor)
        moved = file.with_name("moved.py")
        moved.write_text(JOB)
        gone = load_job(f"{moved}:job")
        moved.unlink()
        with pytest.raises(gs.JobError, match=r"there is no file .*moved\.py.* a job is path/to/file\.py:function"):
            gs.race(gone, ["linear"], 20, [0.1], executor=executor)
    with pytest.raises(gs.SearchError, match="0 workers: give at least 1"), processes(0):
        pass


def test_an_executor_that_takes_no_more_work_is_named(job):
    class Broken(Simulated):
        def submit(self, function, /, *args, **options):
            raise BrokenExecutor("no more work")

    with pytest.raises(gs.SearchError, match="no more work"):
        raced(job, Broken(0))


SLOW = """
import os
import signal
import time
from pathlib import Path
from quadratic import Quadratic

PLACE = Path(__file__).parent
EVERY = 0.002

class Slow(Quadratic):
    def __init__(self, seed):
        super().__init__(seed)
        self.made = 0
    def step(self, lr):
        time.sleep(EVERY)
        self.made += 1
        with (PLACE / "updates").open("a") as file:
            file.write(f"{os.getpid()} {lr:.6g} {self.made}\\n")
        loss = super().step(lr)
        if lr < 0.1 and self.made == 150 and not (PLACE / "lost").exists():
            (PLACE / "lost").touch()
            os.kill(os.getpid(), signal.SIGKILL if (PLACE / "kill").exists() else signal.SIGTERM)
        return loss
    def state(self):
        return {**super().state(), "made": self.made}
    def restore(self, state):
        super().restore(state)
        self.made = state["made"]

def job(seed):
    return Slow(seed)

class Overfitting(Slow):
    def evaluate(self):
        return super().evaluate() + 0.01 * (self.made - 60) ** 2

def overfitting(seed):
    return Overfitting(seed)

class Early(Slow):
    rates = 0.0, 1.0  # the last, and the largest

    def step(self, lr):
        self.rates = lr, max(lr, self.rates[1] if self.made else 0.0)
        return super().step(lr)

    def evaluate(self):
        return super().evaluate() + 0.01 * (self.made - 20) ** 2 + 2 * self.rates[0] / self.rates[1]

    def state(self):
        return {**super().state(), "rates": self.rates}

    def restore(self, state):
        super().restore(state)
        self.rates = state["rates"]

def early(seed):
    return Early(seed)

class Odd(Slow):
    def state(self):
        return {**super().state(), "odd": PLACE}

def odd(seed):
    return Odd(seed)
"""


@pytest.fixture
def slow(tmp_path, monkeypatch):
    (tmp_path / "quadratic.py").write_text(JOB)
    (tmp_path / "slow.py").write_text(SLOW)
    monkeypatch.setattr("glideslope.search.runs.checkpoints.LEAST_SPACING", 0.0)
    return tmp_path


def made_by_workers(folder):
    """The updates that workers made."""
    return sum(int(line.split()[0]) != os.getpid() for line in (folder / "updates").read_text().splitlines())


@pytest.mark.slow
@pytest.mark.parametrize(("signal", "place"), [("kill", None), ("terminate", "elsewhere")])
def test_a_run_that_loses_its_worker_goes_on_from_its_last_checkpoint(slow, signal, place):
    if signal == "kill":
        (slow / "kill").touch()
    address = None if place is None else (slow / place).as_uri()
    every = 0.1 if signal == "kill" else 60.0
    memory = RunDirectory(slow / "out", {"command": "race"}, checkpoint_every=every, checkpoints=address)
    job = load_job(f"{slow}/slow.py:job")
    with processes(2) as executor:
        race = gs.race(job, ["linear"], 200, [0.09, 0.3], executor=executor, memory=memory)
    assert (slow / "lost").exists()
    assert 4 * 200 <= made_by_workers(slow) < 4 * 200 + (150 if signal == "kill" else 1)
    assert race == gs.race(job, ["linear"], 200, [0.09, 0.3])
    assert not (slow / "out" / "unfinished").exists()
    assert place is None or not (slow / place).exists()


def test_the_place_of_checkpoints_may_be_any_address_of_fsspec(slow):
    (slow / "kill").touch()
    job = load_job(f"{slow}/slow.py:job")
    alone = gs.race(job, ["linear"], 60, [0.3])
    for attempt in range(2):
        memory = RunDirectory(
            slow / "out", {"command": "race"}, checkpoint_every=0.02, checkpoints="memory://checkpoints",
            resume=attempt > 0,
        )  # fmt: skip

        def interrupt(progress, attempt=attempt):
            if progress.done > 30 and attempt == 0:
                raise KeyboardInterrupt

        before = (slow / "updates").read_text().count("\n")
        try:
            race = gs.race(job, ["linear"], 60, [0.3], memory=memory, watch=interrupt)
        except KeyboardInterrupt:
            import fsspec

            assert fsspec.filesystem("memory").ls("/checkpoints")
    assert race == alone
    assert (slow / "updates").read_text().count("\n") - before < 60 + 35 + 2 * 6
    assert not fsspec.filesystem("memory").ls("/checkpoints")


def test_a_short_run_that_is_the_answer_is_not_made_again(slow, monkeypatch):
    job = load_job(f"{slow}/slow.py:early")
    from glideslope.search import trials

    def never(*args, **options):
        raise AssertionError("a run was made in the search's process")

    with processes(2) as workers:
        alone = gs.tune(job, 120, overhead=1)
        monkeypatch.setattr(trials, "make_run", never)
        tune = gs.tune(job, 120, overhead=1, executor=workers)
    assert tune.final == alone.final
    assert tune.final.evaluations[-1][0] < 120
    assert tune.job.evaluate() == tune.final_loss


def test_the_state_of_the_least_validation_loss_comes_from_a_worker(slow, monkeypatch):
    monkeypatch.setattr("glideslope.search.directory.best._LEAST_COST", 0.0)
    job = load_job(f"{slow}/slow.py:overfitting")
    memory = RunDirectory(slow / "out", {"command": "tune"}, checkpoint_every=0.05)
    with ThreadPoolExecutor(1) as executor:
        trials = Trials(job, memory=memory, executor=executor)
        run = trials.run(Contestant(gs.linear(), 0.1), 120, stage="full runs", evaluations=6, kept=trials.full_states)
    assert run.evaluations[2][1] < run.final_loss
    best = job(0)
    gs.load_checkpoint(best, slow / "out" / "checkpoint" / "best.json")
    assert (best.made, best.evaluate()) == run.evaluations[2]


@pytest.mark.slow
def test_a_run_that_takes_too_long_is_ended_in_its_worker(slow):
    (slow / "long.py").write_text(SLOW.replace("EVERY = 0.002", "EVERY = 0.2"))
    (slow / "lost").touch()
    job = load_job(f"{slow}/long.py:job")
    name = r"at 0.3( failed)?: its run took longer than 3 seconds \(--timeout\)"  # in a step, or between two
    with processes(1) as executor, limited(RunLimit(3.0)), pytest.raises(gs.JobError, match=name):
        gs.race(job, ["linear"], 30, [0.3], executor=executor)
    with ThreadPoolExecutor(1) as executor, limited(RunLimit(3.0)), pytest.raises(gs.JobError, match=name):
        gs.race(job, ["linear"], 30, [0.3], executor=executor)


def test_versions_that_differ_are_named(job, monkeypatch):
    here = versions_here()
    assert {"Python", "glideslope", "numpy"} <= here.keys()
    monkeypatch.setattr(
        "glideslope.search.executors.workers.versions_here", lambda: here | {"numpy": "1.0+cpu", "torch": "9"}
    )
    message = (
        r"the worker on .* has other versions than the search: numpy .* instead of 1\.0\+cpu, torch .* instead of 9"
    )
    with ThreadPoolExecutor(1) as executor, pytest.raises(gs.SearchError, match=message):
        raced(job, executor)
    local = {name: f"{version.partition('+')[0]}+cu126" for name, version in here.items()}
    check_versions(local)


@pytest.mark.parametrize(
    ("visible", "workers", "per_trial", "expected"),
    [
        ("0,1,2,3", 2, 2, ["0,1", "2,3"]),
        (
            "0,-1,1",
            2,
            1,
            "each need 2, and CUDA_VISIBLE_DEVICES names 1: give at most 1 workers, or",
        ),
        ("", 1, 1, "1 worker with 1 GPU each need 1, and CUDA_VISIBLE_DEVICES names 0: give --gpus-per-trial 0"),
    ],
)
def test_each_worker_has_its_gpus(monkeypatch, visible, workers, per_trial, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    if isinstance(expected, str):
        with pytest.raises(gs.SearchError, match=expected), processes(workers, per_trial):
            pass
        return
    with processes(workers, per_trial) as executor:
        wait = [executor.submit(visible_devices) for _ in range(workers)]
        assert sorted(future.result() for future in wait) == expected


def test_gpus_may_have_names_and_some_may_be_left(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a, GPU-b,GPU-c")
    assert [share["CUDA_VISIBLE_DEVICES"] for share in shares(2, 1)] == ["GPU-a", "GPU-b"]
    assert shares(2, 0) == [{}, {}]
    with pytest.raises(gs.SearchError, match="--gpus-per-trial -1: give 0 or more"):
        shares(2, -1)


def visible_devices():
    return os.environ["CUDA_VISIBLE_DEVICES"]
