"""The JSON schema of the JSON form of a schedule."""

from __future__ import annotations

import inspect
from typing import Any

from glideslope.conversion.json_form import OPERATIONS, SCHEDULE_METHODS, VERSION
from glideslope.schedules.durations import Clock
from glideslope.schedules.names import FACTORS, NAMES


def json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of the JSON form."""
    node: dict[str, Any] = {"$ref": "#/$defs/schedule"}
    clock = {name: {"type": "number", "exclusiveMinimum": 0} for name in vars(Clock())}
    length = {"type": ["number", "string"]}
    kinds = {
        "name": _named_schema(node),
        "scale": _closed({"scale": {"type": "number", "minimum": 0}, "schedule": node}, ["scale", "schedule"]),
        "over": _closed({"over": length, "clock": _closed(clock, []), "schedule": node}, ["over", "schedule"]),
    }
    several = {"type": "array", "items": node, "minItems": 1}
    kinds |= {key: _closed({key: several}, [key]) for key in OPERATIONS}
    schedule: dict[str, Any] = {"type": "object", "anyOf": [{"required": [key]} for key in kinds]}
    # A condition on the key, not one of many alternatives: each part of a document is checked once.
    schedule["allOf"] = [{"if": {"required": [key]}, "then": kind} for key, kind in kinds.items()]
    plain = [{"type": kind} for kind in ("number", "string", "boolean", "null")]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Glideslope schedule",
        **_closed(
            {"version": {"const": VERSION}, "schedule": node, "factors": {"type": "array", "items": _factor_schema()}},
            ["version"],
        ),
        "anyOf": [{"required": ["schedule"]}, {"properties": {"factors": {"minItems": 1}}, "required": ["factors"]}],
        "$defs": {"schedule": schedule, "value": {"anyOf": [*plain, {"type": "array", "items": {"anyOf": plain}}]}},
    }


def _named_schema(node: dict[str, Any]) -> dict[str, Any]:
    """A name, its arguments, and for a method what it is called on."""
    form = _closed({"name": {"type": "string"}, "arguments": {"type": "object"}, "schedule": node}, ["name"])
    form["allOf"] = []
    for makers, of in ((NAMES, False), (SCHEDULE_METHODS, True)):
        for name, make in makers.items():
            here = {"required": ["name", *(["schedule"] if of else [])], "properties": {"name": {"const": name}}}
            if not of:
                here["not"] = {"required": ["schedule"]}
            form["allOf"].append({"if": here, "then": _arguments_schema(make)})
    form["if"] = {"required": ["schedule"]}
    form["then"] = {"properties": {"name": {"enum": list(SCHEDULE_METHODS)}}}
    form["else"] = {"properties": {"name": {"enum": list(NAMES)}}}
    return form


def _factor_schema() -> dict[str, Any]:
    form = _closed({"name": {"enum": list(FACTORS)}, "arguments": {"type": "object"}}, ["name"])
    cases = [({"properties": {"name": {"const": name}}}, make) for name, make in FACTORS.items()]
    return form | {"allOf": [{"if": here, "then": _arguments_schema(make)} for here, make in cases]}


def _arguments_schema(make: Any) -> dict[str, Any]:
    parameters = [p for p in inspect.signature(make).parameters.values() if p.name != "self"]
    needed = [p.name for p in parameters if p.default is p.empty]
    arguments = _closed({p.name: {"$ref": "#/$defs/value"} for p in parameters}, needed)
    return {"properties": {"arguments": arguments}, "required": ["arguments"] if needed else []}


def _closed(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
