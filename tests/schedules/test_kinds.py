"""Arguments of every constructor, method and operator: taken, or refused with an error of Glideslope."""

import inspect
import operator
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs
from glideslope.schedules.names import FACTORS, NAMES

REQUIRED = {"times": [0, 10], "values": [1.0, 0.5], "updates": 100, "duration": "5%", "text": "linear",
            "points": [(0, 1), (9, 0)], "path": "missing.csv", "schedule": gs.linear(), "function": abs,
            "steps": 100, "at": 100, "to": 1000, "value": 3.0, "factor": 1.0}  # fmt: skip
METHODS = {name: getattr(gs.cosine(), name)
           for name in ("clip", "continued", "delay", "lasting", "momentum", "noise", "over", "repeat", "reverse",
                        "skip", "stretch", "extend", "within", "sample")}  # fmt: skip
OTHERS = {function.__name__: function for function in (gs.parse, gs.from_points, gs.from_csv, gs.Clock, gs.Duration)}
MAKERS = {**NAMES, **FACTORS, **METHODS, **OTHERS}

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**18), 10**18), st.just(10**400), st.floats(), st.complex_numbers(),
    st.text(max_size=3), st.binary(max_size=2),
    st.sampled_from(["5%", "10ep", "linear", "-1", "nan", gs.linear(), gs.linear, object(), np.float32(0.5),
                     np.array([1.0, 2.0]), np.array([[1.0]]), gs.Clock(), gs.Duration(5, "%"), range(3)]),
)  # fmt: skip
VALUES = st.recursive(SCALARS, lambda items: st.one_of(
    st.lists(items, max_size=3), st.tuples(items, items), st.dictionaries(st.text(max_size=1), items, max_size=2),
    st.sets(st.integers(0, 9), max_size=2),
), max_leaves=4)  # fmt: skip


def places(make):
    """Its parameters: each with those that have to be given besides."""
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = [p for p in inspect.signature(make).parameters.values() if p.kind not in kinds]
    required = {p.name: REQUIRED.get(p.name, 0.5) for p in parameters if p.default is p.empty}
    return [(p.name, {name: value for name, value in required.items() if name != p.name}) for p in parameters]


@given(st.data())
@settings(max_examples=300, deadline=None)
@pytest.mark.filterwarnings("ignore")
def test_an_argument_of_any_kind_is_taken_or_refused(data):
    make = MAKERS[data.draw(st.sampled_from(sorted(MAKERS)))]
    if not (parameters := places(make)):
        return
    name, others = data.draw(st.sampled_from(parameters))
    if name in ("steps", "updates"):  # as many factors as it says are an array
        value = data.draw(VALUES.filter(lambda value: not isinstance(value, int | float) or value < 10**6))
    else:
        value = data.draw(VALUES)
    try:
        schedule = make(**others, **{name: value})
        if isinstance(schedule, gs.Schedule):
            assert np.isfinite(schedule.within(1000)(np.arange(3.0))).all()
            assert gs.parse(str(schedule)) == schedule
    except gs.GlideslopeError:
        pass


@given(st.sampled_from([operator.add, operator.mul, operator.truediv, operator.rshift, operator.sub]), VALUES)
@settings(max_examples=150, deadline=None)
def test_an_operand_of_any_kind_is_taken_or_refused(operate, value):
    for operands in ((gs.cosine(), value), (value, gs.cosine())):
        if isinstance(operands[0], np.ndarray | bytes | str | list | tuple):
            continue  # the operation is theirs
        try:
            operate(*operands)
        except gs.GlideslopeError:
            pass
        except TypeError as error:
            assert re.search("unsupported operand|can't multiply sequence", str(error))  # noqa: PT017


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("multistep(4000)", r"^multistep: milestones=4000: give a list of times, such as \['30%', '60%'\]"),
        ("multistep(50%)", r"milestones=50%: give a list of times"),
        ("piecewise(0.5, [10])", r"^piecewise: values=0.5: give a list of numbers, such as \[1, 0.5, 0.1\]"),
        ("piecewise([1, [0.5]], [10])", r"values=\(0.5,\): it must be a number"),
        ("multistep([[30, 60]])", r"\(30.0, 60.0\) is not a duration"),
        ("cooldown(shape=3)", r"shape=3: give a word"),
        ("exponential(staircase=2)", r"staircase=2: give true or false"),
        ("linear(final=true)", r"final=True: give a number, such as 0.1"),
    ],
)
def test_the_message_names_the_expected_kind(text, message):
    with pytest.raises(gs.ScheduleError, match=message):
        gs.parse(text)
