"""The command line, as a user runs it."""

import csv
import html
import json
import signal
import subprocess
import sys
import time
from datetime import datetime

import pytest

import glideslope as gs
from glideslope.cli import run as glideslope
from glideslope.search.directory.run_directory import RunDirectory

JOB = """
import math
class Quadratic:
    def __init__(self): self.w = 10.0
    def step(self, lr, **controls):
        loss = self.w**2 / 2
        self.w -= lr * self.w
        return loss
    def evaluate(self): return self.w**2 / 2
    def state(self): return self.w
    def restore(self, state): self.w = state
class Lame:
    def step(self, lr): return 1.0
def job(seed): return Quadratic()
def lame(seed): return Lame()
def printing(seed):
    print("loading data")
    return Quadratic()
class Failing(Quadratic):
    def step(self, lr):
        loss = super().step(lr)
        if self.w < 9.9: raise RuntimeError("boom\\n  twice")
        return loss
def failing(seed): return Failing()
def stubborn(seed):
    job = Quadratic()
    job.evaluate = lambda: 2.5
    return job
def bad_row(seed):
    job, step, made = Quadratic(), Quadratic.step, [0]
    def stepped(lr):
        made[0] += 1
        return step(job, lr) if made[0] % 97 else math.nan
    job.step = stepped
    return job
def unmeasured(seed):
    job = Quadratic()
    job.evaluate = lambda: math.nan
    return job
def nan(seed):
    job = Quadratic()
    job.w = math.nan
    return job
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "quadratic.py").write_text(JOB)
    return tmp_path


def run(folder, *args):
    return subprocess.run([sys.executable, "-c", "from glideslope.cli import main; main()", *args], cwd=folder,
                          capture_output=True, text=True, check=False)  # fmt: skip


def test_tune_writes_its_run_directory(folder):
    done = run(folder, "tune", "quadratic.py:job", "--steps", "400", "--out", "out", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {
        "answer",
        "schedule",
        "peak",
        "steps",
        "final_loss",
        "predicted",
        "search_updates",
        "constant",
        "candidates",
    } <= result.keys()
    assert json.loads((folder / "out/result.json").read_text()) == result
    rows = list(csv.DictReader((folder / "out/runs.csv").open()))
    assert rows[0].keys() == {"run", "step", "lr", "loss"}
    page = (folder / "out/report.html").read_text()
    assert html.escape(result["answer"]) in page
    assert page.index("Train with") < page.index("How sure") < page.index("What it beat") < page.index("<table")
    assert page.count('<figure class="chart">') == 4
    assert " src=" not in page.replace(", src=", "")
    again = run(folder, "tune", "quadratic.py:job", "--steps", "400", "--out", "out")
    assert again.returncode == 2
    assert "--overwrite" in again.stderr
    resumed = run(folder, "tune", "quadratic.py:job", "--steps", "400", "--out", "out", "--resume", "--json")
    assert json.loads(resumed.stdout) == result


def test_find_race_and_show(folder):
    found = run(folder, "find", "quadratic.py:job", "--json", "--out", "f")
    assert json.loads(found.stdout)["suggestion"] > 0.01
    raced = run(folder, "race", "quadratic.py:job", "--schedules", "cosine; one_cycle", "--peaks", "0.1,0.2",
                "--steps", "50", "--json", "--out", "r")  # fmt: skip
    assert len(json.loads(raced.stdout)["candidates"]) == 6
    shown = run(folder, "show", "linear", "--steps", "4", "--peak", "0.2", "--csv", "-")
    assert shown.stdout.splitlines()[0] == "step,lr"
    assert [float(line.split(",")[1]) for line in shown.stdout.splitlines()[1:]] == pytest.approx(
        [0.2, 0.15, 0.1, 0.05]
    )
    pictures = run(folder, "show", "cosine", "--steps", "100", "--png", "a.png", "--html", "a.html")
    assert "100 updates" in pictures.stdout
    assert (folder / "a.png").read_bytes().startswith(b"\x89PNG")
    assert '<figure class="chart">' in (folder / "a.html").read_text()


def test_several_schedules_in_one_picture(folder):
    shown = run(folder, "show", "warmup(25%) >> cosine", "linear", "--steps", "100", "--json")
    told = json.loads(shown.stdout)["schedules"]
    assert [one["schedule"] for one in told] == ["warmup(25%) >> cosine()", "linear()"]
    assert [one["boundaries"] for one in told] == [[25.0], []]
    drawn = run(folder, "show", "warmup(25%) >> cosine", "linear", "--steps", "100", "--log", "--axis", "epochs",
                "--steps-per-epoch", "10", "--out", "o")  # fmt: skip
    assert "10 epochs" in drawn.stdout
    assert "╵" in drawn.stdout
    assert (folder / "o/schedule.csv").read_text().startswith("step,warmup(25%) >> cosine(),linear()\n")


def test_list_convert_and_schema(folder):
    listed = run(folder, "list", "--json")
    calls = {entry["call"].partition("(")[0] for entry in json.loads(listed.stdout)["schedules"]}
    assert {"cosine", "warmup", "rex", "chebyshev", "three_phase_one_cycle"} <= calls
    assert "cosine()" in run(folder, "list").stdout
    converted = run(folder, "convert", "step(30)", "--steps", "100", "--to", "torch", "--out", "o")
    assert "StepLR" in converted.stdout
    assert (folder / "o/schedule.py").read_text() == converted.stdout
    assert json.loads(run(folder, "schema", "--json").stdout)["$defs"]


def test_an_interrupt_leaves_a_partial_report_to_go_on_from(folder):
    slow = JOB.replace("loss = self.w**2 / 2", "time.sleep(0.003); loss = self.w**2 / 2").replace(
        "math", "math, time", 1
    )
    (folder / "slow.py").write_text(slow)
    command = [sys.executable, "-c", "from glideslope.cli import main; main()", "tune", "slow.py:job", "--steps", "400"]
    # A script's background jobs, this suite perhaps, ignore interrupts, and so do their children.
    command[2] = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {command[2]}"
    process = subprocess.Popen([*command, "--out", "out"], cwd=folder, stderr=subprocess.PIPE, text=True)
    while not len(list((folder / "out/finished").glob("*.json"))) > 3:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "--resume" in message
    assert "Traceback" not in message
    partial = json.loads((folder / "out/result.json").read_text())
    assert partial["interrupted"]
    assert len(partial["candidates"]) > 0
    rows = list(csv.DictReader((folder / "out/runs.csv").open()))
    later = [row for row in rows if int(row["run"]) >= partial["sweeps"]]
    assert len(later) == sum(run["steps"] for run in partial["candidates"])
    assert len(rows) == len(later) > 0
    assert "Interrupted" in (folder / "out/report.html").read_text()
    resumed = run(folder, "tune", "slow.py:job", "--steps", "400", "--out", "out", "--resume", "--json")
    whole = run(folder, "tune", "quadratic.py:job", "--steps", "400", "--out", "whole", "--json")
    assert json.loads(resumed.stdout)["candidates"] == json.loads(whole.stdout)["candidates"]


def test_what_is_refused_leaves_a_finished_run_and_an_empty_place_alone(folder):
    assert run(folder, "race", "quadratic.py:job", "--steps", "20", "--out", "out").returncode == 0
    before = {path: path.read_bytes() for path in (folder / "out").rglob("*") if path.is_file()}
    for args in (
        ("tune", "quadratic.py:job", "--steps", "10"), ("race", "quadratic.py:job", "--steps", "9", "--peaks", "-1"),
        ("find", "quadratic.py:nan"), ("find", "quadratic.py:job", "--low", "10", "--high", "1"),
    ):  # fmt: skip
        assert run(folder, *args, "--out", "out", "--overwrite").returncode == 2
        assert run(folder, *args, "--out", "new").returncode == 2
    assert {path: path.read_bytes() for path in (folder / "out").rglob("*") if path.is_file()} == before
    assert not (folder / "new").exists()
    assert run(folder, "tune", "quadratic.py:job", "--steps", "10").returncode == 2
    assert not list((folder / "runs").iterdir())


def test_find_keeps_its_sweeps_and_goes_on(folder):
    found = run(folder, "find", "quadratic.py:printing", "--out", "out", "--json")
    assert list(json.loads(found.stdout)) == list(json.loads((folder / "out/result.json").read_text()))
    rows = list(csv.DictReader((folder / "out/runs.csv").open()))
    assert len(rows) > 20
    assert float(rows[0]["lr"]) == 1e-5
    resumed = run(folder, "find", "quadratic.py:printing", "--out", "out", "--resume", "--json")
    assert resumed.stdout == found.stdout


def test_a_race_that_nobody_finishes_fails(folder):
    done = run(folder, "race", "quadratic.py:job", "--steps", "700", "--peaks", "1e9", "--out", "out")
    assert done.returncode == 1
    assert "Every contestant diverged" in done.stdout
    assert run(folder, "race", "quadratic.py:unmeasured", "--steps", "20", "--out", "none").returncode == 1
    tuned = run(folder, "tune", "quadratic.py:unmeasured", "--steps", "400", "--out", "tuned")
    assert tuned.returncode == 2
    assert "look at the validation data" in tuned.stderr


def test_a_search_may_be_as_short_as_a_few_updates(folder):
    assert run(folder, "tune", "quadratic.py:job", "--steps", "5", "--overhead", "90", "--out", "out").returncode == 0


def test_a_job_that_changes_the_working_directory_and_a_folder_taken_meanwhile(folder):
    (folder / "elsewhere").mkdir()
    (folder / "moving.py").write_text(JOB.replace("return Quadratic()", "os.chdir('elsewhere'); return Quadratic()", 1)
                                      .replace("import math", "import math, os"))  # fmt: skip
    args = ("race", "moving.py:job", "--steps", "20", "--out", "out", "--json")
    first = run(folder, *args)
    assert first.returncode == 0, first.stderr
    before = {path: path.stat().st_ino for path in (folder / "out/finished").iterdir()}
    assert run(folder, *args, "--resume").stdout == first.stdout
    assert {path: path.stat().st_ino for path in (folder / "out/finished").iterdir()} == before
    one, other = (RunDirectory(folder / "both", {"command": command}) for command in ("race", "tune"))
    one["a"] = {}
    with pytest.raises(gs.RunDirectoryError, match="meanwhile"):
        other["b"] = {}


def test_a_damaged_result_is_named(folder):
    run(folder, "race", "quadratic.py:job", "--steps", "20", "--out", "out")
    file = next((folder / "out/finished").glob("*.json"))
    file.write_text(file.read_text()[:40])
    done = run(folder, "race", "quadratic.py:job", "--steps", "20", "--out", "out", "--resume")
    assert done.returncode == 2
    assert file.name in done.stderr
    assert "delete it" in done.stderr


def test_nothing_learned_is_exit_status_1_with_a_report(folder):
    done = run(folder, "tune", "quadratic.py:stubborn", "--steps", "300", "--out", "out", "--json")
    assert done.returncode == 1
    assert "nothing learned at any rate tried, from" in done.stderr
    assert "Traceback" not in done.stderr
    result = json.loads(done.stdout)
    assert result["problem"].startswith("nothing learned")
    assert result["untrained_loss"] == 2.5
    assert "Nothing learned at any rate tried" in (folder / "out/report.html").read_text()


def test_the_doubts_of_a_range_test_are_shown(folder):
    found = run(folder, "find", "quadratic.py:bad_row", "--sweeps", "1", "--steps", "100", "--out", "f")
    assert "look at the data" in found.stderr
    assert "1 sweep of 100 updates is short" in found.stdout
    quiet = run(folder, "find", "quadratic.py:job", "--low", "1e-9", "--high", "1e-6", "--out", "q", "--json")
    assert json.loads(quiet.stdout)["steps"] == 100


def test_a_failing_job_is_one_line_and_its_traceback_when_asked(folder):
    done = run(folder, "find", "quadratic.py:failing")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "step failed at update" in done.stderr
    assert "RuntimeError: boom twice" in done.stderr
    shown = run(folder, "--traceback", "find", "quadratic.py:failing")
    assert shown.returncode == 2
    assert "Traceback" in shown.stderr
    assert 'raise RuntimeError("boom' in shown.stderr


def test_commands_begun_in_one_second_have_folders_of_their_own(folder, monkeypatch):
    from glideslope.cli import directory

    class Standing(datetime):
        @classmethod
        def now(cls):
            return cls(2024, 1, 1)

    monkeypatch.chdir(folder)
    monkeypatch.setattr(directory, "datetime", Standing)
    folders = {directory.Directory().open("race", "quadratic.py:job", {}).folder for _ in range(3)}
    assert {path.name for path in folders} == {f"race-quadratic-20240101-000000{end}" for end in ("", "-2", "-3")}


def test_a_command_that_cannot_be_interrupted_says_so(folder):
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); from glideslope.cli import main; main()"
    command = [sys.executable, "-c", ignoring, "find", "quadratic.py:job", "--out", "f"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "Interrupts are ignored here" in done.stderr
    assert "Interrupts" not in run(folder, "find", "quadratic.py:job", "--out", "g").stderr


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("race", "quadratic.py:job", "--steps", "9", "--schedules", "cosine, one_cycle"), '"cosine; one_cycle"'),
        (("tune", "quadratic.py:job", "--steps", "400", "--schedules", "cosine, one_cycle"), '";" between schedules'),
        (("race", "quadratic.py:failing", "--steps", "9"), "step failed at update"),
        (("tune", "missing.py:job", "--steps", "400"), "no file 'missing.py'"),
        (("tune", "quadratic.py:jib", "--steps", "400"), "no function 'jib'"),
        (("tune", "quadratic.py", "--steps", "400"), "file.py:function"),
        (("tune", "quadratic.py:lame", "--steps", "400"), "without evaluate, state, restore"),
        (("tune", "quadratic.py:nan", "--steps", "400"), "nan at the first update"),
        (("tune", "quadratic.py:job", "--steps", "0"), "steps=0"),
        (("tune", "quadratic.py:job", "--steps", "400", "--resume"), "--out"),
        (("show", "warmup(5%) >> cosin", "--steps", "10"), "did you mean 'cosine'?) at column 15"),
        (("race", "quadratic.py:job", "--steps", "10", "--peaks", "a"), "--peaks a: it is not a number"),
        (("show", "cosine", "--steps", "10", "--axis", "tokens"), "--tokens-per-step"),
        (("show", "warmup(5ep) >> cosine", "--steps", "10"), "give --steps-per-epoch"),
        (("convert", "cosine", "--steps", "10", "--to", "caffe"), "known are torch"),
        (("show", "cosine", "--steps", "10", "--png", "/dev/null/x.png"), "/dev/null/x.png can't be written"),
        (("show", "cosine", "--steps", "10", "--csv", "/dev"), "/dev can't be written"),
        (("show", "cosine", "--steps", "10", "--csv", "-", "--json"), "give one"),
        (("list", "--out", "/dev/null/x"), "can't be written"),
        (("convert", "cosine * plateau", "--steps", "10", "--to", "torch"), "take its schedule alone, cosine()"),
        (("convert", "plateau()", "--steps", "10", "--to", "torch"), "depends on measurements"),
        (("tune", "quadratic.py:job", "--steps", "400", "--out", "/dev/null/x"), "can't be written to"),
        (("race", "quadratic.py:job", "--steps", "10", "--target", "nan"), "--target nan: it is not a number"),
    ],
)
def test_bad_input_is_one_line_and_exit_status_2(folder, args, says):
    done = run(folder, *args)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_importing_loads_no_framework():
    code = "import sys, glideslope; print(sorted({'torch', 'scipy', 'matplotlib', 'numpy'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_workers_change_no_digit(folder):
    search = ("race", "quadratic.py:printing", "--steps", "40", "--peaks", "0.1,0.2", "--json")
    for out, workers in (("alone", []), ("two", ["--workers", "2"])):
        done = run(folder, *search, "--out", out, *workers)
        assert done.returncode == 0, done.stderr
        json.loads(done.stdout)  # what the job prints in a worker isn't in it
        assert "loading data" in done.stderr
    assert (folder / "alone/runs.csv").read_bytes() == (folder / "two/runs.csv").read_bytes()
    refused = run(folder, "tune", "quadratic.py:job", "--steps", "400", "--workers", "0")
    assert (refused.returncode, refused.stderr) == (2, "glideslope: --workers 0: give at least 1\n")


@pytest.mark.parametrize("command", [("tune", "quadratic.py:job"), ("predict", "law.json", "hold", "--peak", "1")])
def test_an_empty_folder_name_is_refused(folder, command, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    assert glideslope([*command, "--steps", "400", "--out", ""]) == 2
    assert "--out: the name is empty" in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


def test_a_file_that_is_missing_is_named_once(capsys):
    assert glideslope(["predict", "missing.json", "hold", "--peak", "1", "--steps", "10"]) == 2
    assert capsys.readouterr().err == "glideslope: missing.json can't be read as a law: No such file or directory\n"
    assert glideslope(["predict", "warmup(5) >> hold", "law.json", "--peak", "1", "--steps", "10"]) == 2
    assert capsys.readouterr().err.startswith("glideslope: warmup(5) >> hold can't be read as a law: ")


def test_the_package_run_as_a_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "glideslope", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"glideslope {gs.__version__}\n"
