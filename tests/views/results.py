"""Results of searches with known numbers, to be shown."""

import math

import numpy as np

import glideslope as gs
from glideslope.search.race import standings
from glideslope.search.runs.contestant import Contestant, Run
from glideslope.search.tune import Tuned

UNTRAINED = 4.0


def run(text, peak, final, steps=100, seed=0, lost=False):
    """A run whose loss falls in a straight line from the untrained loss to the final one."""
    losses = np.linspace(UNTRAINED, math.nan if lost else final, steps)
    losses = losses[:5] if lost else losses
    ends = () if lost else tuple((at, float(losses[at - 1])) for at in range(steps // 4, steps + 1, steps // 4))
    return Run(
        Contestant(gs.parse(text), peak), steps, seed, losses, ends, math.inf if lost else final, untrained=UNTRAINED
    )


def race():
    """Three peaks, of which the largest diverges at a constant rate."""
    ends = {
        ("cosine", 0.1): 1.0, ("cosine", 0.2): 0.5, ("cosine", 0.4): 2.0, ("constant", 0.1): 1.5,
        ("constant", 0.2): 1.2,
    }  # fmt: skip
    runs = [[run(text, peak, final)] for (text, peak), final in ends.items()]
    return standings([*runs, [run("constant", 0.4, 1.0, lost=True)]], None, 525)


def tuned(final=0.2, constants=(0.5, 0.4)):
    """Four short runs of two schedules, a full run, and constant rates."""
    short = [
        run("one_cycle", 0.1, 1.0), run("one_cycle", 0.4, 0.8), run("one_cycle", 1.6, 1.0, lost=True),
        run("linear", 0.3, 0.7),
    ]  # fmt: skip
    full = run("linear", 0.25, final, 400)
    beside = tuple(run("constant", 0.05 * (i + 1), loss, 400) for i, loss in enumerate(constants))
    return Tuned(
        job=None, schedule=gs.linear(), peak=0.25, steps=400, final_loss=final, search_updates=305,
        candidates=tuple(short), predicted=(0.1, 0.6), near=0.44, sensitivity=(0.95, math.nan), final=full,
        full=(full,),
        constant=min(beside, key=lambda one: one.final_loss, default=None), constants=beside, noise=0.0, problem=None,
    )  # fmt: skip


class Quadratic:
    """A job whose loss is w²/2."""

    def __init__(self):
        self.w = 10.0

    def step(self, lr):
        loss = self.w**2 / 2
        self.w -= lr * self.w
        return loss

    def evaluate(self):
        return self.w**2 / 2

    def state(self):
        return self.w

    def restore(self, state):
        self.w = state
