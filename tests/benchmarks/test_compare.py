"""Searches judged by tables: runs looked up, their updates counted, choices compared with the best."""

import doctest
import importlib.util
import json
import math
import re
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glideslope as gs
from glideslope.search.runs.contestant import Contestant

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks/search"))
import compare as compare_module
import surface as surface_module
from compare import compare, document, main
from grid import GRID
from jobs import JOBS
from jobs.registry import Optimizing
from played import Played, surfaces
from plays import Plays, plays
from prior import Prior, priors
from regret import Scale, mean_loss, sweep_by_one_seed
from report import TITLES, draw, lines
from runs import POINTS
from searches import SEARCHES, rates
from searches.asha import asha, promotable
from searches.ours import PlayedTrials
from surface import Surface
from sweeping import Sweep
from tables import FOLDER, Table, load

NAMES = sorted({file.stem.rpartition("-")[0] for file in FOLDER.glob("*.npz")})
PEAKS = np.ldexp(0.001, np.arange(10))
UNTRAINED = 3.0
TIMES = (np.arange(POINTS) + 0.5) / POINTS


def made_table(seeds=2, job="made"):
    """A table by a formula: the training loss falls as e^(-sum of rates), the best peak is the sixth.

    Seeds differ by 0.02, schedules by 0.01.
    """
    shape = len(GRID.schedules), len(PEAKS), len(GRID.horizons), seeds
    schedule, peak, horizon, seed = np.indices(shape)
    updates = np.array(GRID.horizons)[horizon]
    losses = 0.5 + 0.05 * (peak - 5) ** 2 + 12 / updates + 0.01 * schedule + 0.02 * seed
    curves = np.exp(-PEAKS[peak][..., None] * TIMES * updates[..., None]) * UNTRAINED
    return Table(
        job, GRID.schedules, PEAKS, GRID.horizons, tuple(range(seeds)), losses, curves, np.full(seeds, UNTRAINED)
    )


def with_diverged(table, *setting, part=0):
    """The same table, where a setting diverged in a part of its curve."""
    losses, curves = table.losses.copy(), table.curves.copy()
    losses[setting] = np.inf
    curves[setting][..., part:] = np.inf
    return replace(table, losses=losses, curves=curves)


@pytest.fixture
def table():
    return made_table()


class Draws:
    """Plays of searches that are entered for a test."""

    def __init__(self, monkeypatch):
        self.monkeypatch = monkeypatch

    def __call__(self, search, table, bounds=(1.0,), repeats=3, seed=0):
        self.monkeypatch.setitem(SEARCHES, "entered", search)
        return list(plays(table, Prior(()), None, ["entered"], bounds, repeats, seed))


@pytest.fixture
def played_often(monkeypatch):
    return Draws(monkeypatch)


# The runs.


@pytest.mark.parametrize("name", [None, *NAMES[:3]])
def test_runs_at_the_grid_are_those_of_the_table(name):
    table = load(name) if name else made_table()
    for seed in range(len(table.seeds)):
        surface = Surface(table, seed)
        for i, j, k in np.ndindex(table.losses.shape[:3]):
            loss, curve = surface.end(table.schedules[i], table.peaks[j], table.horizons[k])
            assert loss == table.losses[i, j, k, seed]
            assert np.array_equal(curve, table.curves[i, j, k, seed])


@given(st.floats(0, 9), st.floats(0, 4), st.integers(0, 7), st.integers(0, 1))
def test_a_run_between_is_between_its_neighbours(peak, horizon, schedule, seed):
    table = made_table()
    horizon = float(np.exp(np.interp(horizon, range(5), np.log(table.horizons))))
    horizon = min(max(horizon, table.horizons[0]), table.horizons[-1])
    loss, _ = Surface(table, seed).end(table.schedules[schedule], min(0.001 * 2**peak, PEAKS[-1]), horizon)
    j, k = min(int(peak), 8), min(int(np.searchsorted(table.horizons, horizon, side="right")) - 1, 3)
    around = table.losses[schedule, j : j + 2, k : k + 2, seed]
    assert around.min() - 1e-9 <= loss <= around.max() + 1e-9


def test_half_way_between_peaks_and_horizons(table):
    surface = Surface(table, 0)
    loss, curve = surface.end("linear()", PEAKS[2] * math.sqrt(2), math.sqrt(150 * 300))
    assert loss == pytest.approx(table.losses[1, 2:4, 2:4, 0].mean())
    np.testing.assert_allclose(curve, table.curves[1, 2:4, 2:4, 0].mean(axis=(0, 1)))


def test_a_peak_below_the_lowest_has_the_lowest_with_the_same_sum_of_rates(table):
    surface = Surface(table, 0)
    assert surface.end("linear()", PEAKS[0] / 2, 300)[0] == pytest.approx(table.losses[1, 0, 2, 0])
    assert surface.end("linear()", PEAKS[0] * 1e-9, 600)[0] == pytest.approx(UNTRAINED, abs=1e-6)


@given(st.floats(10, 37), st.floats(0.001, 0.5))
def test_a_run_shorter_than_the_shortest_gains_a_part(horizon, peak):
    table = made_table()
    surface = Surface(table, 1)
    shortest = surface.end("linear()", peak, 37)[0]
    loss, curve = surface.end("linear()", peak, horizon)
    assert min(shortest, UNTRAINED) - 1e-9 <= loss <= max(shortest, UNTRAINED) + 1e-9
    assert np.all(np.diff(curve) <= 0)


def test_a_short_run_gains_what_its_training_loss_fell():
    table = made_table()
    table.curves[...] = 1.0
    table.curves[1, :, 0] = np.linspace(1, 0, POINTS + 1)[1:]  # by as much in each part, but half of one at the start
    loss = Surface(table, 0).end("linear()", PEAKS[4], 37 / 2)[0]
    shortest = table.losses[1, 4, 0, 0]
    fallen = 1 - Surface(table, 0).end("linear()", PEAKS[4], 37 / 2)[1][-1]
    assert fallen == pytest.approx(0.5, abs=0.05)
    assert loss == pytest.approx(UNTRAINED - 0.5 * (UNTRAINED - shortest), abs=0.1)
    flat = made_table()
    flat.curves[...] = 1.0  # nothing falls: in proportion
    assert Surface(flat, 0).end("linear()", PEAKS[4], 37 / 2)[0] == pytest.approx((UNTRAINED + shortest) / 2)


def test_the_nearer_neighbour_says_whether_a_run_diverges(table):
    surface = Surface(with_diverged(table, 1, 7), 0)
    assert math.isfinite(surface.end("linear()", PEAKS[6] * 2**0.4, 600)[0])
    assert surface.end("linear()", PEAKS[6] * 2**0.4, 600)[0] == pytest.approx(table.losses[1, 6, 4, 0])
    assert surface.end("linear()", PEAKS[6] * 2**0.6, 600)[0] == math.inf
    assert surface.end("linear()", PEAKS[9] * 1.001, 600)[0] == math.inf  # above the grid
    assert math.isfinite(surface.end("linear()", PEAKS[9], 600)[0])


@pytest.mark.parametrize(
    ("schedule", "peak", "horizon", "says"),
    [
        ("cubic()", 0.1, 600, "the tables have no cubic"),
        ("linear()", 0.1, 9, "a run of 9 updates: give 10 to 600"),
        ("linear()", 0.1, 601, "a run of 601 updates"),
        ("linear()", 0.0, 600, "a peak rate of 0.0"),
        ("linear()", math.nan, 600, "a peak rate of nan"),
    ],
)
def test_what_cannot_be_looked_up_is_refused(schedule, peak, horizon, says, table):
    with pytest.raises(gs.SearchError, match=says):
        Played(table, 0).run(schedule, peak, horizon)


# The cost.


def test_updates_are_counted_once(table):
    played = Played(table, 0)
    assert played.run("linear()", 0.01, 150).cost == 150
    assert played.run("linear()", 0.01, 150).cost == 0  # the same run again
    assert played.run("linear()", 0.01, 300).cost == 300  # another horizon: another run
    assert played.run("linear()", 0.01, 150, seed=1).cost == 150
    assert played.updates == 600


def test_a_run_that_goes_on_pays_for_the_rest(table):
    played = Played(table, 0)
    begun = played.run("linear()", 0.01, 600, until=60)
    assert (begun.cost, math.isnan(begun.loss)) == (60, True)
    assert np.isfinite(begun.curve).sum() == 2  # parts of 25 updates
    assert played.run("linear()", 0.01, 600, until=40).cost == 0
    assert played.run("linear()", 0.01, 600).cost == 540
    assert played.run("linear()", 0.01, 600, until=600).loss == played.run("linear()", 0.01, 600).loss


def test_a_run_that_diverged_ends_there(table):
    played = Played(with_diverged(table, 1, 7, 4, part=5), 0)
    assert played.run("linear()", PEAKS[7], 600).cost == 150  # in the sixth part of 24
    assert played.run("linear()", 2 * PEAKS[9], 600).cost == 600  # as at the highest peak, where none did
    highest = Played(with_diverged(table, 1, 9, part=2), 0)
    assert highest.run("linear()", 2 * PEAKS[9], 600).cost == 75


def test_a_number_of_a_seed_gets_one_of_the_tables_seeds(table):
    losses = {}
    for number in range(20):
        played = Played(table, number)
        losses[number] = [played.run("linear()", PEAKS[3], 600, seed=i).loss for i in (0, 1, 0, 1)]
        assert losses[number][:2] == losses[number][2:]
    assert {tuple(two[:2]) for two in losses.values()} == {
        (a, b) for a in table.losses[1, 3, 4] for b in table.losses[1, 3, 4]
    }
    assert all(Played(made_table(seeds=1), i).run("linear()", PEAKS[3], 600, seed=i).loss
               == table.losses[1, 3, 4, 0] for i in range(5))  # fmt: skip


# The library's own search on a table.


def test_the_library_counts_as_the_table_does(table):
    played = Played(table, 0)
    trials = PlayedTrials(played)
    run = trials.run(Contestant(gs.parse("linear()"), 0.01), 150, stage="a test")
    trials.run(Contestant(gs.parse("linear()"), 0.01), 150, stage="a test", order=1)
    gs.search.range_test.range_test(trials, low=1e-5, high=10.0, steps=50, sweeps=2)
    assert trials.updates == played.updates > 300
    assert trials.runs == [run]
    assert (run.final_loss, run.untrained) == (played.run("linear()", 0.01, 150).loss, UNTRAINED)
    ends = np.linspace(0, 150, POINTS + 1).round().astype(int)
    means = [run.losses[start:end].mean() for start, end in pairwise(ends)]
    np.testing.assert_allclose(means, played.run("linear()", 0.01, 150).curve, rtol=0.05)


def test_a_sweep_falls_with_the_sum_of_its_rates():
    """By the formula, the loss is 3·e^(-sum of rates) at every rate."""
    sweep, total, before = Sweep(Surface(made_table(), 0)), 0.0, []
    losses = []
    for rate in np.geomspace(1e-5, 0.5, 80).tolist():
        total += rate
        losses.append(sweep.loss(rate, total) - sweep.level)
        before.append(UNTRAINED * (math.exp(-total) - 1))
    np.testing.assert_allclose(losses, before, atol=0.08 * UNTRAINED)
    assert sweep.loss(0.6, total) == math.inf


def test_the_noise_of_a_batch_is_that_of_the_curve():
    table, rng = made_table(1), np.random.default_rng(0)
    deviations = []
    for _ in range(40):
        updates = rng.normal(2, 0.3, 37)
        table.curves[0, 0, 0, 0] = np.repeat(updates, POINTS).reshape(POINTS, 37).mean(axis=1)
        deviations.append(Sweep(Surface(table, 0)).noise)
    assert np.sqrt(np.mean(np.square(deviations))) == pytest.approx(0.3, rel=0.1)


# The searches.


@pytest.mark.parametrize("name", list(SEARCHES))
def test_a_search_chooses_within_its_bound(name, table):
    if name == "tpe" and importlib.util.find_spec("optuna") is None:
        pytest.skip("Optuna isn't installed")
    known = Prior((made_table(job="other"),), (Optimizing("adaptive", 0.01),))
    for one in plays(table, known, Optimizing("adaptive", 0.02), [name], (0.1, 0.25, 1.0, 4.0), 2, 0):
        assert (one.costs <= one.bound).all()
        assert not any("exceeded" in reason for reason in one.failures)
        assert np.isnan(one.regrets).sum() == sum(one.failures.values())
        if one.bound >= 1:
            assert not one.failures


def test_asha_lets_the_best_third_of_a_rung_go_on():
    a, b, c, d = (("linear()", peak) for peak in (0.1, 0.2, 0.3, 0.4))
    three, four = {a: 3.0, b: 2.0, c: 4.0}, {a: 3.0, b: 2.0, c: 4.0, d: 1.0}
    assert not list(promotable([{a: 1.0, b: 2.0}, {}, {}]))  # two runs have no third
    assert list(promotable([three, {}, {}])) == [(b, 1)]
    assert not list(promotable([three, {b: 1.0}, {}]))
    assert list(promotable([four, {b: 1.0}, {}])) == [(d, 1)]
    assert list(promotable([four, {a: 3.0, b: 0.5, c: 4.0}, {}])) == [(b, 2), (d, 1)]  # the higher first
    assert not list(promotable([{a: math.inf, b: math.inf, c: math.inf}, {}]))


def test_asha_spends_what_no_run_needs_to_go_on(table):
    played = Played(table, 0)
    asha(played, 599, np.random.default_rng(0), Prior(()))
    assert 599 - 25 < played.updates <= 599


def test_asha_pays_for_each_rung_once(table):
    played = Played(table, 0)
    schedule, peak = asha(played, 2400, np.random.default_rng(0), Prior(()))
    before = played.updates
    assert played.run(schedule, peak, 600).cost == 0  # its choice was run to the end
    assert played.updates == before <= 2400


def test_full_runs_take_the_best_of_peaks_far_apart(table):
    assert np.allclose(rates.spread(1), 0.01)
    schedule, peak = SEARCHES["full_runs"](Played(table, 0), 2400, np.random.default_rng(0), Prior(()))
    assert (schedule, peak) == ("warmup(5%) >> cosine()", pytest.approx(10**-1.25))


def test_random_searches_regret_less_with_a_larger_bound(table):
    peak, horizon = np.indices(table.losses.shape)[1:3]
    table.losses[...] += 0.05 * ((peak - 1 - horizon) ** 2 - (peak - 5) ** 2)  # shorter runs favour lower peaks
    regrets = [one.regrets.mean() for one in plays(table, Prior(()), None, ["random"], (1.0, 2.0, 4.0), 60, 0)]
    assert regrets[0] > regrets[1] > regrets[2] > 1


# The regret.


def test_an_oracle_has_no_regret(played_often, table):
    schedule, peak = table.best_setting
    (one,) = played_often(lambda *_: (table.schedules[schedule], table.peaks[peak]), table)
    assert one.regrets.tolist() == [1, 1, 1]
    assert one.costs.tolist() == [0, 0, 0]
    assert not one.failures


def test_regret_is_the_ratio_to_the_best_beyond_noise(table):
    scale = Scale.of(table)
    best = 0.5 + 12 / 600 + 0.01
    assert (scale.best, scale.noise) == (pytest.approx(best), pytest.approx(0.02 / math.sqrt(2)))
    assert scale.regret(2 * best) == pytest.approx(2)
    assert scale.regret(best + 0.014) == 1
    assert scale.regret(best + 0.015) == pytest.approx((best + 0.015) / best)
    assert scale.regret(math.inf) == scale.regret(7.0) == pytest.approx(UNTRAINED / best)
    assert Scale.of(made_table(1)).regret(best - 0.01 + 1e-3) > 1  # one seed tells no noise


def test_regret_where_losses_may_be_negative():
    table = made_table()
    scale = Scale.of(replace(table, losses=table.losses - 1))
    best = 0.5 + 12 / 600 + 0.01 - 1
    assert scale.regret(best) == 1
    assert scale.regret((best + UNTRAINED) / 2) == pytest.approx(1.5)
    assert scale.regret(math.inf) == pytest.approx(2)


def test_a_sweep_of_one_seed_is_judged_by_the_others(table):
    losses = np.full((1, 3, 1, 2), 4.0)
    losses[0, 0, 0], losses[0, 1, 0] = (1.0, 3.0), (2.0, 2.0)
    losses[0, 2, 0] = (1.5, 1.5)
    small = replace(table, losses=losses, horizons=table.horizons[-1:], untrained=np.array([9.0, 9.0]))
    # The first seed chooses the first setting, which ends at 3 with the second; the second seed chooses the third.
    assert sweep_by_one_seed(small) == [3.0 / 1.5, 1.0]
    assert sweep_by_one_seed(replace(small, losses=losses[..., :1], seeds=(0,))) == []


def test_a_choice_is_judged_by_the_mean_over_the_seeds(table):
    assert mean_loss(surfaces(table), "linear()", PEAKS[3]) == pytest.approx(table.losses[1, 3, 4].mean())
    diverged = with_diverged(table, 1, 3, 4, 1)
    assert mean_loss(surfaces(diverged), "linear()", PEAKS[3]) == math.inf


def test_a_search_beyond_its_bound_has_failed(played_often, table):
    def greedy(played, bound, rng, prior):
        played.run("linear()", 0.01, 600)
        played.run("linear()", 0.02, 600)
        return "linear()", 0.02

    within, beyond = played_often(greedy, table, bounds=(2.0, 1.0))
    assert np.isfinite(within.regrets).all()
    assert np.isnan(beyond.regrets).all()
    assert beyond.failures == {"exceeded its bound": 3}
    assert beyond.costs.tolist() == [2, 2, 2]


def test_what_is_known_beforehand_is_of_other_families():
    names = ("digits_mlp", "digits_vae", "clicks", "text_gpt")
    tables = {name: made_table(1, name) for name in names}
    known = priors(tables, {name: JOBS[name].family for name in names}, {name: JOBS[name].optimizing for name in names})
    for name in names:
        family = JOBS[name].family
        assert [table.job for table in known[family].tables] == sorted(n for n in names if JOBS[n].family != family)


# All of it.

QUICK = {"searches": ("ours", "random", "asha"), "bounds": (1.0, 2.0), "repeats": 2}


def test_the_same_seed_gives_the_same_numbers():
    tables = {name: made_table(2, name) for name in ("digits_mlp", "clicks")}
    first, again, other = (document(compare(tables, list(tables), **QUICK, seed=seed), tables, seed)
                           for seed in (0, 0, 1))  # fmt: skip
    assert json.dumps(first) == json.dumps(again)
    assert first["plays"] != other["plays"]
    assert len(first["plays"]) == 2 * 3 * 2


def test_plays_do_not_depend_on_what_else_is_played():
    tables = {name: made_table(2, name) for name in ("digits_mlp", "clicks")}
    both = compare(tables, ["digits_mlp", "clicks"], **QUICK, seed=0)
    alone = compare(tables, ["clicks"], ("random",), (2.0,), 2, 0)
    (same,) = [one for one in both if (one.job, one.search, one.bound) == ("clicks", "random", 2.0)]
    assert np.array_equal(same.regrets, alone[0].regrets)


def test_the_report_has_every_mean_and_failure(tmp_path):
    tables = {"clicks": made_table(1, "clicks")}
    results = [
        Plays("clicks", "random", 1.0, np.array([1.0, 4.0]), np.array([0.5, 1.0]), {}),
        Plays("clicks", "law", 1.0, np.array([np.nan, 3.0]), np.array([1.0, 1.0]), {"no law": 1}),
    ]
    text = "\n".join(lines(results, tables))
    rows = [line.split() for line in text.splitlines()]
    numbers = [row[1] for row in rows if len(row) == 2 and row[0] == "random" and row[1] != "law"]
    # The mean, the geometric mean, the median, the worst; the second repeat, in which both chose; the cost.
    assert numbers == ["2.500", "2.000", "2.500", "4.000", "4.000", "0.750"]
    assert ["law", "50"] in rows
    assert ["clicks", "2.500", "3.000"] in rows
    assert "law, 1 times: no law" in text
    assert "1 of the tables have one seed" in text
    draw(results, tmp_path / "regret.png")
    assert (tmp_path / "regret.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_calls_searches_what_the_page_with_it_does(monkeypatch, tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text()
    rows = set(re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE))
    assert {TITLES[name] for name in ("ours", "random", "asha", "tpe", "usual")} <= rows
    shown = []
    monkeypatch.setattr(
        "matplotlib.axes.Axes.legend", lambda axes, **_: shown.extend(axes.get_legend_handles_labels()[1])
    )
    draw([Plays("clicks", name, 1.0, np.ones(2), np.ones(2), {}) for name in SEARCHES], tmp_path / "regret.png")
    assert len(set(shown)) == len(SEARCHES)
    assert not {name for name in shown if "_" in name or name in {*SEARCHES} - {"random"}}


def test_the_command_writes_what_it_found(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(compare_module, "load", lambda name: made_table(2, name))
    out = tmp_path / "results.json"
    job = ["--jobs", NAMES[0]] if NAMES else pytest.skip("no tables")
    monkeypatch.setattr(sys, "argv", ["compare.py", "--quick", *job, "--repeats", "2", "--workers", "1", "--searches",
                                      "random,full_runs", "--out", str(out)])  # fmt: skip
    main()
    assert "regret, mean" in capsys.readouterr().out
    results = json.loads(out.read_text())
    assert {(play["search"], play["bound"]) for play in results["plays"]} == {
        (search, bound) for search in ("random", "full_runs") for bound in (0.25, 1.0, 4.0)
    }
    failed = next(play for play in results["plays"] if play["search"] == "full_runs" and play["bound"] == 0.25)
    assert failed["regrets"] == [None, None]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--jobs", "cats"), "unknown jobs cats: choose from"),
        (("--searches", "luck"), "unknown searches luck: choose from ours"),
        (("--repeats", "0"), "--repeats 0: give at least 1"),
        (("--seed", "-1"), "--seed -1: give 0 or more"),
    ],
)
def test_a_wrong_argument_is_named(arguments, says, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["compare.py", *arguments])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("module", [surface_module, rates])
def test_examples(module):
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted > 0
