"""What happens to a training of `disturbed`: each takes a random number generator, and gives parts of a loop."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from random import Random
from typing import Any

import torch

from faults.disturbed import MODELS, UPDATES, WORDS, Loop

EPOCHS = (13, 50, 75, 76, 100, 300)
"""Batches."""
TEN = 10
Parts = dict[str, Any]


def places(random: Random) -> set[int]:
    """Ten updates, anywhere."""
    return set(random.sample(range(1, UPDATES), TEN))


def at(chosen: set[int], change: Callable[[Loop], None]) -> Callable[[Loop, int], None]:
    """Changes a loop at some updates."""

    def call(loop: Loop, t: int) -> None:
        if t in chosen:
            with torch.no_grad():
                change(loop)

    return call


def same_batch(random: Random, length: int | None = None) -> Parts:
    """One batch of inf at the same place in each epoch; of words, which can't be inf, one with gradients of NaN."""
    length = length or random.choice(EPOCHS)
    place = random.randrange(length)

    def batch(t: int, x: Any, y: Any) -> tuple[Any, Any]:
        return (torch.full_like(x, math.inf) if t % length == place and x.is_floating_point() else x), y

    def gradient(loop: Loop, t: int) -> None:
        if t % length == place and loop.kind == "words":
            for weight in loop.model.parameters():
                weight.grad.fill_(math.nan)  # type: ignore[union-attr]

    return {"batch": batch, "gradient": gradient}


def one_of_three(random: Random) -> Parts:
    """One batch of three is inf."""
    return same_batch(random, 3)


def nan_gradients(random: Random) -> Parts:
    whole = random.random() < 0.5

    def spoil(loop: Loop) -> None:
        weights = list(loop.model.parameters())
        for weight in weights if whole else [random.choice(weights)]:
            weight.grad.view(-1)[0] = random.choice([math.nan, math.inf])

    return {"gradient": at(places(random), spoil)}


def nan_in_moments(random: Random) -> Parts:
    whole = random.random() < 0.5

    def spoil(loop: Loop) -> None:
        states = [state for state in loop.optimizer.state.values() if state]
        for state in states if whole else states[:1]:
            name = next(name for name in ("exp_avg", "momentum_buffer", "square_avg") if name in state)
            state[name].view(-1)[: None if whole else 1] = math.nan

    return {"before": at(places(random), spoil)}


def larger_weights(random: Random) -> Parts:
    factor = random.choice([10.0, 30.0, 100.0])

    def spoil(loop: Loop) -> None:
        for weight in loop.model.parameters():
            weight.mul_(factor)

    return {"before": at(places(random), spoil)}


def larger_labels(random: Random) -> Parts:
    chosen, factor = places(random), random.choice([300.0, 1000.0, 3000.0])

    def batch(t: int, x: Any, y: Any) -> tuple[Any, Any]:
        return (x, y * factor) if t in chosen else (x, y)

    return {"batch": batch}


def nan_statistics(random: Random) -> Parts:
    def spoil(loop: Loop) -> None:
        layer = next(layer for layer in loop.model if hasattr(layer, "running_var"))  # type: ignore[union-attr]
        (layer.running_mean if random.random() < 0.5 else layer.running_var).fill_(math.nan)

    return {"before": at(set(random.sample(range(1, UPDATES), 3)), spoil)}


def nan_row(random: Random) -> Parts:
    """NaN in a row of the embedding that no batch has, met again later."""
    first = random.randrange(300, 700)
    later = first + random.randrange(5, 500)

    def spoil(loop: Loop) -> None:
        loop.model.embedding.weight[WORDS - 1] = math.nan  # type: ignore[union-attr,index]

    def batch(t: int, x: Any, y: Any) -> tuple[Any, Any]:
        if t >= later and (t - later) % 50 == 0:
            x = x.clone()
            x[0, 0] = WORDS - 1
        return x, y

    return {"before": at({first}, spoil), "batch": batch}


def one_kept(random: Random) -> Parts:
    """A gradient of NaN in the update before a snapshot, of which one is kept."""
    every = random.choice([5, 10, 50])
    chosen = {every * random.randrange(2, UPDATES // every) - 1 for _ in range(5)}

    def spoil(loop: Loop) -> None:
        for weight in loop.model.parameters():
            weight.grad.fill_(math.nan)

    def spoil_weights(loop: Loop) -> None:
        for weight in loop.model.parameters():
            weight.fill_(math.nan)

    where = {"gradient": at(chosen, spoil)} if random.random() < 0.5 else {"after": at(chosen, spoil_weights)}
    return {**where, "guarded": f"guard(kept=1, every={every})"}


def stuck_scaler(random: Random) -> Parts:
    """A scale that is lost, gradients that aren't finite for a while, or a batch of inf in each epoch."""
    kind = random.randrange(3)
    place, length = random.randrange(100, 1300), random.choice([40, 200])
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    parts: Parts = {"scaler": scaler}
    if kind == 0:
        value = random.choice([0.0, math.inf, 1e-30, 1e-40])
        parts["before"] = at({place}, lambda loop: scaler._scale.fill_(value))  # type: ignore[union-attr]
    elif kind == 1:

        def spoil(loop: Loop) -> None:
            next(loop.model.parameters()).grad.fill_(math.nan)  # type: ignore[union-attr]

        parts["gradient"] = at(set(range(place, place + length)), spoil)
    else:
        parts |= same_batch(random, random.choice([13, 75]))
    return parts


def damaged_files(random: Random) -> Parts:
    """Snapshots on disk, the newest of which is truncated or has a flipped bit when it is needed."""
    chosen = set(random.sample(range(100, UPDATES), 2))

    def spoil(loop: Loop) -> None:
        assert loop.folder is not None
        newest = sorted(loop.folder.rglob("*.pt"), key=lambda file: int(file.stem.partition("-")[2]))[-1]
        content = bytearray(newest.read_bytes())
        if random.random() < 0.5:
            content = content[: random.randrange(len(content))]
        else:
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)
        newest.write_bytes(bytes(content))
        for weight in loop.model.parameters():
            weight.fill_(math.nan)

    return {"before": at(chosen, spoil)}


def replaced_weights(random: Random) -> Parts:
    """Finite weights of no use: of another seed, a layer's rows in another order, or a layer with another sign."""
    kind, number, place = random.randrange(3), random.randrange(100), random.randrange(300, 1300)

    def spoil(loop: Loop) -> None:
        matrices = [weight for weight in loop.model.parameters() if weight.ndim > 1]
        one = matrices[number % len(matrices)]
        if kind == 0:
            loop.model.load_state_dict(MODELS[loop.kind]().state_dict())
        else:
            one.copy_(one.flip(0) if kind == 1 else -one)

    return {"before": at({place}, spoil)}


def bad_for_a_while(random: Random) -> Parts:
    """Labels in another order, all alike, or noise as input, in 10 to 30 batches in a row."""
    kind, place, number = random.randrange(3), random.randrange(300, 1300), random.randrange(10, 31)

    def batch(t: int, x: Any, y: Any) -> tuple[Any, Any]:
        if not place <= t < place + number:
            return x, y
        if kind < 2:
            return x, y.flip(0) if kind == 0 else torch.ones_like(y)
        return (x.flip(0) if x.dtype == torch.long else 8 * torch.randn_like(x)), y

    return {"batch": batch}


def larger_state(random: Random) -> Parts:
    """An optimizer's state that is finite and far too large, momentum or squares of gradients, at three places."""
    factor, chosen = random.choice([-10.0, -100.0, 1000.0]), set(random.sample(range(100, UPDATES - 100), 3))
    squares = random.random() < 0.5

    def spoil(loop: Loop) -> None:
        for state in loop.optimizer.state.values():
            of_squares = [name for name in state if "sq" in name]
            others = state.keys() - {"step", *of_squares}
            for name in of_squares if (squares and of_squares) or not others else others:
                state[name].mul_(factor**2 if name in of_squares else factor)

    return {"before": at(chosen, spoil)}


def inputs_in_bytes(random: Random) -> Parts:
    """Inputs that are 255 times too large, in ten batches or in up to 20 in a row."""
    number, place = random.choice([1, 10, 20]), random.randrange(300, 1300)
    chosen = places(random) if random.random() < 0.5 else set(range(place, place + number))

    def batch(t: int, x: Any, y: Any) -> tuple[Any, Any]:
        return (x * 255 if t in chosen else x), y

    return {"batch": batch}


def averaged(random: Random) -> Parts:
    """Weights that are NaN, or far too large, at three places, and an average of them beside."""
    value = random.choice([math.nan, math.inf, 1e30, 1e4])

    def spoil(loop: Loop) -> None:
        random.choice(list(loop.model.parameters())).fill_(value)

    chosen = set(random.sample(range(100, UPDATES - 100), 3))
    return {"before": at(chosen, spoil), "average": "ema(0.99)"}


def lost_files(random: Random) -> Parts:
    """A folder of snapshots that is gone, can't be written to for a while, or has those of another model."""
    kind, place = random.randrange(3), random.randrange(300, 1300)

    def before(loop: Loop, t: int) -> None:
        assert loop.folder is not None
        if t == place:
            (guards,) = loop.folder.iterdir()
            files = sorted(guards.iterdir(), key=lambda file: file.stat().st_mtime_ns)
            if kind == 0:
                shutil.rmtree(guards)
            elif kind == 1:
                for file in files:
                    file.unlink()
                guards.rmdir()
                guards.touch()  # so that it can't be made again
            else:
                torch.save({"model": {"weight": torch.ones(3)}}, files[-1])
        if t == place + (0 if kind == 2 else 60):
            next(iter(loop.model.parameters())).data.fill_(math.nan)

    return {"before": before}


def growing_weights(random: Random) -> Parts:
    """Weights that grow with each update."""
    factor, first = 1 + random.choice([0.001, 0.002, 0.004]), random.randrange(0, 500)

    def grow(loop: Loop) -> None:
        for weight in loop.model.parameters():
            weight.mul_(factor)

    return {"after": at(set(range(first, UPDATES)), grow)}
