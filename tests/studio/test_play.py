"""The balls: their updates are torch's, and they do what the theory of descent says."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs
from glideslope.studio.descent.algebra import count, solve
from glideslope.studio.descent.digits import plane
from glideslope.studio.descent.formula import parsed
from glideslope.studio.descent.paths import Ball, World, path
from glideslope.studio.descent.stationary import by_algebra, by_newton, descended
from glideslope.studio.descent.surfaces import PLACES, FormulaSurface, surface
from glideslope.studio.exchange import quiet
from glideslope.studio.play import Play, played
from tests.studio.asking import client

TORCH = {
    "descent": lambda w: torch.optim.SGD([w], 1.0), "momentum": lambda w: torch.optim.SGD([w], 1.0, momentum=0.9),
    "nesterov": lambda w: torch.optim.SGD([w], 1.0, momentum=0.9, nesterov=True),
    "adagrad": lambda w: torch.optim.Adagrad([w], 1.0), "rmsprop": lambda w: torch.optim.RMSprop([w], 1.0),
    "adam": lambda w: torch.optim.Adam([w], 1.0),
}  # fmt: skip


def went(formula, ball, **world):
    ground = surface(formula, "") if formula in PLACES else FormulaSurface(parsed(formula))
    return quiet(path, ground, ball, World(**world), 6.0, 60.0)


@pytest.mark.parametrize("optimizer", TORCH)
@pytest.mark.parametrize(("place", "rate"), [("rosenbrock", 1e-3), ("beale", 3e-3), ("ravine", 0.01)])
@pytest.mark.parametrize("schedule", ["constant", "warmup(10%) >> cosine"])
def test_the_first_100_positions_are_those_of_torch(optimizer, place, rate, schedule):
    formulas = {
        "rosenbrock": lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2, "ravine": lambda x, y: (x**2 + 25 * y**2) / 2,
        "beale": lambda x, y: (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2,
    }  # fmt: skip
    start = list(PLACES[place].start)
    ours = went(place, Ball(start, optimizer=optimizer, rate=rate, schedule=schedule), steps=100).positions
    w = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    theirs, optimizer = [start], TORCH[optimizer](w)
    for factor in gs.parse(schedule).sample(100):
        optimizer.param_groups[0]["lr"] = rate * factor
        optimizer.zero_grad()
        formulas[place](*w).backward()
        optimizer.step()
        theirs.append(w.tolist())
    assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@settings(max_examples=12)
@given(curvature=st.floats(0.01, 1000), start=st.floats(0.1, 2))
def test_a_ball_converges_just_below_two_over_the_curvature_and_diverges_just_above(curvature, start):
    formula = f"{curvature!r}*x^2/2"
    below = went(formula, Ball([start], rate=1.99 / curvature), steps=1500)
    above = went(formula, Ball([start], rate=2.01 / curvature), steps=1500)
    assert abs(below.positions[-1, 0]) < 1e-6
    assert above.ended == "diverged"


@pytest.mark.parametrize(
    ("optimizer", "beta"),
    [("descent", 0.9), ("momentum", 0.0), ("momentum", 0.9), ("nesterov", 0.5), ("nesterov", 0.9)],
)
@pytest.mark.parametrize("layers", [[1.0, 4.0], [0.0, 0.3]])
def test_the_marks_are_where_the_ball_swings_and_is_lost(optimizer, beta, layers):
    """On a surface whose axes are turned, with a rate for each layer."""
    formula, steps = "x^2 + y^2 + x*y", 1500

    def went_at(rate):
        return went(formula, Ball([2.0, 1.0], optimizer, rate, momentum=beta, layers=layers), steps=steps)

    ball = Ball([2.0, 1.0], optimizer, 1e-3, momentum=beta, layers=layers)
    answer = played(Play(surface="formula", formula=formula, balls=[ball]))["balls"][0]
    _, swings, diverges = (bound[0] for bound in answer["limits"])
    assert went_at(0.99 * diverges).ended == "whole"
    assert went_at(1.01 * diverges).ended == "diverged"
    steepest = np.linalg.eigh(np.sqrt(np.outer(layers, layers)) * [[2, 1], [1, 2]])[1][:, -1]
    inverse = np.divide(steepest, np.sqrt(layers), out=np.zeros(2), where=np.array(layers) > 0)
    for times, changes in ((0.9, False), (1.2, True)):
        along = went_at(times * swings).positions @ inverse
        if np.count_nonzero(layers) == 2:  # else the other coordinate, which rests, moves the minimum
            assert bool(np.any(along * along[0] < -1e-9 * along[0] ** 2)) == changes, (times, along)


@pytest.mark.parametrize(("place", "rate"), [("rosenbrock", 0.01), ("beale", 0.1), ("himmelblau", 0.1)])
def test_the_marks_of_a_ball_that_is_lost_are_those_before(place, rate):
    """A last place 10,000 windows away has a curvature of its own."""
    start = list(PLACES[place].start)
    lost = played(Play(surface=place, balls=[Ball(start, rate=rate)]))["balls"][0]
    assert lost["ended"] == "diverged"
    x, y = (column[lost["left"]] for column in lost["positions"])
    (a, b), (c, d) = PLACES[place].window
    assert a <= x <= b
    assert c <= y <= d
    there = played(Play(surface=place, balls=[Ball([x, y], rate=1e-6)]))["balls"][0]
    assert [bound[-1] for bound in lost["limits"]] == pytest.approx([bound[0] for bound in there["limits"]], rel=1e-3)
    assert lost["limits"][2][0] == played(Play(surface=place, balls=[Ball(start)]))["balls"][0]["limits"][2][0]


@pytest.mark.parametrize(("rate", "regime"), [(0.09, 0), (0.11, 1), (0.99, 1), (1.01, 2), (1.99, 2), (2.01, 3)])
def test_the_regimes_are_what_the_ball_does(rate, regime):
    """It crawls: under a tenth of the way is left behind in an update; it oscillates: it changes sides."""
    answer = played(Play(surface="parabola", balls=[Ball([1.0], rate=rate)]))["balls"][0]
    assert sum(rate > bound[0] for bound in answer["limits"]) == regime
    first, second = answer["positions"][0][:2]
    assert (second < 0) == (regime >= 2)
    assert (abs(second) > 0.9 * abs(first)) == (regime in (0, 3) or rate > 1.9)


def test_a_ball_moves_as_its_schedule_says():
    """On a surface of slope 1 it goes as far as the sum of the rates."""
    way = went("x", Ball([0.0], rate=0.3, schedule="warmup(20%) >> cosine"), steps=50)
    rates = 0.3 * gs.parse("warmup(20%) >> cosine").sample(50)
    assert np.allclose(way.positions[1:, 0], -np.cumsum(rates), rtol=1e-12)
    assert np.allclose(way.rates[:-1], rates, rtol=1e-12)


def test_a_plateau_is_told_the_height():
    """It oscillates at a rate above 1 over the curvature, without getting lower, until the plateau cuts the rate."""
    ball = Ball([1.0], rate=2.0, schedule="constant * plateau(0.5, patience=3)")
    way = went("x^2/2", ball, steps=200)
    assert way.rates[:16] == pytest.approx(2.0)
    assert way.rates[-1] < 1.01
    assert abs(way.positions[-1, 0]) < 1e-6


def test_a_batch_that_grows_ends_as_quiet_as_a_rate_that_falls_in_fewer_updates():
    """Smith et al. 2018, arXiv:1711.00489: the noise of an update is the rate over the root of the batch."""
    spread = {}
    for text in ("constant", "linear", "linear * growth(8, 4096)"):
        ends = [
            went("x^2/2", Ball([0.0], rate=0.3, schedule=text), steps=300, noise=2.0, batch=8, seed=seed)
            for seed in range(40)
        ]
        spread[text] = np.std([way.positions[-1, 0] for way in ends]), int(ends[0].at[-1])
    assert spread["linear * growth(8, 4096)"][0] < 0.5 * spread["constant"][0]
    assert spread["linear * growth(8, 4096)"][1] < 0.6 * spread["linear"][1]


def test_each_layer_has_its_own_rate():
    way = went("x + y", Ball([0.0, 0.0], rate=0.1, layers=[1.0, 0.25]), steps=10)
    assert np.allclose(way.positions[-1], [-1.0, -0.25])


def test_a_rare_slope_counts_more_in_adagrad():
    """Along the coordinate whose slope comes in one update of ten, Adagrad comes further than descent, each measured by
    how far it comes along the other."""
    world = {"steps": 60, "rare": 10}
    plain = went("rare", Ball([-1.0, -1.0], rate=0.05), **world).positions
    adaptive = went("rare", Ball([-1.0, -1.0], optimizer="adagrad", rate=0.4), **world).positions
    shares = [(way[-1, 1] - way[0, 1]) / (way[-1, 0] - way[0, 0]) for way in (plain, adaptive)]
    assert shares[1] > 2 * shares[0]


def test_a_curve_has_no_slope_along_y_that_could_be_rare():
    often, rarely = (went("x^2/2", Ball([1.0], rate=0.1), steps=20, rare=rare).positions for rare in (1, 10))
    assert rarely[:, 0].tolist() == often[:, 0].tolist()
    assert often[-1, 0] == pytest.approx(0.9**20)


def test_noise_is_that_of_a_batch():
    """The standard deviation of a step on a flat surface falls with the root of the batch."""
    for batch in (4, 64):
        way = went("0*x + 0*y", Ball([0.0, 0.0], rate=1.0), steps=800, noise=3.0, batch=batch, seed=5)
        steps = np.diff(way.positions, axis=0)
        assert steps.std() == pytest.approx(3 / math.sqrt(batch), rel=0.06)


def test_ten_million_updates_are_thinned_and_within_a_time(monkeypatch):
    ticks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: 1e-3 * next(ticks))  # that of the module: other threads have the real one
    monkeypatch.setattr("glideslope.studio.descent.paths.time", clock)
    ground = FormulaSurface(parsed("x^2/2"))
    way = quiet(path, ground, Ball([1.0], rate=1e-6), World(steps=10**7), 6.0, 0.2)
    assert way.ended == "time"
    assert len(way.at) < 1000
    assert way.at[-1] > 1000
    assert way.positions[-1, 0] == pytest.approx((1 - 1e-6) ** way.at[-1], rel=1e-9)


def test_the_slopes_of_the_network_are_those_of_torch():
    ground = plane()
    point = torch.tensor([0.3, -0.2], dtype=torch.float64, requires_grad=True)
    w = [
        torch.tensor(weights) + point[0] * torch.tensor(u) + point[1] * torch.tensor(v)
        for weights, u, v in zip(ground.weights, *ground.directions, strict=True)
    ]
    hidden = torch.tanh(torch.tensor(ground.inputs) @ w[0])
    hidden = torch.cat([hidden, torch.ones(len(hidden), 1)], dim=1)
    loss = torch.nn.functional.cross_entropy(hidden @ w[1], torch.tensor(ground.labels))
    loss.backward()
    assert ground.values(np.array([[0.3, -0.2]]))[0] == pytest.approx(loss.item(), rel=1e-12)
    assert ground.gradient((0.3, -0.2), None) == pytest.approx(point.grad.tolist(), rel=1e-10)
    few = np.array([3, 5])
    assert ground.gradient((0.3, -0.2), few) != pytest.approx(point.grad.tolist(), rel=1e-3)


def test_newton_finds_the_nine_places_of_himmelblau():
    """Four minima, four saddles, one maximum (Himmelblau 1972)."""
    found = quiet(by_newton, surface("himmelblau", ""), [(-5.0, 5.0), (-5.0, 5.0)])
    kinds = [place.kind for place in found]
    assert (kinds.count("minimum"), kinds.count("saddle"), kinds.count("maximum")) == (4, 4, 1)
    assert any(np.allclose(place.position, (3, 2), atol=1e-6) for place in found)


@pytest.mark.slow
def test_algebra_finds_what_there_is_and_says_what_it_cannot():
    points, _ = solve("x^4/4 - x^2 + 0.3*x")
    assert sorted(x for (x,) in points) == pytest.approx(sorted(np.roots([1, 0, -2, 0.3]).real))
    assert solve("(x*y - 1)^2 / 2")[0] is None
    assert "no method" in solve("x^2/20 - cos(2*x)")[1]
    assert [count(1), count(2), count(3)] == [3, 9, 25]


@pytest.mark.slow
def test_algebra_is_ended_when_the_time_is_over():
    late = by_algebra(6, 1.5)
    assert late.result is None
    assert "1.5 s" in late.problem


def test_descent_comes_to_a_place_without_a_slope_in_many_variables():
    updates, _, height = descended(12)
    assert updates < 1000
    assert height < descended(6)[2] < 0


@pytest.mark.parametrize(("formula", "column"), [("x^2 +", 5), ("import os", 0)])
def test_a_bad_formula_has_its_column(tmp_path, formula, column):
    answer = client(tmp_path).post("api/play", json={"surface": "formula", "formula": formula})
    assert answer.status_code == 400
    assert answer.json()["column"] == column


def test_a_bad_schedule_of_one_ball_leaves_the_others():
    answer = played(Play(balls=[Ball([1.0, 1.0]), Ball([1.0, 1.0], schedule="cosinee")]))
    assert "at" in answer["balls"][0]
    assert "did you mean 'cosine'" in answer["balls"][1]["message"]


@pytest.mark.parametrize("formula", ["sqrt(x)", "x/0", "log(x) + y", "1e308*1e308 + x"])
def test_a_ball_that_starts_where_there_is_no_height_says_so(formula):
    (ball,) = quiet(played, Play(surface="formula", formula=formula, balls=[Ball([-2.0, 1.0])]))["balls"]
    assert "no height where the ball starts" in ball["message"]


def test_a_ball_that_leaves_where_there_is_a_slope_did_not_diverge():
    """From 1 an update by the slope of 1 at a rate of 2 comes to -1, where a logarithm has none."""
    (ball,) = quiet(played, Play(surface="formula", formula="log(x)", balls=[Ball([1.0], rate=2.0)]))["balls"]
    assert ball["says"] == "where the surface has no slope after 2 updates"


@pytest.mark.parametrize(
    ("formula", "kinds"),
    [
        ("x^3", ["flat"]), ("x^3 + y^2", ["flat"]), ("x^4", ["minimum"]), ("-(x-1)^4", ["maximum"]),
        ("x^4 + y^4", ["minimum"]), ("1e9*x^2 + y^2", ["minimum"]), ("x^2 - 1e-12*y^2", ["flat"]), ("log(x) + x", []),
        ("log(x) + 1/x", ["minimum"]), ("x - log(x*y) + y", ["minimum"]), ("x*y", ["saddle"]),
    ],
)  # fmt: skip
def test_a_place_without_a_slope_is_what_the_heights_around_it_say(formula, kinds):
    window = [(-3.0, 3.0)] * len(parsed(formula).variables)
    assert [place.kind for place in quiet(by_newton, FormulaSurface(parsed(formula)), window)] == kinds


def test_algebra_counts_places_where_there_is_a_height_alone():
    assert solve("log(x) + x") == ([], "")
    assert solve("log(x) + 1/x") == ([(1.0,)], "")


@pytest.mark.parametrize("name", [name for name in PLACES if name != "digits"])
def test_every_surface_is_drawn_and_descended(name):
    place = PLACES[name]
    answer = quiet(played, Play(surface=name, balls=[Ball(list(place.start), rate=place.rate)]))
    assert all(value is not None for value in answer["height"])
    losses = answer["balls"][0]["losses"]
    assert losses[-1] < losses[0]
