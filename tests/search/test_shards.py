"""States of a rank: distributed tensors become plain ones and come back, and every container keeps its type."""

from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from glideslope.search.jobs.shards import SHARD, Shards, pickled, unpickled
from glideslope.search.storage import states


class Pair(NamedTuple):
    one: Any
    two: Any


@dataclass
class Moments:
    first: Any
    second: Any


class Divided:
    """A tensor of which this rank has a part, with the interface of torch's DTensor; it can't be pickled."""

    device_mesh, placements = "mesh of 2", ("by rows",)

    def __init__(self, part, shape, stride):
        self.part, self.shape, self._stride = part, shape, stride

    def to_local(self):
        return self.part

    def stride(self):
        return self._stride

    @classmethod
    def from_local(cls, part, mesh, placements, run_check, shape, stride):
        assert (mesh, placements, run_check) == (cls.device_mesh, cls.placements, False)
        return cls(part, shape, stride)

    def __repr__(self):
        return f"Divided({self.part}, {self.shape}, {self._stride})"

    def __reduce__(self):
        raise TypeError("it belongs to the process group")


def divided(rows: int) -> Divided:
    return Divided(np.arange(2.0 * rows), (4 * rows,), (1,))


def part_of(rows: int) -> dict[str, Any]:
    """What stands for it elsewhere."""
    return {SHARD: "mesh of 2 by ('by rows',)", "part": np.arange(2.0 * rows), "shape": (4 * rows,), "stride": (1,)}


def containers(items):
    """Functions that make a container by a function that makes a tensor."""
    keys, some = st.sampled_from("abc"), st.lists(items, max_size=3)
    named = st.dictionaries(keys, items, max_size=3)
    return st.one_of(
        some.map(lambda them: lambda make: [it(make) for it in them]),
        some.map(lambda them: lambda make: tuple(it(make) for it in them)),
        some.map(lambda them: lambda make: deque([it(make) for it in them], 5)),
        named.map(lambda them: lambda make: {key: it(make) for key, it in them.items()}),
        named.map(lambda them: lambda make: OrderedDict((key, it(make)) for key, it in them.items())),
        named.map(lambda them: lambda make: defaultdict(list, {key: it(make) for key, it in them.items()})),
        named.map(lambda them: lambda make: SimpleNamespace(**{key: it(make) for key, it in them.items()})),
        st.tuples(items, items).map(lambda them: lambda make: Pair(*(it(make) for it in them))),
        st.tuples(items, items).map(lambda them: lambda make: Moments(*(it(make) for it in them))),
    )


LEAVES = st.one_of(
    st.integers(1, 3).map(lambda rows: lambda make: make(rows)),
    st.sampled_from([None, 3, "text", Counter("aab"), frozenset("a"), Divided]).map(lambda value: lambda make: value),
)


@settings(max_examples=200, deadline=None)
@given(st.recursive(LEAVES, containers, max_leaves=12))
def test_a_state_comes_back_as_it_was_whatever_its_containers(state):
    shards = Shards()
    elsewhere = unpickled(shards.pickled(state(divided)))
    assert repr(elsewhere) == repr(state(part_of))  # the text names the types of containers
    assert repr(shards.joined(pickled(elsewhere))) == repr(state(divided))


def test_a_state_goes_through_a_file_with_its_containers(tmp_path):
    def state(value, number):
        moments = defaultdict(list, {0: value, 1: Pair(number, deque([Moments(number, value)]))})
        return {"optimizer": OrderedDict(state=moments, counts=Counter({"a": number}), none=torch.ones(0, 4))}

    old, new = state(torch.zeros(2), 1), state(torch.ones(2), 2)
    with (tmp_path / "state").open("wb") as file:
        states.write(new, form := states.form_of(new), file)
    with (tmp_path / "state").open("rb") as file:
        read = states.read(file, form, old, "state")
    assert repr(read) == repr(new)
    assert read["optimizer"]["state"]["new key"] == []
