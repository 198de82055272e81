"""The JSON form: what is refused. That it round-trips stands in test_laws."""

import json

import jsonschema
import pytest

import glideslope as gs

SCHEMA = jsonschema.Draft202012Validator(gs.json_schema())
BAD = [
    {"version": 2, "schedule": {"name": "cosine"}},
    {"schedule": {"name": "cosine"}},
    {"version": 1, "schedule": {"name": "cosine"}, "more": 1},
    {"version": 1, "schedule": {"name": "cosin"}},
    {"version": 1, "schedule": {"name": "cosine", "arguments": {"fnal": 1}}},
    {"version": 1, "schedule": {"name": "warmup"}},
    {"version": 1, "schedule": {"name": "cosine", "colour": "red"}},
    {"version": 1, "schedule": {"sequence": []}},
    {"version": 1, "schedule": {"sequence": [{"name": "cosine"}], "sum": []}},
    {"version": 1, "schedule": {"scale": "2", "schedule": {"name": "cosine"}}},
    {"version": 1, "schedule": {"over": 100, "clock": {"steps": 1}, "schedule": {"name": "cosine"}}},
    {"version": 1, "schedule": {"name": "clip"}},
    {"version": 1, "schedule": "cosine()"},
    {"version": 1, "schedule": {}},
]


@pytest.mark.parametrize("document", BAD, ids=json.dumps)
def test_refused_by_the_reader_and_by_the_schema(document):
    with pytest.raises(gs.ScheduleError):
        gs.from_json(json.dumps(document))
    assert not SCHEMA.is_valid(document)


@pytest.mark.parametrize("text", ["", "[", "null", "[]", "[" * 100_000, '{"version": 1, "schedule": {"name": []}}'])
def test_invalid_documents_are_refused(text):
    with pytest.raises(gs.ScheduleError):
        gs.from_json(text)


def test_depth_is_bounded():
    node = {"name": "cosine"}
    for _ in range(500):
        node = {"scale": 1, "schedule": node}
    with pytest.raises(gs.ScheduleError, match="deep"):
        gs.from_json(json.dumps({"version": 1, "schedule": node}))


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(gs.json_schema())


@pytest.mark.parametrize(
    "schedule",
    ['{"name": "cosine", "arguments": "ab"}', '{"scale": 1' + "0" * 400 + ', "schedule": {"name": "cosine"}}',
     '{"over": 1' + "0" * 400 + ', "schedule": {"name": "cosine"}}'],
)  # fmt: skip
def test_values_of_the_wrong_kind(schedule):
    with pytest.raises(gs.ScheduleError):
        gs.from_json('{"version": 1, "schedule": ' + schedule + "}")


@pytest.mark.parametrize(
    "text",
    [
        "cosine() * plateau(factor=0.5, patience=3, significance=0.05)",
        "linear().over(100) * greedy() * guard(rest=20)",
        "(warmup(5%) >> hold()) * growth(base=128, largest=4096)",
    ],
)
def test_what_multiplies_a_schedule(text):
    value = gs.parse(text)
    written = gs.to_json(value)
    assert gs.from_json(written) == value
    jsonschema.validate(json.loads(written), gs.json_schema())


@pytest.mark.parametrize(
    ("factor", "says"),
    [
        ({"name": "plato"}, "unknown factor"), ({"name": "plateau", "arguments": {"factor": 3}}, "factor=3"),
        ({"name": "plateau", "arguments": {"wait": 3}}, "wait"), ({"arguments": {}}, "lacks"), ("plateau", "object"),
    ],
)  # fmt: skip
def test_factors_that_are_refused(factor, says):
    document = {"version": 1, "schedule": {"name": "cosine"}, "factors": [factor]}
    with pytest.raises(gs.GlideslopeError, match=says):
        gs.from_json(json.dumps(document))
    if says != "factor=3":  # the schema knows names and kinds, not ranges
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document, gs.json_schema())
