"""Schedules with the same curve are one contestant of a race; feedbacks that never acted are called that."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glideslope as gs
from glideslope.search.race import once
from glideslope.search.runs.contestant import Contestant
from glideslope.search.runs.idle import idle, shown_name


class Quadratic:
    """w² by plain descent; `rising` makes the validation loss worse with each evaluation."""

    def __init__(self, rising=False):
        self.weight, self.rising, self.seen = 1.0, rising, 0

    def step(self, lr):
        loss = self.weight**2
        self.weight -= lr * 2 * self.weight
        return loss

    def evaluate(self):
        self.seen += self.rising
        return self.weight**2 + self.seen

    def state(self):
        return self.weight

    def restore(self, state):
        self.weight = state


def test_hold_is_not_run_beside_constant():
    raced = gs.race(Quadratic(), ["hold", "linear", "constant()", "wsd(0, 100%)"], 40, [0.1, 0.2])
    assert sorted({str(s.contestant.schedule) for s in raced.standings}) == ["constant()", "linear()"]
    assert len(raced.standings) == 4
    assert raced.left_out == (
        "hold(): the same curve as constant()", "wsd(0, 100%): the same curve as linear()",
    )  # fmt: skip
    assert raced.constant.contestant.schedule == gs.constant()
    assert gs.race(Quadratic(), ["linear"], 40, [0.1]).left_out == ()


def test_a_schedule_twice_as_high_at_half_the_peak():
    raced = gs.race(Quadratic(), ["linear", "2 * linear"], 40, [0.1, 0.2])
    assert raced.left_out == ("2 * linear() at 0.1: the same curve as linear() at 0.2",)


def test_what_differs_in_more_than_the_curve_is_run():
    made = [
        Contestant(gs.constant(), 0.1), Contestant(gs.hold(), 0.1, "adam"),
        Contestant(gs.hold() * gs.plateau(), 0.1), Contestant(gs.hold() * gs.plateau(patience=1), 0.1),
        Contestant(gs.constant() * gs.batches.growth(gs.linear(), 8, 64).growing, 0.1),
    ]  # fmt: skip
    assert once(made[:4], 50) == (made[:4], ())
    same = [*made[:4], Contestant(gs.constant() * gs.plateau(), 0.1)]
    assert once(same, 50)[1] == ("constant() * plateau(): the same curve as hold() * plateau()",)


SCHEDULES = st.sampled_from(
    ["constant", "hold", "linear", "cosine", "warmup(10%) >> hold", "0.5 * constant", "trapezoid(10%, 20%)",
     "wsd(10%, 20%)", "hold(50%) >> linear", "flat_cosine(50%)", "hold(50%) >> cosine"]
)  # fmt: skip


@given(st.lists(st.tuples(SCHEDULES, st.sampled_from([0.05, 0.1])), min_size=1, max_size=8, unique=True))
def test_each_curve_is_kept_once(pairs):
    """Against the curves themselves, two by two."""
    contestants = [Contestant(gs.parse(text), peak) for text, peak in pairs]
    kept, left_out = once(contestants, 60)
    curves = [own.rates(60) for own in kept]
    assert not any(np.allclose(a, b, rtol=1e-9) for i, a in enumerate(curves) for b in curves[:i])
    assert all(any(np.allclose(own.rates(60), curve, rtol=1e-9) for curve in curves) for own in contestants)
    assert bool(left_out) == (len(kept) < len(contestants))


def test_a_feedback_that_never_acted():
    raced = gs.race(Quadratic(), ["hold * plateau(patience=3)"], 40, [0.1], evaluations=10)
    named = {s.contestant.name: (idle(s.runs), shown_name(s.runs)) for s in raced.standings}
    quiet = "plateau(patience=3)"
    assert named["constant()"] == ((), "constant()")
    assert named[f"hold() * {quiet}"] == ((quiet,), f"hold() * {quiet} ({quiet} never acted)")
    raced = gs.race(Quadratic(rising=True), ["hold * plateau(patience=0)"], 40, [0.1], evaluations=10)
    assert all(idle(s.runs) == () for s in raced.standings)


def test_a_guard_and_a_plateau_are_different_contestants():
    raced = gs.race(Quadratic(rising=True), ["hold * plateau(patience=0) * guard"], 40, [0.1], evaluations=10)
    [both] = [s for s in raced.standings if s.contestant.name != "constant()"]
    assert idle(both.runs) == ("guard()",)

    class Spiking(Quadratic):
        """Its loss is lost at update 101, unless the rate was lowered."""

        def step(self, lr):
            self.weight -= 1e-3
            return 1e9 if self.weight < 0.9 and lr > 0.05 else self.weight**2

    raced = gs.race(Spiking(), ["hold * plateau(patience=50) * guard"], 200, [0.1], evaluations=10)
    [both] = [s for s in raced.standings if s.contestant.name != "constant()"]
    assert both.runs[0].events
    assert idle(both.runs) == ("plateau(patience=50)",)


@pytest.mark.parametrize("texts", [["hold", "constant"], ["constant"], ["hold"]])
def test_the_reference_is_always_there(texts):
    raced = gs.race(Quadratic(), texts, 30, [0.1])
    assert [str(s.contestant) for s in raced.standings] == ["constant() at 0.1"]
