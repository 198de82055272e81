"""A job whose step ignores its rate, as one whose optimizer was made with a rate: a search says so."""

import warnings

import pytest

import glideslope as gs


class Quadratic:
    """Falls by its own rate or by the given one; a validation of few values, as an accuracy, tells little."""

    def __init__(self, ignores, digits=12):
        self.w, self.ignores, self.digits = 1.0, ignores, digits

    def step(self, lr):
        loss = self.w**2
        self.w -= (0.02 if self.ignores else lr) * self.w
        return loss

    def evaluate(self):
        return round(self.w**2, self.digits)

    def state(self):
        return self.w

    def restore(self, state):
        self.w = state


SEARCHES = {
    "tune": lambda job: gs.tune(job, 100, overhead=1),
    "race": lambda job: gs.race(job, ["cosine", "linear"], 20, [0.1]),
    "find": lambda job: gs.find(job, high=1.5),
}


@pytest.mark.parametrize("search", SEARCHES)
def test_a_rate_that_is_ignored_is_said(search):
    with pytest.warns(UserWarning, match=r"so the job's step doesn't use its rate, .*inject_hyperparams"):
        SEARCHES[search](Quadratic(ignores=True))


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("digits", [1, 12])
def test_a_rate_that_counts_is_not(search, digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert SEARCHES[search](Quadratic(ignores=False, digits=digits))
