"""Faults of other libraries that ours doesn't have, each shown on theirs first.

A test named `test_their_...` is the reference: it passes while the fault shows exactly as reported, and fails, saying
so, when they mend it. Our side of some is tested elsewhere: counts per process in test_distributed, Keras's in
test_keras, the compiled step in test_torch_scheduler. transformers 5.24 logs the rate of the update made (its #35942 is
mended); test_transformers checks that ours is logged so.
"""

import math
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch.optim import SGD, lr_scheduler
from torch.utils.data import DataLoader, TensorDataset
from transformers import get_scheduler

import glideslope as gs

pytestmark = pytest.mark.filterwarnings("ignore")


MENDED = "the other library has mended this fault, or has another: look, and take the reference out"


def optimizer(rate=1.0):
    weight = torch.nn.Parameter(torch.ones(1))
    weight.grad = torch.ones(1)
    return SGD([weight], lr=rate)


def stepped(made, scheduler, updates):
    rates = []
    for _ in range(updates):
        rates.append(made.param_groups[0]["lr"])
        made.step()
        scheduler.step()
    return rates


def cosine(t, steps):
    return (1 + math.cos(math.pi * t / steps)) / 2


# A composed schedule that is rebuilt in mid-training.


def their_sequence(made, last_epoch=-1):
    first = lr_scheduler.LinearLR(made, 0.1, total_iters=10)
    second = lr_scheduler.CosineAnnealingLR(made, 90)
    return lr_scheduler.SequentialLR(made, [first, second], [10], last_epoch=last_epoch)


RIGHT = cosine(40, 90)


def test_their_rebuilt_sequence():
    """pytorch #171515: 0.1 instead of 0.587."""
    made = optimizer()
    made.param_groups[0]["initial_lr"] = 1.0
    their_sequence(made, last_epoch=50)
    assert made.param_groups[0]["lr"] == pytest.approx(0.1), MENDED


def test_our_rebuilt_sequence():
    scheduler = gs.torch.Scheduler(made := optimizer(), "warmup(10, start=0.1) >> cosine()", steps=100)
    scheduler.load_state_dict({"step": 50})
    assert abs(RIGHT - 0.587) < 1e-3
    assert made.param_groups[0]["lr"] == pytest.approx(RIGHT)


# A horizon that is extended, and a run past its end.


def test_their_extended_cosine():
    """Lightning #19865: the state's T_max replaces the new one, and the rate is back at its peak at 200."""
    made = optimizer()
    short = lr_scheduler.CosineAnnealingLR(made, 100)
    stepped(made, short, 50)
    longer = lr_scheduler.CosineAnnealingLR(made := optimizer(), 200)
    longer.load_state_dict(short.state_dict())
    assert stepped(made, longer, 151)[-1] == pytest.approx(1.0), MENDED


def test_our_extended_cosine():
    short = gs.torch.Scheduler(made := optimizer(), gs.cosine(), steps=100)
    stepped(made, short, 50)
    kept = gs.cosine().over(100).lasting(50) >> gs.cosine().continued()
    longer = gs.torch.Scheduler(made := optimizer(), kept, steps=200)
    longer.load_state_dict(short.state_dict())
    assert stepped(made, longer, 151)[-1] == pytest.approx(0.0, abs=1e-12)


def test_their_cosines_past_their_end():
    """torch's and transformers' climb again, to their peak at twice the horizon."""
    scheduler = lr_scheduler.CosineAnnealingLR(made := optimizer(), 20)
    assert stepped(made, scheduler, 41)[-1] == pytest.approx(1.0), MENDED
    scheduler = get_scheduler("cosine_with_min_lr", made := optimizer(), 0, 20, {"min_lr": 0.0})
    assert stepped(made, scheduler, 41)[-1] == pytest.approx(1.0), MENDED


def test_their_one_cycle_past_its_end():
    """torch's raises."""
    scheduler = lr_scheduler.OneCycleLR(made := optimizer(), 1.0, total_steps=20)
    stepped(made, scheduler, 19)
    with pytest.raises(ValueError, match="Tried to step 21 times"):
        stepped(made, scheduler, 2)


@pytest.mark.parametrize("schedule", ["cosine()", "one_cycle()", "two_phase_one_cycle()"])
def test_ours_past_its_end(schedule):
    scheduler = gs.torch.Scheduler(made := optimizer(), schedule, steps=20)
    assert stepped(made, scheduler, 41)[-1] == pytest.approx(gs.parse(schedule).over(20)(20), abs=1e-12)


# What isn't an update.


def after_skips(made, scheduler):
    """The rate after four steps whose gradients weren't finite."""
    scaler = torch.amp.GradScaler("cpu")
    for _ in range(4):
        made.zero_grad()
        scaler.scale(made.param_groups[0]["params"][0] * math.inf).backward()
        scaler.step(made)
        scaler.update()
        scheduler.step()
    assert made.param_groups[0]["params"][0].item() == 1.0
    return made.param_groups[0]["lr"]


def test_their_count_of_skipped_updates():
    """pytorch #44511: 0.0625 after four skips."""
    made = optimizer()
    assert after_skips(made, lr_scheduler.ExponentialLR(made, 0.5)) == 0.0625, MENDED


def test_our_count_of_skipped_updates():
    made = optimizer()
    assert after_skips(made, gs.torch.Scheduler(made, gs.exponential(1, ratio=0.5))) == 1.0


def accumulated(make):
    """The rate after 32 micro-batches, eight to an update."""
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=8)
    model = torch.nn.Linear(1, 1)
    made = SGD(model.parameters(), lr=1.0)
    scheduler = make(made)
    model, made, loader = accelerator.prepare(model, made, DataLoader(TensorDataset(torch.ones(32, 1))))
    for (inputs,) in loader:
        with accelerator.accumulate(model):
            accelerator.backward(model(inputs).sum())
            made.step()
            scheduler.step()
            made.zero_grad()
    return made.param_groups[0]["lr"]


def test_their_count_of_micro_batches():
    """accelerate #999: a scheduler counts each micro-batch, and is at its end after an eighth of its updates."""
    rate = accumulated(lambda made: lr_scheduler.LinearLR(made, 1.0, 0.0, total_iters=32))
    assert rate == pytest.approx(0.0, abs=1e-12), MENDED


def test_our_count_of_micro_batches():
    rate = accumulated(lambda made: gs.torch.Scheduler(made, gs.linear(), steps=32))
    assert rate == pytest.approx(1 - 4 / 32)


def test_their_count_of_micro_batches_in_keras():
    """Keras 3 asks its schedules at each micro-batch."""
    schedule = keras.optimizers.schedules.PolynomialDecay(1.0, 32, 0.0)
    made = keras.optimizers.SGD(schedule, gradient_accumulation_steps=8)
    weight = keras.Variable(np.ones(1, "float32"))
    for _ in range(32):
        made.apply([keras.ops.ones(1)], [weight])
    assert float(made.learning_rate) == 0.0, MENDED


# Groups that are added later.


def test_their_added_group():
    """pytorch #79888: a group added after unfreezing raises."""
    scheduler = lr_scheduler.LambdaLR(made := optimizer(), lambda t: 1 / (1 + t))
    made.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 1.0})
    with pytest.raises(ValueError, match="zip"):
        stepped(made, scheduler, 1)


def test_our_added_group():
    scheduler = gs.torch.Scheduler(made := optimizer(), gs.power(1))
    made.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 1.0})
    stepped(made, scheduler, 1)
    assert [group["lr"] for group in made.param_groups] == [0.5, 0.5]


# A compiled step.


def test_their_compiled_step():
    """pytorch #107076, #120934: a new rate that is a number compiles the step again."""
    torch._dynamo.reset()
    made = torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    made.param_groups[0]["params"][0].grad = torch.ones(1)
    scheduler = lr_scheduler.ExponentialLR(made, 0.9)
    step = torch.compile(made.step, backend="eager")
    step()
    scheduler.step()
    with (
        torch._dynamo.config.patch(error_on_recompile=True),
        pytest.raises(Exception, match="Recompiling function step"),
    ):
        step()
