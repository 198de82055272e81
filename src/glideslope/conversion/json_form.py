"""The JSON form of a schedule, for configuration files and other programs; it says what the text form says."""

from __future__ import annotations

import inspect
import json
from functools import partial, reduce
from operator import mul
from typing import Any

from glideslope.batches import Growth
from glideslope.documents import parsed, shown
from glideslope.errors import DocumentError, GlideslopeError, ScheduleError
from glideslope.feedback import Controlled, Feedback
from glideslope.schedules.combined import FUNCTIONS, Combined, Scaled, product, total
from glideslope.schedules.durations import Clock, Duration, duration
from glideslope.schedules.horizon import Over
from glideslope.schedules.methods import METHODS
from glideslope.schedules.named import Named
from glideslope.schedules.names import FACTORS, NAMES
from glideslope.schedules.numbers import is_number
from glideslope.schedules.schedule import Schedule
from glideslope.schedules.sequence import Sequence, in_sequence

VERSION = 1
DEEPEST = 95  # schedules within one another
_SEVERAL = {">>": "sequence", "+": "sum", "*": "product", "max": "max", "min": "min"}
OPERATIONS = {key: operation for operation, key in _SEVERAL.items()}
SCHEDULE_METHODS = {name: make for name, make in METHODS.items() if name not in ("over", "extend")}
"""Those that a document has by name: a horizon has a key of its own."""


def to_json(schedule: Schedule | Feedback | Growth) -> str:
    """The JSON form: `{"version": 1, "schedule": ...}`, and `"factors": [...]`, the other factors of the product.
    Raises a ScheduleError if the schedule, or a part of it, is made from a Python function, or nested deeper than can
    be read.

    >>> import glideslope as gs
    >>> print(to_json(gs.cosine(final=0.1)))
    {"version": 1, "schedule": {"name": "cosine", "arguments": {"final": 0.1}}}
    """
    match schedule:
        case Schedule():
            document = {"schedule": _node(schedule, 0)}
        case Controlled():
            document = {"schedule": _node(schedule.schedule, 0)} | _factor_nodes(*schedule.feedbacks)
        case Growth():
            document = {"schedule": _node(schedule.schedule, 0)} | _factor_nodes(schedule.growing)
        case _:  # alone, as `plateau` is
            document = _factor_nodes(schedule)
    return json.dumps({"version": VERSION, **document}, allow_nan=False)


def from_json(text: str) -> Any:
    """The schedule that a JSON form describes; times a feedback or a growth, where it has factors. Raises a
    ScheduleError if it isn't JSON, has another version, unknown keys, or arguments that no schedule takes.

    >>> from_json('{"version": 1, "schedule": {"sequence": [{"name": "warmup", "arguments": {"duration": "5%"}}, '
    ...           '{"name": "cosine"}]}}')
    warmup(5%) >> cosine()
    """
    if not isinstance(text, str | bytes):
        raise ScheduleError(f"{shown(text)} isn't a JSON text: give what to_json returned")
    try:
        document = parsed(text)
    except DocumentError as error:
        raise ScheduleError(str(error)) from None
    _check_keys(document, {"version"}, "the document", {"schedule", "factors"})
    if document["version"] != VERSION or isinstance(document["version"], bool):
        raise ScheduleError(f"version {shown(document['version'])}: this program reads version {VERSION}")
    factors = document.get("factors", [])
    if not isinstance(factors, list) or not (factors or "schedule" in document):
        raise ScheduleError(f"factors={shown(factors)}: give a schedule, or a list of feedbacks and growths")
    try:
        parts = [_schedule(document["schedule"], 0)] if "schedule" in document else []
        return reduce(mul, [*parts, *map(_factor, factors)])
    except (TypeError, ValueError, ArithmeticError) as error:
        if isinstance(error, GlideslopeError):
            raise
        raise ScheduleError(f"an argument is of the wrong kind: {error}") from None


def _node(schedule: Schedule, depth: int) -> dict[str, Any]:
    if depth > DEEPEST:
        raise ScheduleError(f"a schedule nested more than {DEEPEST} deep has no JSON form")
    node = partial(_node, depth=depth + 1)
    match schedule:
        case Named():
            defaults = inspect.signature(schedule.maker).parameters
            changed = {k: v for k, v in schedule.arguments if k != "self" and v != defaults[k].default}
            of = {} if schedule.subject is None else {"schedule": node(schedule.subject)}
            arguments = {"arguments": {key: _value(value) for key, value in changed.items()}} if changed else {}
            return {"name": schedule.name, **arguments, **of}
        case Sequence():
            return {"sequence": list(map(node, schedule.phases))}
        case Combined():
            return {_SEVERAL[schedule.operation]: list(map(node, schedule.parts))}
        case Scaled():
            return {"scale": schedule.scale, "schedule": node(schedule.schedule)}
        case Over():
            clock = {name: value for name, value in vars(schedule.clock).items() if value is not None}
            with_clock = {"clock": clock} if clock else {}
            return {"over": _value(schedule.horizon), **with_clock, "schedule": node(schedule.schedule)}
    raise ScheduleError(f"{schedule!r} has no JSON form: {_why(schedule)}")


def _factor_nodes(*factors: Any) -> dict[str, Any]:
    return {"factors": list(map(_factor_node, factors))}


def _factor_node(factor: Any) -> dict[str, Any]:
    if not hasattr(factor, "arguments"):
        raise ScheduleError(f"{factor!r} has no JSON form: {', '.join(FACTORS)} have one")
    arguments = {name: _value(value) for name, value in factor.arguments.items()}
    return {"name": factor.name, **({"arguments": arguments} if arguments else {})}


def _factor(node: Any) -> Any:
    _check_keys(node, {"name"}, "a factor", {"arguments"})
    return _maker("factor", node["name"], FACTORS)(**_arguments(node))


def _maker(what: str, name: Any, makers: dict[str, Any]) -> Any:
    if not isinstance(name, str) or name not in makers:
        raise ScheduleError(f"unknown {what} {shown(name)}: known are {', '.join(makers)}")
    return makers[name]


def _arguments(node: dict[str, Any]) -> dict[str, Any]:
    arguments = node.get("arguments", {})
    if not isinstance(arguments, dict) or "self" in arguments:
        raise ScheduleError(f"arguments={shown(arguments)}: give an object of arguments by name")
    return arguments


def _why(schedule: Schedule) -> str:
    try:
        return str(schedule)
    except ScheduleError as error:
        return str(error)


def _value(value: Any) -> Any:
    if isinstance(value, Duration):
        return str(value) if value.unit or value.is_part_of_an_update else value.value
    return list(map(_value, value)) if isinstance(value, tuple) else value


def _schedule(node: Any, depth: int) -> Schedule:
    if depth > DEEPEST:
        raise ScheduleError(f"nested more than {DEEPEST} deep")
    if not isinstance(node, dict):
        raise ScheduleError(f"{shown(node)} is not a schedule: it must be an object such as {{'name': 'cosine'}}")
    if "name" in node:
        return _named(node, depth)
    if "scale" in node:
        _check_keys(node, {"scale", "schedule"}, "a scaled schedule")
        return _number(node["scale"]) * _schedule(node["schedule"], depth + 1)
    if "over" in node:
        _check_keys(node, {"over", "schedule"}, "a schedule over a horizon", {"clock"})
        clock = node.get("clock", {})
        _check_keys(clock, set(), "a clock", set(vars(Clock())))
        return Over(_schedule(node["schedule"], depth + 1), duration(node["over"]), Clock(**clock))
    key = next(iter(node), None)
    if key not in OPERATIONS or len(node) > 1 or not isinstance(node[key], list) or not node[key]:
        raise ScheduleError(
            f"a schedule with the keys {shown(sorted(node))}: give one of name, scale or over, "
            f"or one of {', '.join(OPERATIONS)} with a list of schedules"
        )
    parts = [_schedule(part, depth + 1) for part in node[key]]
    operation = OPERATIONS[key]
    if operation in FUNCTIONS:
        return FUNCTIONS[operation](*parts)
    if operation == ">>":
        return in_sequence(*parts)
    return reduce(product if operation == "*" else total, parts)


def _named(node: dict[str, Any], depth: int) -> Schedule:
    _check_keys(node, {"name"}, "a schedule", {"arguments", "schedule"})
    if "schedule" not in node:
        return _maker("schedule", node["name"], NAMES)(**_arguments(node))  # type: ignore[no-any-return]
    make = _maker("method", node["name"], SCHEDULE_METHODS)
    return make(_schedule(node["schedule"], depth + 1), **_arguments(node))  # type: ignore[no-any-return]


def _number(value: Any) -> float:
    if not is_number(value):
        raise ScheduleError(f"scale={shown(value)}: it must be a number")
    return value


def _check_keys(node: Any, needed: set[str], what: str, possible: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    if not isinstance(node, dict):
        raise ScheduleError(f"{what} is {shown(node)}: it must be an object")
    if missing := needed - node.keys():
        raise ScheduleError(f"{what} lacks the keys {sorted(missing)}")
    if unknown := node.keys() - needed - possible:
        raise ScheduleError(f"{what} has the unknown keys {shown(sorted(unknown))}")
