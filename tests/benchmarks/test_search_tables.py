"""The small trainings and the tables of their results, by which searches are judged."""

import hashlib
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import glideslope as gs
from glideslope.search.runs.contestant import Contestant

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks/search"))
from grid import GRID, Grid
from jobs import JOBS
from jobs.data import fashion
from runs import POINTS, Result, curve, shared_runs
from tables import FOLDER, load, main, missing, save

torch.set_num_threads(1)

NEEDS_FASHION = {name for name, spec in JOBS.items() if spec.family == "fashion"}
QUICK = ("digits_mlp", "digits_muon", "text_gpt", "density_flow", "policy_gradient", "matrix_factors", "clicks")
TABLES = sorted({file.stem.rpartition("-")[0] for file in FOLDER.glob("*.npz")})


def made(name, seed=0):
    if name in NEEDS_FASHION:
        try:
            fashion()
        except gs.JobError as error:
            pytest.skip(str(error))
    return JOBS[name].make(seed)


def one_by_one(name, rates, seed=0):
    """The validation loss of a run on its own, and its training losses."""
    job, losses = made(name, seed), []
    for rate in rates.tolist():
        losses.append(float(job.step(rate)))
        if not math.isfinite(losses[-1]):
            return math.inf, losses
    return job.evaluate(), losses


def test_jobs_are_many_and_unlike():
    assert len(JOBS) >= 24
    assert len({spec.family for spec in JOBS.values()}) >= 7
    assert len(NEEDS_FASHION) <= 5


def test_peaks_double_around_their_centre():
    for spec in JOBS.values():
        assert np.array_equal(spec.peaks[1:], 2 * spec.peaks[:-1])
        assert np.sqrt(spec.peaks[0] * spec.peaks[-1]) == pytest.approx(spec.centre)


def check_conforms(name):
    job = made(name)
    gs.check_job(job, lr=JOBS[name].peaks[4], steps=4)
    untrained = job.evaluate()
    for _ in range(60):
        job.step(JOBS[name].peaks[4])
    assert job.evaluate() < untrained


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "text_gpt" else name for name in QUICK]
)
def test_a_job_conforms_and_trains(name):
    check_conforms(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in JOBS if name not in QUICK])
def test_every_other_job_conforms_and_trains(name):
    check_conforms(name)


def test_a_seed_sets_weights_and_order_but_not_the_data():
    runs = []
    for seed in (0, 0, 1):
        job = made("digits_mlp", seed)
        runs.append(([job.step(0.1).item() for _ in range(40)], job.evaluate(), job.validation_loader[0]))
    first, same, other = runs
    assert first[:2] == same[:2]
    assert first[0] != other[0]
    assert torch.equal(first[2][0], other[2][0])


def test_missing_images_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("FASHION_MNIST", str(tmp_path))
    with pytest.raises(gs.JobError, match="install Debian's dataset-fashion-mnist"):
        fashion.__wrapped__()


class History:
    """A job whose loss tells every rate that it was given, in order."""

    def __init__(self):
        self.rates, self.updates = (), 0

    def step(self, lr):
        self.rates, self.updates = (*self.rates, lr), self.updates + 1
        return self.evaluate()

    def evaluate(self):
        return float(int.from_bytes(hashlib.sha256(repr(self.rates).encode()).digest()[:6], "big"))

    def state(self):
        return self.rates

    def restore(self, state):
        self.rates = state


COURSES = st.lists(st.lists(st.sampled_from([0.1, 0.2]), min_size=1, max_size=6), min_size=1, max_size=8)


@given(COURSES)
def test_runs_share_updates_only_after_the_same_rates(courses):
    job = History()
    results = shared_runs(job, {i: np.array(rates) for i, rates in enumerate(courses)})
    for i, rates in enumerate(courses):
        alone = History()
        losses = [alone.step(rate) for rate in rates]
        assert results[i].loss == losses[-1]
    beginnings = {tuple(rates[: i + 1]) for rates in courses for i in range(len(rates))}
    assert job.updates == len(beginnings)  # each is made once


# Dropout, and horizons beyond an epoch; the statistics of batch normalization; an optimizer with more state.
@pytest.mark.parametrize(
    ("name", "horizons"),
    [
        ("digits_mlp", (37, 75)),
        ("rare_classes", (20, 40)),
        pytest.param("digits_muon", (20, 40), marks=pytest.mark.slow),
    ],
)
def test_shared_runs_end_exactly_as_runs_on_their_own(name, horizons):
    courses = Grid(horizons=horizons).courses(JOBS[name].peaks[[2, 6]])
    results = shared_runs(made(name), courses)
    assert results.keys() == courses.keys()
    for setting, rates in courses.items():
        loss, losses = one_by_one(name, rates)
        assert results[setting].loss == loss
        assert np.array_equal(results[setting].curve, curve(losses, len(rates)))


def test_a_race_ends_as_the_table_says():
    """The library's own search, with the same job, schedules and peaks."""
    peaks = JOBS["digits_mlp"].peaks[[3, 6]].tolist()
    race = gs.race(JOBS["digits_mlp"].make, ["one_cycle()", "warmup(5%) >> linear()"], 37, peaks, seed=1)
    courses = {(str(one.contestant)): one.contestant.rates(37) for one in race.standings}
    results = shared_runs(made("digits_mlp", seed=1), courses)
    assert len(results) == 6  # constant too
    assert {str(one.contestant): one.mean for one in race.standings} == {
        name: result.loss for name, result in results.items()
    }


def test_a_run_that_diverges_is_infinite_from_there_on():
    rates = {0: np.full(300, 3.0), 1: np.full(300, 1e-3)}
    results = shared_runs(made("badly_scaled"), rates)
    assert results[0].loss == math.inf
    assert one_by_one("badly_scaled", rates[0])[0] == math.inf
    lost = np.isinf(results[0].curve)
    assert not lost[0]
    assert lost[-1]
    assert np.array_equal(lost, np.maximum.accumulate(lost))
    assert results[1].loss == one_by_one("badly_scaled", rates[1])[0]


def test_a_curve_has_the_mean_of_each_part():
    assert np.array_equal(curve(list(range(48)), 48), np.arange(24) * 2 + 0.5)
    assert np.allclose(curve([6.0, 12.0, 18.0] * 12, 36)[:4], [8, 16, 8, 16])  # 1.5 updates each
    assert np.array_equal(curve([2.0] * 5, 5), np.full(POINTS, 2.0))


def test_courses_are_those_that_a_race_would_run():
    peaks = JOBS["digits_mlp"].peaks
    courses = GRID.courses(peaks)
    assert len(courses) == 8 * 10 * 5
    for (i, j, k), rates in courses.items():
        contestant = Contestant(gs.parse(GRID.schedules[i]), peaks[j])
        assert np.array_equal(rates, contestant.rates(GRID.horizons[k]))


SMALL = Grid(schedules=("constant()", "linear()"), horizons=(10, 20), seeds=(0, 1))
PEAKS = np.array([0.1, 0.2, 0.4])


def small_results(best):
    """Results that say where they belong; one diverged, one is the best."""
    results = {
        (i, j, k): Result(1 + i + j / 10 + k / 100, np.full(POINTS, 1 / 3 + i + j / 10 + k / 100))
        for i in range(2) for j in range(3) for k in range(2)
    }  # fmt: skip
    results[1, 2, 1] = Result(math.inf, np.r_[np.full(5, -0.7), np.full(POINTS - 5, np.inf)])
    results[1, 1, 1] = Result(best, np.zeros(POINTS))
    return results


def test_a_table_is_read_as_it_was_written(tmp_path):
    for seed, best in enumerate((-0.5, -0.75)):
        save(tmp_path / f"made-{seed}.npz", SMALL, PEAKS, small_results(best), untrained=2.5 + seed)
    table = load("made", tmp_path)
    assert (table.job, table.schedules, table.horizons, table.seeds) == ("made", SMALL.schedules, (10, 20), (0, 1))
    assert np.array_equal(table.peaks, PEAKS)
    assert np.array_equal(table.untrained, [2.5, 3.5])
    assert table.losses.shape == (2, 3, 2, 2)
    assert table.curves.shape == (2, 3, 2, 2, POINTS)
    for setting, result in small_results(-0.5).items():
        assert table.losses[setting][0] == pytest.approx(result.loss, rel=1e-7)
        np.testing.assert_allclose(table.curves[setting][0], result.curve, rtol=1e-4)
    assert table.best_setting == (1, 1)
    assert table.best == -0.625
    assert table.noise == pytest.approx(math.sqrt(2) / 8)  # of -0.5 and -0.75


def test_a_table_that_is_not_there_or_does_not_fit_is_refused(tmp_path):
    with pytest.raises(gs.FileError, match="no table of 'made': make it with"):
        load("made", tmp_path)
    save(tmp_path / "made-0.npz", SMALL, PEAKS, small_results(0), 1.0)
    save(tmp_path / "made-1.npz", SMALL, 2 * PEAKS, small_results(0), 1.0)
    with pytest.raises(gs.FileError, match=r"made-1\.npz has other peaks than made-0\.npz"):
        load("made", tmp_path)
    (tmp_path / "made-1.npz").write_bytes((tmp_path / "made-0.npz").read_bytes()[:-40])
    with pytest.raises(gs.FileError, match=r"made-1\.npz is damaged"):
        load("made", tmp_path)


def test_what_is_missing_comes_with_the_first_seed_first(tmp_path):
    grid, names = Grid(seeds=(0, 1)), ["digits_mlp", "clicks", "counts"]
    shape = len(grid.schedules), 10, len(grid.horizons)
    results = dict.fromkeys(np.ndindex(shape), Result(1.0, np.ones(POINTS)))
    save(tmp_path / "clicks-0.npz", grid, JOBS["clicks"].peaks, results, 1.0)
    save(tmp_path / "counts-0.npz", grid, JOBS["counts"].peaks * 2, results, 1.0)  # of other peaks: made again
    (tmp_path / "clicks-1.npz").write_bytes(b"PK half of it")
    assert missing(tmp_path, grid, names) == [
        ("digits_mlp", 0), ("counts", 0), ("digits_mlp", 1), ("clicks", 1), ("counts", 1),
    ]  # fmt: skip


@pytest.mark.slow
def test_killed_and_started_again_it_makes_the_same_bytes(tmp_path, monkeypatch):
    jobs = ["--quick", "--jobs", "noise_above_signal,density_of_target", "--out"]
    interrupted, whole = tmp_path / "interrupted", tmp_path / "whole"
    first = subprocess.Popen([sys.executable, str(FOLDER.parent / "tables.py"), *jobs, str(interrupted)])
    while not (interrupted / "noise_above_signal-0.npz").exists():
        assert first.poll() is None
        time.sleep(0.01)
    first.kill()
    first.wait()
    assert not (interrupted / "density_of_target-0.npz").exists()
    (interrupted / "density_of_target-0.npz").write_bytes(b"half of it")
    for folder in (interrupted, whole):
        monkeypatch.setattr(sys, "argv", ["tables.py", *jobs, str(folder)])
        main()
    files = sorted(path.name for path in whole.iterdir())
    assert files == ["density_of_target-0.npz", "noise_above_signal-0.npz"]
    assert all((interrupted / name).read_bytes() == (whole / name).read_bytes() for name in files)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--jobs", "clicks,cats"), "unknown jobs cats: choose from"),
        (("--workers", "0"), "--workers 0: give at least 1"),
    ],
)
def test_a_wrong_argument_is_named(arguments, says, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["tables.py", *arguments])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert says in capsys.readouterr().err


def test_the_listing_names_job_family_and_optimizer(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["tables.py", "--list", "--jobs", "noise_above_signal,counts"])
    main()
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[:3] for line in lines] == [
        ["noise_above_signal", "regression", "SGD"], ["counts", "tabular", "momentum"],
    ]  # fmt: skip
    assert all(float(line[3]) > 0 for line in lines)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_that_of_its_job(name):
    table = load(name)
    assert np.array_equal(table.peaks, JOBS[name].peaks)
    assert (table.schedules, table.horizons) == (GRID.schedules, GRID.horizons)
    # The text is that of the installed Python's documentation; rounding differs between machines.
    tolerance = 0.05 if JOBS[name].family in ("text", "sparse") else 0.005
    assert made(name).evaluate() == pytest.approx(table.untrained[0], rel=tolerance)
    rates = GRID.courses(table.peaks)[1, 3, 0]
    assert one_by_one(name, rates)[0] == pytest.approx(table.losses[1, 3, 0, 0], rel=tolerance)


@pytest.mark.parametrize("name", TABLES)
def test_the_best_of_a_table_lies_well_inside(name):
    table = load(name)
    _, peak = table.best_setting
    assert 1 < peak < len(table.peaks) - 2
    assert table.best < table.untrained.mean()
    assert table.best != 0
