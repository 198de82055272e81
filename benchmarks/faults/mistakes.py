"""Mistakes of data, code and settings that a training meets. Few can be mended: a guard must do no harm there."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import torch

from faults.disturbances import Parts, at, places
from faults.disturbed import UPDATES, Loop, data

Change = Callable[[Any, Any], tuple[Any, Any]]


def _batches(chosen: Callable[[int], bool], change: Change) -> Parts:
    """A loop whose batches at some updates are changed."""
    return {"batch": lambda t, x, y: change(x, y) if chosen(t) else (x, y)}


def _while(random: Random, least: int, most: int) -> set[int]:
    """Some updates in a row."""
    place = random.randrange(100, 1200)
    return set(range(place, place + random.randrange(least, most)))


def _noise(x: Any, y: Any) -> tuple[Any, Any]:
    return (x.flip(0) if x.dtype == torch.long else 8 * torch.randn_like(x)), y.roll(1, 0)


def corrupted_shard(random: Random) -> Parts:
    """Some batches in a row, at the same place in each epoch, have noise for inputs and the labels of others."""
    length, number, place = random.choice([60, 150, 300]), random.randrange(2, 9), random.randrange(40)
    return _batches(lambda t: place <= t % length < place + number, _noise)


def overflow_storm(random: Random) -> Parts:
    """Gradients overflow in every other update for a while."""
    chosen = {t for t in _while(random, 20, 80) if t % 2}

    def spoil(loop: Loop) -> None:
        for weight in loop.model.parameters():
            weight.grad.mul_(float("inf"))  # type: ignore[union-attr]

    return {"gradient": at(chosen, spoil)}


def rate_times_ten(random: Random) -> Parts:
    """The user's own code multiplies the rate by 10 for a while."""

    def larger(loop: Loop) -> None:
        for group in loop.optimizer.param_groups:
            group["lr"] *= 10

    return {"before": at(_while(random, 50, 300), larger)}


def dead_loader(random: Random) -> Parts:
    """A loader gives the same batch again and again."""
    chosen, held = _while(random, 30, 200), []

    def same(x: Any, y: Any) -> tuple[Any, Any]:
        held.append((x, y))
        return held[0]

    return _batches(chosen.__contains__, same)


def zero_gradients(random: Random) -> Parts:
    """Gradients are 0 for a while."""

    def spoil(loop: Loop) -> None:
        for weight in loop.model.parameters():
            weight.grad.zero_()  # type: ignore[union-attr]

    return {"gradient": at(_while(random, 20, 100), spoil)}


def weight_decay(random: Random) -> Parts:
    """Weight decay is far too large from some update on."""
    place, decay = random.randrange(100, 1200), random.choice([0.03, 0.3])

    def change(loop: Loop) -> None:
        for group in loop.optimizer.param_groups:
            group["weight_decay"] = decay

    return {"before": at({place}, change)}


def larger_group(random: Random) -> Parts:
    """One layer's gradients are multiplied by a number of devices, from some update on."""
    place, size = random.randrange(100, 1200), random.choice([2.0, 4.0, 8.0])

    def spoil(loop: Loop) -> None:
        next(loop.model.parameters()).grad.mul_(size)  # type: ignore[union-attr]

    return {"gradient": at(set(range(place, UPDATES)), spoil)}


def smoothed_labels(random: Random) -> Parts:
    """Labels are smoothed from some update on; of a regression, shifted."""
    place = random.randrange(100, 1200)

    def smooth(x: Any, y: Any) -> tuple[Any, Any]:
        if y.is_floating_point():
            return x, y + 0.2
        return x, 0.9 * torch.nn.functional.one_hot(y, 4) + 0.025

    return _batches(lambda t: t >= place, smooth)


def batches_of_zeros(random: Random) -> Parts:
    """The inputs of ten batches are all 0."""
    return _batches(places(random).__contains__, lambda x, y: (torch.zeros_like(x), y))


def sorted_data(random: Random) -> Parts:
    """Batches of one class only, or of the largest labels, in a row."""
    chosen, number = _while(random, 1, 20), random.randrange(4)

    def sort(x: Any, y: Any) -> tuple[Any, Any]:
        kind = "words" if x.dtype == torch.long else "regression" if y.is_floating_point() else "classes"
        inputs, targets = data(kind)
        of_class = targets[:, 0] > 0.5 if y.is_floating_point() else targets == number
        return inputs[of_class][: len(x)], targets[of_class][: len(x)]

    return _batches(chosen.__contains__, sort)


def repeated_tokens(random: Random) -> Parts:
    """Ten batches in which each text is one word, or all examples are the same."""

    def repeat(x: Any, y: Any) -> tuple[Any, Any]:
        return (x[:, :1] if x.dtype == torch.long else x[:1]).expand_as(x), y

    return _batches(places(random).__contains__, repeat)


def lost_state(random: Random) -> Parts:
    """The optimizer's state is lost once, as where a run is resumed without it."""
    return {"before": at({random.randrange(100, 1200)}, lambda loop: loop.optimizer.state.clear())}


MISTAKES = (
    corrupted_shard, overflow_storm, rate_times_ten, dead_loader, zero_gradients, weight_decay, larger_group,
    smoothed_labels, batches_of_zeros, sorted_data, repeated_tokens, lost_state,
)  # fmt: skip
