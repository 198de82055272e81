"""What check_job finds in jobs that break one promise each."""

import copy
import random

import pytest

import glideslope as gs


class Walk:
    """A quadratic with noise from its own generator, a data order that can be seeded, and everything saved."""

    def __init__(self):
        self.w, self.velocity, self.random = 1.0, 0.0, random.Random(0)

    def step(self, lr, **controls):
        if controls:
            raise gs.JobError("no controls")
        gradient = self.w + 0.01 * self.random.random()
        loss, self.velocity = self.w * gradient / 2, 0.9 * self.velocity + gradient
        self.w -= lr * self.velocity
        return loss

    def evaluate(self):
        return self.w**2 / 2

    def state(self):
        return copy.deepcopy(vars(self))

    def restore(self, state):
        vars(self).update(copy.deepcopy(state))

    def reseed(self, seed):
        self.random.seed(seed)


class ForgetsVelocity(Walk):
    def restore(self, state):
        velocity = self.velocity
        super().restore(state)
        self.velocity = velocity


class MeasuresAnAverage(Walk):
    average = 1.0  # of no object, so that its state lacks it

    def step(self, lr, **controls):
        loss = super().step(lr, **controls)
        MeasuresAnAverage.average += 0.1 * (self.w - self.average)
        return loss

    def evaluate(self):
        return self.average**2 / 2


class SharesItsState(Walk):
    def restore(self, state):
        vars(self).update(state)  # the generator in the state is the job's own from now on


class CannotBeStored(Walk):
    def state(self):
        return {**super().state(), "loss": lambda: 0}


class MovesOnEvaluation(Walk):
    def evaluate(self):
        self.random.random()
        return super().evaluate()


class MovesOnEstimation(Walk):
    def estimate(self, updates):
        self.random.random()
        return self.evaluate()


class EstimatesByChance(Walk):
    def estimate(self, updates):
        return self.evaluate() + random.random()


class StandsStill(Walk):
    def step(self, lr, **controls):
        w = self.w
        loss = super().step(lr, **controls)
        self.w = w
        return loss


class HasItsOwnRate(Walk):
    def step(self, lr, **controls):
        return super().step(0.01, **controls)


class TakesAnything(Walk):
    def step(self, lr, **controls):
        return super().step(lr)


class ReseedsWeights(Walk):
    def reseed(self, seed):
        self.w = 1.0 + seed


class CannotRestore(Walk):
    def restore(self, state):
        raise RuntimeError("boom")


def test_a_job_that_keeps_them_all_is_as_before():
    job = Walk()
    gs.check_job(job)
    assert vars(job).keys() == vars(Walk()).keys()
    assert job.step(0.1) == Walk().step(0.1)


@pytest.mark.parametrize(
    ("job", "says"),
    [
        (ForgetsVelocity, "restore goes back to where state was taken: the losses"),
        (MeasuresAnAverage, "restore goes back to where state was taken: the validation loss"),
        (CannotRestore, "restore works: it raised RuntimeError: boom"),
        (SharesItsState, "restore goes back as often as asked"),
        (CannotBeStored, "a state is plain data"),
        (MovesOnEvaluation, "evaluate changes nothing"),
        (MovesOnEstimation, "estimate, if it has it, changes nothing: the losses"),
        (EstimatesByChance, "estimate, if it has it, changes nothing: it gave"),
        (StandsStill, "step makes an update"),
        (HasItsOwnRate, "the rate that step is given"),
        (TakesAnything, "no_such_control"),
        (ReseedsWeights, "reseed, if it has it"),
    ],
)
def test_a_broken_promise_is_named(job, says):
    with pytest.raises(gs.JobError) as error:
        gs.check_job(job())
    assert says in str(error.value)
    assert job.__name__ in str(error.value)


def test_a_missing_method_is_named():
    with pytest.raises(gs.JobError, match="evaluate, state, restore"):
        gs.check_job(type("Lame", (), {"step": lambda self, lr: 0.0})())
