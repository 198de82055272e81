"""A job of least squares, and others like it that fail, for tests and benchmarks: they copy this file."""

import os
import signal
from pathlib import Path

import numpy as np


class Quadratic:
    def __init__(self, seed=0, optimizer=None):
        self.w, self.factor = np.full(20, 10.0), 1.0 if optimizer is None else 0.5
        self.generator = np.random.default_rng(seed)

    def step(self, lr):
        loss = self.evaluate()
        self.w = self.w - self.factor * lr * (self.w + 0.3 * self.generator.normal(size=20))
        return loss

    def evaluate(self):
        return float(np.mean(self.w**2) / 2)

    def state(self):
        return {"w": self.w.copy(), "rng": self.generator.bit_generator.state}

    def restore(self, state):
        self.w, self.generator.bit_generator.state = state["w"].copy(), state["rng"]

    def reseed(self, seed):
        self.generator = np.random.default_rng(seed)


def job(seed, optimizer=None):
    return Quadratic(seed, optimizer)


class Failing(Quadratic):
    def step(self, lr):
        if lr == 0.3:
            raise RuntimeError("boom")
        return super().step(lr)


def failing(seed):
    return Failing(seed)


class Steep(Quadratic):
    def step(self, lr):
        if lr > 4:
            Path(__file__).with_name("steep").touch()
            raise RuntimeError("boom")
        return super().step(lr)


def steep(seed):
    return Steep(seed)


class Killed(Quadratic):
    def step(self, lr):
        flag = Path(__file__).with_name("killed")
        if lr == 0.3 and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().step(lr)


def killed(seed):
    return Killed(seed)


class Stopping(Quadratic):
    def step(self, lr):
        if lr == 0.3:
            os._exit(7)
        return super().step(lr)


def stopping(seed):
    return Stopping(seed)
