"""Disturbances from which no rule saves every training with a guard: counted by `reliability.py --only`, in no table.

Tried for gradients of another sign in some updates in a row: the angle between gradient and momentum (it is ordinary in
the first of them; its mean over 10 differs by 6 deviations and more, but a product over all weights takes longer than
the whole look at an update); a rise of the loss against its noise (after 10 updates -6% to 40%, about what ordinary
stretches have); the size of the optimizer's state (as ever).
"""

from __future__ import annotations

from random import Random
from typing import Any

import torch

from faults.disturbances import Parts, at
from faults.disturbed import Loop


def reversed_gradients(random: Random) -> Parts:
    """Gradients reversed, up to tenfold, in 3 to 40 updates in a row."""
    number, place, factor = random.randrange(3, 41), random.randrange(300, 1300), random.choice([1.0, 3.0, 10.0])

    def spoil(loop: Loop) -> None:
        for weight in loop.model.parameters():
            if weight.grad is not None:
                weight.grad.mul_(-factor)

    return {"gradient": at(set(range(place, place + number)), spoil)}


def far_labels(random: Random) -> Parts:
    """Labels of one example in 150 or 500 that are 100 to 1,000 times too large, wherever it is met."""
    factor, one_in = random.choice([100.0, 1000.0, -300.0]), random.choice([150, 500])

    def batch(t: int, x: Any, y: Any) -> tuple[Any, Any]:
        is_far = (x[:, 0].abs() * 1e6).long() % one_in == 0
        return x, torch.where(is_far.unsqueeze(1), y * factor, y)

    return {"batch": batch}
