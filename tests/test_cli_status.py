"""A search seen, stopped and terminated from outside, in this process and on workers: it goes on to the same end."""

import json
import signal
import subprocess
import sys
import time

import pytest

from tests.search.test_workers import JOB, SLOW

COMMAND = [sys.executable, "-c", "from glideslope.cli import main; main()"]
RACE = ["race", "slow.py:job", "--schedules", "linear", "--peaks", "0.3", "--steps", "300", "--out", "out", "--json"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "quadratic.py").write_text(JOB)
    (tmp_path / "slow.py").write_text(SLOW.replace("EVERY = 0.002", "EVERY = 0.05"))
    (tmp_path / "lost").touch()
    return tmp_path


def run(folder, *args):
    return subprocess.run([*COMMAND, *args], cwd=folder, capture_output=True, text=True, check=False)


def status(folder):
    done = run(folder, "status", "out", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def updates(folder):
    return len((folder / "updates").read_text().splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("workers", [[], ["--workers", "2"]], ids=["here", "workers"])
@pytest.mark.parametrize("how", ["stop", "terminate"])
def test_a_search_ends_in_an_orderly_way_and_goes_on(folder, workers, how):
    process = subprocess.Popen([*COMMAND, *RACE, *workers], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not ((folder / "out/search.json").exists() and status(folder)["running"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    now = status(folder)
    assert (now["state"], now["owner"]["pid"]) == ("running", process.pid)
    assert 0 < now["running"][0]["updates"] < now["running"][0]["steps"] == 300
    if how == "stop":
        assert run(folder, "stop", "out").returncode == 0
    else:
        process.send_signal(signal.SIGTERM)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 1, message
    assert b"go on with --out" in message
    assert status(folder)["state"] == "stopped"
    assert list((folder / "out/unfinished").glob("*.npz"))
    assert not (folder / "out/search.stop").exists()
    refused = run(folder, "stop", "out")
    assert (refused.returncode, "doesn't run: no process writes there" in refused.stderr) == (2, True)
    resumed = run(folder, *RACE, "--resume", *workers)
    assert resumed.returncode == 0, resumed.stderr
    assert updates(folder) - 600 <= 2 * 6  # no update is made again but those of the check of the job
    assert status(folder)["state"] == "finished"
    (folder / "out").rename(folder / "resumed")
    (folder / "slow.py").write_text(SLOW)
    alone = json.loads(run(folder, *RACE).stdout)
    result = json.loads(resumed.stdout)
    assert result["candidates"] == alone["candidates"]
    assert result["wasted_updates"] == 0


def test_a_folder_without_a_search_is_named(folder):
    for command in ("status", "stop"):
        done = run(folder, command, ".")
        assert (done.returncode, done.stderr) == (
            2, "glideslope: . holds no search (there is no search.json): name a run directory\n"
        )  # fmt: skip


@pytest.mark.slow
def test_the_words_of_a_status(folder):
    (folder / "slow.py").write_text(SLOW)
    assert run(folder, *RACE).returncode == 0
    done = run(folder, "status", "out")
    assert done.stdout.splitlines() == [
        "race of slow.py:job. It has finished. Report: out/report.html",
        "Finished: 2 runs, 600 updates.",
        done.stdout.splitlines()[2],
    ]
    assert "The lowest: linear() at 0.3 over 300 updates, " in done.stdout


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--workers", "2", "--ray", "auto"], "--workers are processes of this machine, and --ray is a cluster"),
        (["--gpus-per-trial", "1"], "--gpus-per-trial is for runs on workers: give it with --workers N or --ray"),
        (["--workers", "1", "--gpus-per-trial", "0.5"], "--gpus-per-trial 0.5: processes have whole GPUs"),
        (["--workers", "1", "--working-dir", "."], "--working-dir is for runs on a cluster: give it with --ray"),
        (["--checkpoints", "nonsense://x"], "checkpoints can't lie at nonsense://x: Protocol not known: nonsense"),
    ],
)
def test_options_that_do_not_fit_are_named(folder, args, says):
    done = run(folder, *RACE, *args)
    assert done.returncode == 2
    assert done.stderr.startswith(f"glideslope: {says}")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_folder_of_several_searches_is_shown_search_by_search(folder):
    assert run(folder, "status").stdout == "No search in runs.\n"
    for name in ("a", "b"):
        args = ["race", "quadratic.py:job", "--schedules", "linear", "--peaks", "0.3", "--steps", "20"]
        assert run(folder, *args, "--out", f"runs/{name}").returncode == 0
    lines = run(folder, "status").stdout.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["runs/a", "runs/b"]
    assert all("It has finished." in line for line in lines)
    shown = json.loads(run(folder, "status", "runs", "--json").stdout)["searches"]
    assert [(one["folder"], one["state"], len(one["runs"])) for one in shown] == [
        ("runs/a", "finished", 2), ("runs/b", "finished", 2)
    ]  # fmt: skip
    assert run(folder, "status", "elsewhere").returncode == 2
