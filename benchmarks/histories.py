"""Random training histories in torch, each rate against a closed form.

    python benchmarks/histories.py [number]

A history is an optimizer (SGD, AdamW, subclasses whose step calls their parent's, Lookahead, SAM; rates that are
numbers or tensors), a schedule or a list of them or a schedule times a feedback, and a random course of events:
updates, micro-batches, skipped updates, groups added, removed, reordered and copied, parameters and rate tensors
replaced, measurements, and checkpoints loaded in each order, with and without `initial_lr`, through JSON, by pickle and
by copying. At each update the rate of each group is compared with what the formulas below give, and after some of the
events what `get_last_lr()` and the groups say of the next update; a warning where nothing is wrong counts as a fault
too.
"""

from __future__ import annotations

import copy
import json
import math
import pickle
import random
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch

import glideslope as gs

STEPS = 40
ALARMS = ("this scheduler had set", "which replaces", "was made with lr")
"""Of the warnings that none of the events here gives cause for."""
Formula = Callable[[int], float]

FORMULAS: dict[str, Formula] = {
    "constant": lambda t: 1.0,
    "linear": lambda t: max(1 - t / STEPS, 0.0),
    "cosine": lambda t: (1 + math.cos(math.pi * min(t / STEPS, 1.0))) / 2,
    "exponential(10)": lambda t: 0.1 ** (min(t, STEPS) / 10),
    "warmup(5) >> linear": lambda t: t / 5 if t < 5 else max((STEPS - t) / (STEPS - 5), 0.0),
    "piecewise([1, 0.3, 0.1], [7, 20])": lambda t: 1.0 if t < 7 else 0.3 if t < 20 else 0.1,
    "step(6, ratio=0.5)": lambda t: 0.5 ** (min(t, STEPS) // 6),
    "0.5 * cosine": lambda t: (1 + math.cos(math.pi * min(t / STEPS, 1.0))) / 4,
}


class Clipped(torch.optim.AdamW):
    """A step that calls its parent's, as gradient clipping in the optimizer does."""

    def step(self, closure: Any = None) -> Any:
        torch.nn.utils.clip_grad_norm_([p for group in self.param_groups for p in group["params"]], 1.0)
        return super().step(closure)


class ClippedTwice(Clipped):
    """The same once more."""

    def step(self, closure: Any = None) -> Any:
        return super().step(closure)


class Lookahead(torch.optim.Optimizer):
    """A wrapper as timm's: it doesn't call its parent's constructor, and shares the groups of what it holds."""

    def __init__(self, base: torch.optim.Optimizer) -> None:
        self._base = base
        self.param_groups, self.defaults = base.param_groups, base.defaults
        self._optimizer_step_pre_hooks, self._optimizer_step_post_hooks = OrderedDict(), OrderedDict()
        self._patch_step_function()

    @property
    def state(self) -> Any:
        return self._base.state

    def step(self, closure: Any = None) -> Any:
        return self._base.step(closure)

    def __getstate__(self) -> dict[str, Any]:
        return {"_base": self._base}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Lookahead.__init__(self, state["_base"])

    def state_dict(self) -> Any:
        return self._base.state_dict()

    def load_state_dict(self, state: Any) -> None:
        self._base.load_state_dict(state)
        self.param_groups = self._base.param_groups


class Sam(torch.optim.Optimizer):
    """Two steps for an update, of which neither is `step`; the optimizer inside makes it."""

    def __init__(self, groups: Any) -> None:
        super().__init__(groups, {})
        self.base_optimizer = torch.optim.SGD(self.param_groups)
        self.param_groups = self.base_optimizer.param_groups

    def first_step(self) -> None:
        """Goes to where the gradient is taken."""

    def second_step(self) -> None:
        """Makes the update."""
        self.base_optimizer.step()

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "base_optimizer": self.base_optimizer}

    def load_state_dict(self, state: Any) -> None:
        super().load_state_dict(state)
        self.base_optimizer.param_groups = self.param_groups


OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "SGD": lambda groups: torch.optim.SGD(groups),
    "momentum": lambda groups: torch.optim.SGD(groups, momentum=0.9),
    "AdamW": lambda groups: torch.optim.AdamW(groups),
    "subclass": Clipped,
    "subclass of a subclass": ClippedTwice,
    "Lookahead": lambda groups: Lookahead(torch.optim.AdamW(groups)),
    "SAM": Sam,
}


def parameter() -> torch.nn.Parameter:
    """One that has a gradient."""
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    return weight


class History:
    """A training and, beside it, what its rates should be, kept for each parameter."""

    def __init__(self, seed: int) -> None:
        self.random, self.looks = random.Random(seed), random.Random(-1 - seed)
        self.kind = self.random.choice(list(OPTIMIZERS))
        self.tensors = self.random.random() < 0.25
        groups = [self.group() for _ in range(self.random.randint(1, 4))]
        self.bases = [group["lr"] for group in groups]  # of the groups that are there, in their order
        self.scales = [group.get("lr_scale", 1.0) for group in groups]
        number = len(groups) if len(groups) > 1 and self.random.random() < 0.4 else 1
        self.texts = [self.random.choice(list(FORMULAS)) for _ in range(number)]
        self.followed = [min(i, number - 1) for i in range(len(groups))]
        self.patience = self.random.randint(0, 2) if self.random.random() < 0.3 else None
        self.cuts, self.bad, self.best = 1.0, 0, math.inf
        self.made = 0
        self.changed = False  # groups came or went: a new process would make others
        self.optimizer = self.new_optimizer(groups)
        self.scheduler = self.new_scheduler()
        self.neighbour = torch.optim.AdamW([parameter()])  # with it torch hooks the parent's step too
        self.watch()

    def group(self) -> dict[str, Any]:
        group: dict[str, Any] = {"params": [parameter()], "lr": self.random.choice([1.0, 0.1, 0.03])}
        return group | ({"lr_scale": 0.5} if self.random.random() < 0.2 else {})

    def new_optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        rates = [torch.tensor(group["lr"]) if self.tensors else group["lr"] for group in groups]
        return OPTIMIZERS[self.kind]([{**group, "lr": rate} for group, rate in zip(groups, rates, strict=True)])

    def new_scheduler(self) -> gs.torch.Scheduler:
        schedules: list[Any] = [gs.parse(text) for text in self.texts]
        if self.patience is not None:
            schedules[0] = schedules[0] * gs.plateau(factor=0.5, patience=self.patience, threshold=0.0)
        return gs.torch.Scheduler(self.optimizer, schedules if len(schedules) > 1 else schedules[0], steps=STEPS)

    def watch(self) -> None:
        """Has the innermost optimizer note its rates at each update, after the scheduler's own hooks."""
        self.rates: list[float] = []

        def note(optimizer: Any, args: Any, kwargs: Any) -> None:
            self.rates = [float(group["lr"]) for group in optimizer.param_groups]

        self.innermost.register_step_pre_hook(note)

    @property
    def innermost(self) -> torch.optim.Optimizer:
        """The optimizer that makes the updates."""
        return getattr(self.optimizer, "base_optimizer", getattr(self.optimizer, "_base", self.optimizer))

    @property
    def expected(self) -> list[float]:
        """The rate of each group at the next update."""
        factors = [FORMULAS[text](self.made) for text in self.texts]
        factors[0] *= self.cuts
        return [b * s * factors[i] for b, s, i in zip(self.bases, self.scales, self.followed, strict=True)]

    def update(self) -> str | None:
        """Makes an update; what is wrong with its rates."""
        expected = self.expected
        for group in self.optimizer.param_groups:
            for weight in group["params"]:
                weight.grad = torch.ones(2)
        if isinstance(self.optimizer, Sam):
            self.optimizer.first_step()
            self.optimizer.second_step()
        else:
            self.optimizer.step()
        self.made += 1
        self.scheduler.step()
        close = [math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9) for a, b in zip(self.rates, expected, strict=True)]
        return None if all(close) else f"update {self.made}: {self.rates}, right {expected}"

    def rates_said(self) -> str | None:
        """What is wrong with the rates of the next update, as the scheduler has them and then as the groups do."""
        said = [float(rate) for rate in self.scheduler.get_last_lr()]
        written = [float(group["lr"]) for group in self.optimizer.param_groups]
        close = [math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9) for a, b in zip(said, self.expected, strict=True)]
        if all(close) and said == written:
            return None
        return f"said {said}, in the groups {written}, right {self.expected}"

    def micro_batches(self) -> None:
        for _ in range(self.random.randint(1, 4)):
            self.scheduler.step()

    def skipped(self) -> None:
        """Mixed precision leaves an update out."""
        if isinstance(self.optimizer, Sam):
            return
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
        scaler.scale(torch.zeros(()))
        for group in self.optimizer.param_groups:
            for weight in group["params"]:
                weight.grad = torch.full((2,), math.inf)
        scaler.step(self.optimizer)
        scaler.update()
        self.scheduler.step()

    def add(self) -> None:
        group = self.group()
        rate = torch.tensor(group["lr"]) if self.tensors else group["lr"]
        self.innermost.add_param_group({**group, "lr": rate})
        self.bases.append(group["lr"])
        self.scales.append(group.get("lr_scale", 1.0))
        self.followed.append(len(self.texts) - 1)
        self.changed = True

    def remove(self) -> None:
        if len(self.bases) > 1:
            place = self.random.randrange(len(self.bases))
            for weight in self.optimizer.param_groups[place]["params"]:
                self.innermost.state.pop(weight, None)
            for values in (self.optimizer.param_groups, self.bases, self.scales, self.followed):
                del values[place]
            self.changed = True

    def reorder(self) -> None:
        order = self.random.sample(range(len(self.bases)), len(self.bases))
        for values in (self.optimizer.param_groups, self.bases, self.scales, self.followed):
            values[:] = [values[i] for i in order]
        self.changed |= order != sorted(order)

    def copy_group(self) -> None:
        place = self.random.randrange(len(self.bases))
        self.optimizer.param_groups[place] = dict(self.optimizer.param_groups[place])

    def replace_rate(self) -> None:
        group = self.random.choice(self.optimizer.param_groups)
        group["lr"] = torch.as_tensor(group["lr"]).double()

    def replace_parameters(self) -> None:
        """New tensors in a group, as a device or a wrapper brings them."""
        group = self.random.choice(self.optimizer.param_groups)
        for weight in group["params"]:
            self.innermost.state.pop(weight, None)
        group["params"][:] = [parameter()]

    def measure(self) -> None:
        """A loss, better or not, by the plainest form of the rule."""
        if self.patience is None:
            return
        loss = self.random.choice([1.0, 2.0, 0.5])
        self.scheduler.measure(loss)
        self.best, self.bad = (loss, 0) if loss < self.best else (self.best, self.bad + 1)
        if self.bad > self.patience:
            self.cuts, self.bad = 0.5 * self.cuts, 0

    def saved(self) -> tuple[Any, Any]:
        """The two states, the scheduler's perhaps through JSON, the optimizer's perhaps without what is ours."""
        states = copy.deepcopy(self.optimizer.state_dict()), self.scheduler.state_dict()
        way = self.random.choice(["as it is", "JSON", "JSON without inf", "tuples"])
        if way.startswith("JSON"):
            text = json.dumps(states[1])
            states = states[0], json.loads(text.replace("Infinity", "null") if way.endswith("inf") else text)
        elif way == "tuples":
            states = states[0], {key: tuple(v) if isinstance(v, list) else v for key, v in states[1].items()}
        if self.random.random() < 0.5:
            for group in states[0]["param_groups"]:
                group.pop("initial_lr", None)
        return states

    def resume(self) -> None:
        """Goes on in a new process, loading in a random order."""
        if self.changed and len(self.texts) > 1:
            return
        optimizer_state, scheduler_state = self.saved()
        rates = [
            {"lr": base} | ({"lr_scale": scale} if scale != 1 else {})
            for base, scale in zip(self.bases, self.scales, strict=True)
        ]
        self.optimizer = self.new_optimizer(
            [
                {"params": [parameter() for _ in group["params"]], **own}
                for group, own in zip(self.optimizer.param_groups, rates, strict=True)
            ]
        )
        match self.random.choice(["load, make, load", "make, load, load", "make, load other way"]):
            case "load, make, load":
                self.optimizer.load_state_dict(optimizer_state)
                self.scheduler = self.new_scheduler()
                self.scheduler.load_state_dict(scheduler_state)
            case "make, load, load":
                self.scheduler = self.new_scheduler()
                self.optimizer.load_state_dict(optimizer_state)
                self.scheduler.load_state_dict(scheduler_state)
            case _:
                self.scheduler = self.new_scheduler()
                self.scheduler.load_state_dict(scheduler_state)
                self.optimizer.load_state_dict(optimizer_state)
        self.watch()

    def reload(self) -> None:
        """Loads the optimizer's state where it is."""
        self.optimizer.load_state_dict(self.saved()[0])

    def duplicate(self) -> None:
        """Goes on with copies of both."""
        both = self.optimizer, self.scheduler
        copier = self.random.choice([copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
        self.optimizer, self.scheduler = copier(both)
        self.watch()

    EVENTS = (
        micro_batches, skipped, add, remove, reorder, copy_group, replace_rate, replace_parameters, measure, measure,
        resume, resume, reload, duplicate,
    )  # fmt: skip

    def run(self) -> str | None:
        """The whole history; the first thing that is wrong with it."""
        past = [f"{self.kind}, {self.texts}, patience {self.patience}, bases {self.bases}"]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            while self.made < STEPS + 3:
                event = self.random.choice(self.EVENTS) if self.random.random() < 0.3 else None
                try:
                    if event is not None:
                        past.append(event.__name__)
                        event(self)
                    else:
                        past.append("update")
                    problem = self.update() if event is None else None
                    if not problem and self.looks.random() < 0.2:
                        past.append("look")
                        problem = self.rates_said()
                except Exception as error:
                    problem = f"{type(error).__name__}: {error}"
                false_alarms = [str(w.message) for w in caught if any(part in str(w.message) for part in ALARMS)]
                if problem or false_alarms:
                    return f"{problem or false_alarms[0]}; after {', '.join(past)}"
        return None


def wrong(seeds: range) -> dict[int, str]:
    """The histories of these seeds that went wrong, and how."""
    found = {seed: History(seed).run() for seed in seeds}
    return {seed: problem for seed, problem in found.items() if problem}


if __name__ == "__main__":
    import sys

    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    faults = wrong(range(number))
    for seed, problem in list(faults.items())[:5]:
        print(seed, problem)
    print(f"{number} histories, {len(faults)} with a rate that differs from the closed form")
