"""Jobs that go wrong: odd losses, one memory for all of them, ends of the process, output, hangs, writes that fail."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import glideslope as gs
from glideslope import cli
from glideslope.search import load_job
from glideslope.search.jobs.scalars import kept

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from faults import jobs, names

KINDS = jobs.KINDS | names.KINDS

COMMAND = [sys.executable, "-c", "from glideslope.cli import main; main()"]
JOB = """
import atexit, ctypes, logging, os, subprocess, sys, threading, time
class Job:
    w = 10.0
    def step(self, lr):
        STEP
        loss, self.w = self.w**2 / 2, self.w - lr * self.w
        return loss
    def evaluate(self): return self.w**2 / 2
    def state(self): return self.w
    def restore(self, state): self.w = state
def job(seed): return Job()
"""
RACE = ("race", "it.py:job", "--steps", "20", "--out", "o", "--json")
PRINTING = """
        print("py")
        sys.__stdout__.write("dunder")
        os.write(1, b"fd")
        ctypes.CDLL(None).puts(b"C")
        logging.warning("log")
"""
AT_MODULE = """
subprocess.run("echo child; (sleep 0.3; echo late child) &", shell=True)
atexit.register(lambda: (print("at exit"), os.write(1, b"at exit")))
logging.basicConfig(stream=sys.stdout)
"""


@pytest.mark.parametrize(
    ("kind", "cases"), [("losses", 150), ("static", 40), ("endings", 15), ("writes", 12), ("names", 5)]
)
def test_none_is_wrong(kind, cases):
    result = KINDS[kind][1](cases)
    assert result.tried == cases
    assert result.shown == ()


def written(folder, step, module=""):
    (folder / "it.py").write_text(JOB.replace("STEP", step) + module)
    return folder


def ran(folder, *args, code=COMMAND[2]):
    return subprocess.run([*COMMAND[:2], code, *args], cwd=folder, capture_output=True, text=True, check=False)


def test_what_a_job_prints_is_not_in_the_result(tmp_path):
    done = ran(written(tmp_path, PRINTING, AT_MODULE), *RACE)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((tmp_path / "o/result.json").read_text())
    for text in ("py", "dunder", "fd", "C", "log", "child", "late child", "at exit"):
        assert text in done.stderr


@pytest.mark.parametrize("step", ["sys.stdout.close()", "sys.stderr.close(); sys.stdout.close()"])
def test_a_job_may_close_its_streams(tmp_path, step):
    done = ran(written(tmp_path, step), *RACE)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((tmp_path / "o/result.json").read_text())


def test_standard_output_is_taken_back(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(written(tmp_path, "os.write(1, b'written')"))
    before = sys.stdout, os.fstat(1).st_ino, os._exit
    assert cli.run(RACE) == 0
    assert (sys.stdout, os.fstat(1).st_ino, os._exit) == before
    os.write(1, b"after")
    out, err = capfd.readouterr()
    assert "written" in err
    assert "after" in out
    assert out.count("written") == 0


def test_an_exit_from_a_thread_is_noticed(tmp_path):
    done = ran(written(tmp_path, "threading.Thread(target=os._exit, args=(0,)).start(); time.sleep(9)"), *RACE)
    assert done.returncode == 2
    assert not done.stdout
    assert "a thread of the job called os._exit(0)" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the C library isn't known to take handlers back")
@pytest.mark.parametrize(
    "step",
    [
        "ctypes.CDLL(None).exit(0)",
        "ctypes.PyDLL(None).exit(0)",
        "ctypes.CDLL(None).quick_exit(0)",
        "t = threading.Thread(target=ctypes.CDLL(None).exit, args=(0,)); t.start(); t.join()",
    ],
)
def test_an_exit_of_a_c_library_is_noticed(tmp_path, step):
    done = ran(written(tmp_path, step), *RACE)
    assert done.returncode == 2
    assert not done.stdout
    assert "ended the process by exit() of a C library" in done.stderr
    assert not (tmp_path / "o/result.json").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no children without fork")
def test_an_exit_of_a_child_from_c_or_at_the_end_of_the_command_changes_nothing(tmp_path):
    step = "child = os.fork(); child or ctypes.CDLL(None).exit(0); os.waitpid(child, 0)"
    at_exit = "atexit.register(lambda: ctypes.CDLL(None).exit(0))"
    done = ran(written(tmp_path, step, at_exit), *RACE)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((tmp_path / "o/result.json").read_text())


FORK = """
def fork(counted=[]):
    counted.append(1)
    if len(counted) != NUMBER:
        return
    if (child := os.fork()) == 0:
        END
    else:
        open("status", "w").write(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
class Forking(Job):
    def CALL(self, *args):
        fork()
        return getattr(Job, "CALL")(self, *args)
def job(seed): return Forking()
"""
ENDS_OF_A_CHILD = {
    "pass": (2, "came back"), "1 / 0": (1, "failed: ZeroDivisionError"), "raise KeyboardInterrupt": (1, "failed"),
    "sys.exit()": (0, ""), "sys.exit(7)": (7, ""), "sys.exit('bye')": (1, ""), "os._exit(3)": (3, ""),
}  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no children without fork")
@pytest.mark.parametrize(
    ("place", "end"),
    [("step", "pass"), ("step", "1 / 0"), ("step", "sys.exit(7)"), ("evaluate", "pass"), ("evaluate", "os._exit(3)"),
     ("state", "raise KeyboardInterrupt"), ("restore", "sys.exit()"), ("__init__", "pass"), ("the module", "pass"),
     ("the module", "sys.exit('bye')")],
)  # fmt: skip
def test_a_child_that_a_job_forks_never_goes_on_with_the_search(tmp_path, place, end):
    if place == "__init__":
        module = FORK.replace('Job, "CALL"', 'object, "CALL"')
    else:
        module = FORK if place != "the module" else FORK.replace("def job", "fork()\ndef job")
    number = "3" if place in ("step", "evaluate", "restore") else "1"
    call = "unused" if place == "the module" else place
    done = ran(written(tmp_path, "", module.replace("END", end).replace("CALL", call).replace("NUMBER", number)), *RACE)
    status, says = ENDS_OF_A_CHILD[end]
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((tmp_path / "o/result.json").read_text())  # and not twice
    assert (tmp_path / "status").read_text() == str(status)
    assert says in done.stderr
    assert ("a child that" in done.stderr) == bool(says)


@pytest.mark.parametrize(
    "module",
    ["import json; json.dumps = lambda *args, **options: '{}'", "os.replace = lambda *args: None",
     "import builtins, json; json.loads = builtins.print = None"],
)  # fmt: skip
def test_what_a_job_replaces_in_python_changes_no_result(tmp_path, module):
    (tmp_path / "as_it_was").mkdir()
    right = ran(written(tmp_path / "as_it_was", ""), *RACE)
    done = ran(written(tmp_path, "", module), *RACE)
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "o/result.json").read_text())
    assert json.loads(done.stdout) == kept
    assert kept["candidates"] == json.loads(right.stdout)["candidates"]


@pytest.mark.parametrize("name", ["random", "time", "queue", "numpy", "typer", "schedulefree"])  # the last isn't loaded
def test_a_job_file_with_the_name_of_a_library_is_refused(tmp_path, name):
    (tmp_path / f"{name}.py").write_text("def job(seed): pass")
    with pytest.raises(gs.JobError, match="has the name of a library"):
        load_job(f"{tmp_path / name}.py:job")
    assert getattr(sys.modules.get(name), "job", None) is None


JOBS = """
import glideslope as gs
import helping_with_jobs
import numpy as np
import torch

class Failing(torch.nn.Linear):
    def forward(self, x):
        return helping_with_jobs.product(x)  # in a model
def evaluating(*args):
    raise KeyError("label")  # in a metric
def making(seed):
    np.zeros(3) @ np.zeros(4)  # in the job
def training(model, seed, **arguments):
    torch.manual_seed(seed)
    data = [(torch.ones(3), torch.ones(1))] * 8
    loader = torch.utils.data.DataLoader(data, batch_size=4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return gs.torch.Job(model, optimizer, torch.nn.MSELoss(), loader, loader, **arguments)
def inside(seed):
    return training(Failing(3, 1), seed)
def measured(seed):
    return training(torch.nn.Linear(3, 1), seed, metric=evaluating)
def library(seed):
    return training(torch.nn.Linear(9, 1), seed)
"""
HELPER = """
def product(x):
    return x @ x  # in a helper
"""


@pytest.mark.parametrize(
    ("name", "file", "line"),
    [
        ("making", "jobs_that_fail.py", "in the job"),
        ("inside", "helping_with_jobs.py", "in a helper"),
        ("measured", "jobs_that_fail.py", "in a metric"),
        ("library", "", ""),  # none of the user's lines runs when torch's own Linear fails
    ],
)
def test_a_failing_job_names_the_line_of_the_users_own_code(tmp_path, monkeypatch, name, file, line):
    (tmp_path / "jobs_that_fail.py").write_text(JOBS)
    (tmp_path / "helping_with_jobs.py").write_text(HELPER)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(gs.JobError) as caught:
        gs.tune(load_job(f"{tmp_path}/jobs_that_fail.py:{name}"), 100)
    text = {"jobs_that_fail.py": JOBS, "helping_with_jobs.py": HELPER}.get(file, "").splitlines()
    numbers = [i for i, one in enumerate(text, 1) if one.endswith(f"# {line}")]
    assert [int(number) for number in re.findall(r"\(\w+\.py, line (\d+)\)$", str(caught.value))] == numbers
    assert file in str(caught.value)


def test_a_folder_in_the_place_of_a_job_file_is_called_one(tmp_path):
    with pytest.raises(gs.JobError, match=r"is a folder .*: a job is path/to/file\.py:function"):
        load_job(f"{tmp_path}:job").of_rank(0)


@pytest.mark.skipif(sys.platform != "linux", reason="the C library by another name")
def test_a_search_that_c_ended_is_told_of_when_it_goes_on(tmp_path):
    leaves = "self.made = getattr(self, 'made', 0) + 1; self.made == 30 and ctypes.CDLL(None)._exit(0)"
    done = ran(written(tmp_path, leaves), *RACE)
    assert (done.returncode, done.stdout) == (0, "")  # nothing in the process can notice it
    again = ran(tmp_path, *RACE, "--resume")
    assert "The search there has no result: process" in again.stderr
    assert "after 1 finished run. It goes on." in again.stderr


def test_an_exit_of_a_job_is_an_error_in_a_program_too():
    class Leaving:
        def step(self, lr):
            sys.exit(0)

        def evaluate(self):
            return 1.0

        def state(self):
            return None

        def restore(self, state):
            pass

    with pytest.raises(gs.JobError, match=r"step failed at update 1 .*sys\.exit\(0\)"):
        gs.find(Leaving())
    with pytest.raises(gs.JobError, match=r"sys\.exit\(0\)"):
        gs.check_job(Leaving())


@pytest.mark.parametrize("hang", ["time.sleep(99)", "while True: pass", "subprocess.run(['sleep', '99'])"])
def test_a_run_that_hangs_is_ended_and_named(tmp_path, capfd, monkeypatch, hang):
    late = f"self.n = getattr(self, 'n', 0) + 1\n        if self.n == 31:\n            {hang}"
    monkeypatch.chdir(written(tmp_path, late))
    assert cli.run((*RACE, "--timeout", "0.5")) == 2
    out, err = capfd.readouterr()
    assert not out
    named = "the job's step failed at update 5 of cosine() at 0.1: its run took longer than 0.5 seconds (--timeout)"
    assert named in err
    assert "Traceback" not in err


def test_finished_runs_are_kept_when_a_run_hangs(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(written(tmp_path, "if lr > 0.3 and os.path.exists('hang'): time.sleep(99)"))
    (tmp_path / "hang").touch()
    args = (*RACE, "--peaks", "0.1,0.4", "--timeout", "0.5")
    assert cli.run(args) == 2
    assert "--resume" in capfd.readouterr().err
    finished = set((tmp_path / "o" / "finished").iterdir())
    assert finished
    (tmp_path / "hang").unlink()
    assert cli.run((*args, "--resume")) == 0
    assert finished < set((tmp_path / "o" / "finished").iterdir())


def test_a_run_that_catches_everything_is_ended_by_the_watcher(tmp_path):
    stubborn = "\n        while True:\n            try: time.sleep(9)\n            except BaseException: pass"
    short = "from glideslope.cli import main, time_limit; time_limit.GRACE = 0.3; main()"
    done = ran(written(tmp_path, stubborn), *RACE, "--timeout", "0.3", code=short)
    assert done.returncode not in (0, None)
    assert not done.stdout
    assert "the job's step at update 1 of a first check failed: its run took longer than 0.3 seconds" in done.stderr


@pytest.mark.parametrize(
    ("args", "says"),
    [(("--timeout", "0"), "--timeout 0: give"), (("--timeout", "nan"), "--timeout nan: it is not a number")],
)
def test_a_limit_that_is_none_is_refused(tmp_path, capfd, monkeypatch, args, says):
    monkeypatch.chdir(written(tmp_path, "pass"))
    assert cli.run((*RACE, *args)) == 2
    assert says in capfd.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_device_is_one_line(tmp_path):
    for args in (("show", "linear", "--steps", "9"), ("--help",)):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run([*COMMAND, *args], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert "No space left on device" in done.stderr
    assert cli.run(("show", "linear", "--steps", "9", "--png", "/dev/full")) == 2
    assert Path("/dev/full").is_char_device()


def test_a_loss_that_is_kept_is_independent_of_its_memory():
    import jax.numpy as jnp

    loss = jnp.asarray(0.25)
    copy = kept(loss)
    loss.delete()
    assert float(copy) == 0.25


def test_a_job_within_a_package_is_named_by_a_file_beside_it(tmp_path):
    inside = tmp_path / "package_of_a_job" / "parts"
    inside.mkdir(parents=True)
    for folder in (inside, inside.parent):
        (folder / "__init__.py").touch()
    (inside.parent / "model.py").write_text("from tests.search.quadratic_jobs import job as made\n")
    (inside / "training.py").write_text("from ..model import made\n\ndef job(seed):\n    return made(seed)\n")
    advice = f"name another, in {tmp_path}, with `from package_of_a_job.parts.training import job`"
    with pytest.raises(gs.JobError, match=f"relative import.*{re.escape(advice)}"):
        load_job(f"{inside / 'training.py'}:job")
    (tmp_path / "beside.py").write_text("from package_of_a_job.parts.training import job\n")
    assert load_job(f"{tmp_path / 'beside.py'}:job")(0)
    (tmp_path / "alone.py").write_text("from .model import job\n")
    with pytest.raises(gs.JobError, match="write its imports without dots"):
        load_job(f"{tmp_path / 'alone.py'}:job")
