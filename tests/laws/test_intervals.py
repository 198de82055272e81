"""Intervals of a law: they widen where the law doesn't follow the curves, and beyond the updates fitted."""

from dataclasses import replace

import numpy as np
import pytest

import glideslope as gs
from glideslope import laws
from tests.laws.test_laws import parameters, runs

TEXTS = ("warmup(5%) >> hold()", "warmup(5%) >> cosine()", "warmup(5%) >> hold() >> cooldown(20%)")


def bent(steps, bend, texts=TEXTS):
    """Runs whose losses fall as a power of the updates, and by a bend after 1,500 that no law of ours has."""
    random, found = np.random.default_rng(0), []
    for text in texts:
        rates, at = 1e-3 * gs.parse(text).over(steps).sample(steps), np.arange(20, steps + 1, 20)
        loss = 2 + 3 * at**-0.3 + 40 * rates[at - 1]
        loss *= np.exp(-bend * np.maximum(np.log2(at / 1500), 0)) * np.exp(0.001 * random.normal(size=len(at)))
        found.append(laws.Run(rates, at, loss, name=text))
    return found


def width(law, lr, step):
    low, high = law.interval(lr, [step])
    return float(np.log(high[0] / low[0])) / 2 / 1.6448536


@pytest.mark.filterwarnings("ignore:the law tells nothing")
@pytest.mark.parametrize("bend", [0.05, -0.05])
def test_ends_that_the_first_halves_do_not_foretell_widen_what_lies_beyond(bend):
    straight, turned = laws.fit(bent(3000, 0.0)), laws.fit(bent(3000, bend))
    assert turned.drift > 3 * straight.drift
    for run in bent(6000, bend):
        low, high = turned.interval(run.lr, [6000])
        assert low[0] < run.loss[-3:].mean() < high[0]
    for run in bent(6000, 0.0):
        assert width(straight, run.lr, 6000) < 0.5 * width(turned, run.lr, 6000)


def test_a_deviation_is_of_four_parts():
    law = laws.fit(bent(3000, 0.05))
    lr = 1e-3 * gs.parse(TEXTS[1]).over(12_000).sample(12_000)
    bare = replace(law, misfit=0.0, drift=0.0)
    for step, doublings in ((2000, 0), (3000, 0), (6000, 1), (12_000, 2)):
        parts = width(bare, lr, step) ** 2 + law.misfit**2 + (doublings * law.drift) ** 2
        assert width(law, lr, step) == pytest.approx(np.sqrt(parts))


def test_the_curves_of_a_law_widen_little():
    noisy, made = laws.fit(runs(parameters(3), noise=0.02)), laws.fit(runs(parameters(3), noise=0.0005))
    assert made.misfit < 0.003
    assert made.drift < 0.005
    assert noisy.misfit < 0.02  # noise of 0.02 isn't another form: the mean of a quarter has a fifth of it


def test_both_are_saved(tmp_path):
    law = laws.fit(bent(3000, 0.05))
    law.save(tmp_path / "law.json")
    again = laws.load(tmp_path / "law.json")
    assert (again.misfit, again.drift) == (law.misfit, law.drift)
    assert again.drift > 0


@pytest.mark.filterwarnings("ignore:the law tells nothing")
def test_what_the_first_halves_can_not_tell_has_no_drift():
    late = [laws.Run(run.lr, run.step[run.step > 1600], run.loss[run.step > 1600]) for run in bent(3000, 0.05)]
    assert laws.fit(late).drift == 0
    unfinished = [laws.Run(run.lr, run.step[run.step < 1300], run.loss[run.step < 1300]) for run in bent(3000, 0.0)]
    unfinished[2] = bent(1200, 0.0)[2]
    assert 0 < laws.fit(unfinished).drift < 1
