"""The loss of averaged weights."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glideslope as gs
from glideslope import laws
from glideslope.cli import run
from glideslope.laws.form import NAMES

LAW = laws.Law(
    dict(zip(NAMES, (2.7, 0.8, 0.5, 0.1, 0.7, 0.2, 0.5, 90.0, 0.3, 0.4, 0.9, 0.2), strict=True)),
    np.zeros((12, 12)), 1e-3, 400.0, 1e-3, 0.0, (laws.Fitted("a", 1e-3, 8000, 100),),
)  # fmt: skip


def descent(rates, gradients):
    """The weights after each update of gradient descent, whose gradients don't depend on the weights."""
    return -np.cumsum(rates * gradients)


@given(st.integers(1, 60), st.integers(2, 60), st.integers(0, 2**32 - 1))
def test_a_mean_of_weights_is_the_last_of_a_run_with_the_rates_that_the_prediction_takes(window, steps, seed):
    from glideslope.laws.averages import _falling

    random = np.random.default_rng(seed)
    rates, gradients = random.uniform(0.1, 1.0, steps), random.normal(size=steps)
    weights = np.concatenate([[0.0], descent(rates, gradients)])
    expected = weights[max(steps + 1 - window, 1) :].mean() if window <= steps else weights[1:].mean()
    falling = _falling(laws.Rates.of(rates), steps, window, None)
    assert descent(falling.values, gradients)[-1] == pytest.approx(expected, abs=1e-9)
    mean = 0.0
    for weight in weights[1:]:
        mean = 0.5 * mean + 0.5 * weight
    falling = _falling(laws.Rates.of(rates), steps, None, 0.5)
    assert descent(falling.values, gradients)[-1] == pytest.approx(mean, abs=1e-3)


def test_rates_at_places_and_of_each_update_agree():
    rates = laws.Rates.of_schedule("warmup(2%) >> hold() >> cooldown(20%)", 8000, 1e-3)
    step = [0, 1, 500, 6000, 8000]
    for mean in ({"window": 500}, {"decay": 0.998}):
        at_places = laws.predict_average(LAW, rates, step, **mean)
        np.testing.assert_allclose(at_places, laws.predict_average(LAW, np.asarray(rates), step, **mean), atol=2e-4)
        assert at_places[3] < LAW.predict(rates, 6000)[0] - 0.02  # at a high rate a mean gains much
        assert at_places[4] == pytest.approx(LAW.predict(rates, 8000)[0], abs=0.02)  # after a cooldown little


def test_a_window_of_one_update_is_the_last_weights():
    lr = np.full(3000, 1e-3)
    assert laws.predict_average(LAW, lr, 3000, window=1)[0] == pytest.approx(LAW.predict(lr, 3000)[0], abs=1e-12)


@pytest.mark.parametrize(
    "wrong", [{}, {"window": 0}, {"window": 2.5}, {"decay": 1.0}, {"window": 5, "decay": 0.5}, {"window": "3"},
              {"window": math.nan}, {"window": math.inf}, {"window": [2]}, {"decay": "x"}, {"decay": math.nan}],
)  # fmt: skip
def test_a_mean_that_is_none(wrong):
    with pytest.raises(gs.LawError):
        laws.predict_average(LAW, np.full(100, 1e-3), 100, **wrong)


def test_the_batch_of_the_run_counts():
    law = replace(LAW, batch_size=128.0)
    rates = laws.Rates.of_schedule("hold()", 3000, 1e-3)
    whole, each = (laws.predict_average(law, rates, 3000, window=1, batch_size=size) for size in (32.0, [32.0] * 3000))
    assert whole[0] == pytest.approx(law.predict(rates, 3000, 32.0)[0], abs=1e-9)
    assert each[0] == pytest.approx(whole[0], abs=1e-9)
    mean = laws.predict_average(law, rates, 1000, window=300, batch_size=32.0)
    assert mean[0] == pytest.approx(laws.predict_average(law, rates, 1000, window=300, batch_size=[32.0] * 3000)[0])
    assert mean[0] != pytest.approx(laws.predict_average(law, rates, 1000, window=300)[0], abs=1e-4)


def test_the_command_counts_the_batch_too(tmp_path, capsys):
    replace(LAW, batch_size=128.0).save(tmp_path / "law.json")
    rates = laws.Rates.of_schedule("hold", 3000, 1e-3)
    law = laws.load(tmp_path / "law.json")
    target = float(law.predict(rates, 2000, 32.0)[0])
    options = ["predict", str(tmp_path / "law.json"), "hold", "--peak", "1e-3", "--steps", "3000", "--batch-size", "32"]
    assert run([*options, "--average", "300", "--target", repr(target), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    expected = laws.predict_average(law, rates, 3000, window=300, batch_size=32.0)[0]
    assert result["final_loss_of_average"] == pytest.approx(float(expected))
    assert result["steps_for_target"] == pytest.approx(2000, rel=0.005)


@pytest.mark.parametrize("updates", ["0", "-5", "3001"])
def test_an_average_of_updates_that_the_run_lacks_is_refused(updates, tmp_path, capsys):
    LAW.save(tmp_path / "law.json")
    options = ["predict", str(tmp_path / "law.json"), "hold", "--peak", "1e-3", "--steps", "3000"]
    assert run([*options, "--average", updates]) == 2
    assert f"--average {updates}: give updates of the run, 1 to 3000" in capsys.readouterr().err
