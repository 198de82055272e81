"""What can't be read from another library is a ConversionError that says why."""

import pytest
import torch
from torch.optim import lr_scheduler

import glideslope as gs


def sgd(rate=0.1):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)


@pytest.mark.parametrize(
    ("read", "says"),
    [
        (lambda: gs.from_torch(lr_scheduler.ExponentialLR(sgd(), 1.1)), "ratio"),
        (lambda: gs.from_torch(lr_scheduler.StepLR(sgd(), 5, gamma=2)), "ratio"),
        (lambda: gs.from_torch(lr_scheduler.CosineAnnealingLR(sgd(0.0), 10)), "can't be read"),
        (lambda: gs.from_torch(lr_scheduler.ReduceLROnPlateau(sgd())), "follows measurements"),
        (lambda: gs.from_transformers("warmup_stable_decay", 100, num_decay_steps=50), "can't be read"),
        (lambda: gs.from_deepspeed({"type": "WarmupLR", "params": {"warmup_num_steps": "auto"}}), "auto"),
        (lambda: gs.from_deepspeed({"type": "WarmupLR", "params": {"warmup_max_lr": 0}}), "can't be read"),
        (lambda: gs.from_keras({"class_name": "CosineDecay", "config": {}}), "lacks"),
    ],
)
def test_conversion_mistakes(read, says):
    with pytest.raises(gs.ConversionError) as error:
        read()
    assert says in str(error.value)


def test_a_stable_phase_without_a_warmup_begins_at_the_peak():
    options = {"num_decay_steps": 20, "warmup_type": "1-sqrt", "min_lr_ratio": 0.1}
    schedule = gs.from_transformers("warmup_stable_decay", 0, 100, **options)
    assert [schedule(t) for t in (0, 79, 100)] == pytest.approx([1.0, 1.0, 0.1])
