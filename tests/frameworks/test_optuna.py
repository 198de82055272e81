"""Trials of Optuna train as the runs of a search do."""

import contextlib
import math
import subprocess
import sys
import threading

import numpy as np
import optuna
import pytest

import glideslope as gs
from tests.search.test_workers import JOB

optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture
def job(tmp_path):
    (tmp_path / "quadratic.py").write_text(JOB)
    return gs.search.load_job(f"{tmp_path}/quadratic.py:job")


def test_a_trial_is_the_run_of_its_peak_and_schedule(job):
    objective = gs.optuna.objective(job, 60, schedules=["linear", "cosine"], peaks=(0.01, 1.0), evaluations=6)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), pruner=optuna.pruners.NopPruner())
    study.optimize(objective, n_trials=6)
    for trial in study.trials:
        peak, schedule = trial.params["peak"], trial.params["schedule"]
        assert 0.01 <= peak <= 1.0
        race = gs.race(job, [schedule], 60, [peak], evaluations=6)
        run = next(s.runs[0] for s in race.standings if s.contestant.name == schedule)
        assert trial.value == run.final_loss
        assert trial.intermediate_values == dict(run.evaluations)
    assert {trial.params["schedule"] for trial in study.trials} == {"linear()", "cosine()"}


def test_a_pruner_ends_a_run(job):
    calls = []

    class Counting:
        def __init__(self, job):
            self.job = job

        def __getattr__(self, name):
            return getattr(self.job, name)

        def step(self, lr):
            calls.append(lr)
            return self.job.step(lr)

    class Always(optuna.pruners.BasePruner):
        def prune(self, study, trial):
            return True

    study = optuna.create_study(pruner=Always())
    study.optimize(gs.optuna.objective(Counting(job(0)), 60, evaluations=6), n_trials=2)
    assert [trial.state.name for trial in study.trials] == ["PRUNED", "PRUNED"]
    assert len(calls) == 20


def test_a_run_that_diverges_ends_at_infinity(job):
    study = optuna.create_study()
    study.enqueue_trial({"peak": 1e9})
    with np.errstate(over="ignore", invalid="ignore"):
        study.optimize(gs.optuna.objective(job, 200, schedules=["constant"], peaks=(1e-3, 1e9)), n_trials=1)
    assert study.trials[0].value == math.inf


def test_bad_arguments_are_named(job):
    with pytest.raises(gs.SearchError, match="a peak rate of -1"):
        gs.optuna.objective(job, 60, peaks=(-1.0, 1.0))
    with pytest.raises(gs.GlideslopeError, match="steps"):
        gs.optuna.objective(job, 0)
    with pytest.raises(gs.ScheduleError):
        gs.optuna.objective(job, 60, schedules=["nonsense"])


def optimized(study, *args, trials=1, jobs=1, **options):
    study.optimize(gs.optuna.objective(*args, **options), n_trials=trials, n_jobs=jobs)


@pytest.mark.parametrize("peaks", [0.1, "0.1", (0.1,), (1.0, 0.1), (0.1, 0.2, 0.3), ("a", 1.0), (0.1, None)])
def test_peaks_that_are_no_range_are_named(job, peaks):
    with pytest.raises(gs.SearchError, match="peak"):
        gs.optuna.objective(job, 60, peaks=peaks)


@pytest.mark.parametrize("directions", [["maximize"], ["minimize", "minimize"]])
def test_a_study_that_would_look_for_the_worst_rate_is_refused(job, directions):
    with pytest.raises(gs.SearchError, match="direction='minimize'"):
        optimized(optuna.create_study(directions=directions), job, 60)


@pytest.mark.parametrize("storage", ["memory", "sqlite", "journal"])
def test_a_study_goes_on_with_its_own_schedules_and_updates_only(job, tmp_path, storage):
    file = tmp_path / "studies"
    place = {
        "memory": optuna.storages.InMemoryStorage,
        "sqlite": lambda: f"sqlite:///{file}",
        "journal": lambda: optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(file))),
    }[storage]
    place = place() if storage == "memory" else place
    for _ in range(2):
        at = place if storage == "memory" else place()
        study = optuna.create_study(storage=at, study_name="mine", load_if_exists=True)
        optimized(study, job, 60, schedules=["linear", "cosine"], trials=2)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 4
    with pytest.raises(gs.SearchError, match="trials of 60 updates, whose losses don't compare with those of 30"):
        optimized(study, job, 30, schedules=["linear", "cosine"])
    with pytest.raises(gs.SearchError, match=r"other schedules than linear\(\), one_cycle"):
        optimized(study, job, 60, schedules=["linear", "one_cycle"])


def test_trials_at_once_do_not_share_a_job(job):
    shared, both = job(0), threading.Barrier(2)

    class Slow:
        def __getattr__(self, name):
            return getattr(shared, name)

        def evaluate(self):
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait(1.0)  # so that trials are at work at once
            return shared.evaluate()

    with pytest.raises(gs.SearchError, match="trials at once can't share a job"):
        optimized(optuna.create_study(), Slow(), 60, evaluations=2, trials=4, jobs=2)


def test_one_job_serves_one_thread_after_another(job):
    shared, losses = gs.optuna.objective(job(0), 60), []

    def trial():
        losses.append(shared(optuna.trial.FixedTrial({"peak": 0.1})))

    for _ in range(2):
        thread = threading.Thread(target=trial)
        thread.start()
        thread.join()
    assert losses == [gs.optuna.objective(job, 60)(optuna.trial.FixedTrial({"peak": 0.1}))] * 2


def test_runs_of_a_search_are_trials_in_a_storage(tmp_path):
    (tmp_path / "quadratic.py").write_text(JOB)
    command = [sys.executable, "-c", "from glideslope.cli import main; main()", "race", "quadratic.py:job"]
    args = ["--peaks", "0.1,0.3", "--schedules", "linear", "--steps", "40", "--out", "out", "--json"]
    done = subprocess.run(
        [*command, *args, "--storage", "sqlite:///runs.db"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    study = optuna.load_study(study_name="out", storage=f"sqlite:///{tmp_path}/runs.db")
    assert sorted((trial.params["peak"], trial.user_attrs["schedule"]) for trial in study.trials) == [
        (0.1, "constant()"), (0.1, "linear()"), (0.3, "constant()"), (0.3, "linear()")
    ]  # fmt: skip
    assert all(len(trial.intermediate_values) == 20 for trial in study.trials)
