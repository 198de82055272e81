"""The test for noisy measurements: a plateau isn't cut while its measurements still fall significantly."""

import jax
import numpy as np
import pytest
import scipy.stats

import glideslope as gs


def cuts(plateau, metrics):
    state, found = plateau.init(), []
    for i, metric in enumerate(metrics):
        before = plateau.factor(state)
        state = plateau.update(state, float(metric))
        if plateau.factor(state) < before:
            found.append(i)
    return found


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_cut_is_put_off_where_scipys_regression_finds_a_slope(mode):
    random_state = np.random.default_rng(0)
    sign = 1 if mode == "min" else -1
    put_off = made = 0
    for _ in range(400):
        patience = int(random_state.integers(2, 12))
        slope = random_state.choice([-0.2, -0.05, 0, 0.1])
        tail = 5 + slope * np.arange(patience + 1) + random_state.normal(scale=0.2, size=patience + 1)
        metrics = sign * np.concatenate([[1.0], tail])  # the first is a lucky one, never beaten again
        plateau = gs.plateau(patience=patience, significance=0.05, mode=mode)
        p = scipy.stats.linregress(np.arange(patience + 1), tail, alternative="less").pvalue
        assert bool(cuts(plateau, metrics)) == (p >= 0.05)
        put_off, made = put_off + (p < 0.05), made + (p >= 0.05)
    assert min(put_off, made) > 50


def test_a_noisy_fall_is_followed_and_a_noisy_plateau_is_cut():
    random_state = np.random.default_rng(1)
    falling = 10 - 0.02 * np.arange(300) + random_state.normal(scale=0.5, size=300)
    flat = np.concatenate([falling, falling[-50:].mean() + random_state.normal(scale=0.5, size=200)])
    plain = cuts(gs.plateau(patience=10), flat)
    tested = cuts(gs.plateau(patience=10, significance=0.05), flat)
    assert sum(at < 300 for at in plain) >= 8
    assert sum(at < 300 for at in tested) < sum(at < 300 for at in plain)
    patient = cuts(gs.plateau(patience=40, significance=0.05), flat)
    assert not [at for at in patient if at < 300]
    assert patient


def test_the_same_under_jit_and_in_the_text_form():
    plateau = gs.plateau(factor=0.5, patience=4, significance=0.1)
    assert str(plateau) == "plateau(factor=0.5, patience=4, significance=0.1)"
    assert gs.parse(str(gs.cosine() * plateau)) == gs.cosine() * plateau
    update, state, traced = jax.jit(plateau.update), plateau.init(), plateau.init()
    for metric in np.random.default_rng(0).normal(5, 1, size=100):
        state, traced = plateau.update(state, float(metric)), update(traced, np.float32(metric))
        np.testing.assert_allclose(traced["factor"], state["factor"], rtol=1e-5)
    assert state["factor"] < 1
    with pytest.raises(gs.FeedbackError, match="patience of 2"):
        gs.plateau(patience=1, significance=0.05)
