"""What balanced layers are for: a deep network of logistic activations, with one rate at its best, and balanced.

    python benchmarks/logistic_depth.py [--seeds 3] [--hidden 6] [--updates 2000]

The handwritten digits inside scikit-learn, a fifth held out; six hidden layers of 64 logistic units, Xavier weights,
momentum, a rate falling linearly to 0. Gradients shrink by a factor of about four a layer on their way to the input, so
where one rate is right for the output, the layers near the input hardly move. Each way has the same grid of rates, and
its best is chosen by the mean of the seeds; all make the same number of updates.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from statistics import mean
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import nn

import glideslope as gs

RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


def data() -> tuple[torch.Tensor, ...]:
    """Training inputs and classes, validation inputs and classes."""
    digits = load_digits()
    inputs = torch.tensor(digits.data, dtype=torch.float32)
    inputs = (inputs - inputs.mean()) / inputs.std()
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0))
    inputs, classes = inputs[order], torch.tensor(digits.target)[order]
    return inputs[:1437], classes[:1437], inputs[1437:], classes[1437:]


def network(hidden: int, seed: int) -> nn.Sequential:
    """Logistic hidden layers of 64."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for width in [64] * hidden:
        layers += [nn.Linear(width, 64), nn.Sigmoid()]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return model


Setup = Callable[[nn.Sequential, Any, Any], Any]


def train(hidden: int, seed: int, lr: float, updates: int, by_depth: float | None, setup: Setup) -> Any:
    """Validation loss and accuracy at the end, and what `setup` made."""
    inputs, classes, validation_inputs, validation_classes = data()
    model = network(hidden, seed)
    multipliers = by_depth and gs.layers.by_depth(model, inputs[:1], by_depth, smaller="output")
    # The same rate in the middle, as a balance has it.
    scale = (by_depth or 1) ** (-hidden / 2)
    optimizer = torch.optim.SGD(gs.torch.groups(model, multipliers or None, lr=lr * scale, merge=False), momentum=0.9)
    scheduler = gs.torch.Scheduler(optimizer, "linear", steps=updates)
    made = setup(model, optimizer, scheduler)
    draw = torch.Generator().manual_seed(seed)
    for _ in range(updates):
        chosen = torch.randint(len(inputs), (64,), generator=draw)
        loss = nn.functional.cross_entropy(model(inputs[chosen]), classes[chosen])
        if not math.isfinite(loss.item()):
            return math.inf, 0.0, made
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    with torch.no_grad():
        outputs = model(validation_inputs)
    accuracy = (outputs.argmax(1) == validation_classes).float().mean().item()
    return nn.functional.cross_entropy(outputs, validation_classes).item(), accuracy, made


WAYS: dict[str, tuple[float | None, Setup]] = {
    "one rate": (None, lambda model, optimizer, scheduler: None),
    "smaller near the output, by a factor of 4 a layer": (0.25, lambda model, optimizer, scheduler: None),
    "balanced once": (None, lambda *parts: gs.torch.Balance(*parts[:2])),
    "balanced every 200 updates": (None, lambda *parts: gs.torch.Balance(*parts[:2], every=200)),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--hidden", type=int, default=6)
    parser.add_argument("--updates", type=int, default=2000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name, (by_depth, setup) in WAYS.items():
        best: tuple[float, float, float] = (math.inf, 0.0, 0.0)
        for lr in RATES:
            made = [train(options.hidden, seed, lr, options.updates, by_depth, setup) for seed in range(options.seeds)]
            losses, accuracies = mean(run[0] for run in made), mean(run[1] for run in made)
            print(f"  {name}, {lr:g}: loss {losses:.4f}, accuracy {accuracies:.3f}", flush=True)
            best = min(best, (losses, accuracies, lr))
        print(f"{name}: validation loss {best[0]:.4f}, accuracy {best[1]:.1%}, at {best[2]:g}", flush=True)
    balance = train(options.hidden, 0, 0.1, 20, None, lambda *parts: gs.torch.Balance(*parts[:2]))[2]
    shown = ", ".join(f"{multiplier:.2g}" for multiplier in balance.multipliers.values())
    print(f"multipliers measured in the first ten updates, from the input to the output: {shown}")


if __name__ == "__main__":
    main()
