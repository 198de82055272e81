"""Wrappers around an optimizer that have some of torch's tables of hooks: they don't call `super().__init__`."""

from collections import OrderedDict
from itertools import combinations

import pytest
import torch

import glideslope as gs

TABLES = [f"_optimizer_{call}_{when}_hooks" for call in ("step", "load_state_dict") for when in ("pre", "post")]


class Wrapper(torch.optim.Optimizer):
    def __init__(self, base, tables):
        self.base, self.param_groups, self.state, self.defaults = base, base.param_groups, {}, base.defaults
        for table in tables:
            setattr(self, table, OrderedDict())

    def step(self, closure=None):
        return self.base.step(closure)


@pytest.mark.parametrize("tables", [each for number in range(5) for each in combinations(TABLES, number)])
def test_updates_are_counted_whichever_tables_a_wrapper_has(tables):
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = Wrapper(torch.optim.SGD([weight], lr=1.0), tables)
    scheduler = gs.torch.Scheduler(optimizer, "linear", steps=10)
    for _ in range(3):
        weight.grad = torch.ones(2)
        optimizer.step()
        scheduler.step()
    assert scheduler.last_epoch == 3
    assert scheduler.get_last_lr() == pytest.approx([0.7])
