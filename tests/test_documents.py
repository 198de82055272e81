"""What is stored and read again: states, laws, JSON schedules, texts and logs, as they were or refused or noted."""

import copy
import io
import json
import math
import os
import pickle
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs
from glideslope import laws
from glideslope.documents import checked, sealed, unsealed
from glideslope.errors import DocumentError
from glideslope.files import write_atomically
from glideslope.laws.form import NAMES
from glideslope.laws.logs.records import read_records
from tests.schedules.strategies import schedules

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from faults import documents, states


@pytest.mark.parametrize(
    ("name", "number"),
    [("texts", 3000), ("states", 250), ("old_states", 150), ("laws", 60), ("json", 600), ("events", 12),
     ("tables", 100), ("averages", 300), ("balances", 20), ("torch_jobs", 20), ("keras_states", 60),
     ("jax_states", 100), ("jax_jobs", 5), ("keras_jobs", 20)],
)  # fmt: skip
def test_none_is_wrong(name, number):
    _, tally, _ = (documents.KINDS | states.KINDS)[name]
    result = tally(number)
    assert result.tried == number
    assert result.shown == ()


class Point(msgspec.Struct, forbid_unknown_fields=True):
    x: int = 0


def test_half_a_character_is_damage():
    for value, kind in (({"\ud800": 1}, Point), (["\ud800"], list[float]), ("\ud800", int)):
        with pytest.raises(DocumentError):
            checked(value, kind)
    scheduler = gs.torch.Scheduler(torch.optim.SGD([torch.ones(1)], 0.1), "linear * plateau", steps=9)
    state = scheduler.state_dict()
    for damaged in (state | {"times": ["\ud800"]}, state | {"\ud800": 1}, state | {"largest": "\udfff"}):
        with pytest.raises(gs.ScheduleError, match="damaged"):
            scheduler.load_state_dict(damaged)
        assert scheduler.state_dict() == state


# States of schedulers.


def single(tree):
    """What a tree holds, numbers as tensors of torch's default precision, lists as tuples."""
    if isinstance(tree, dict):
        return {key: single(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return tuple(map(single, tree))
    return torch.tensor(tree) if isinstance(tree, int | float) and not isinstance(tree, bool) else tree


def in_numpy(tree):
    if isinstance(tree, dict):
        return {key: in_numpy(value) for key, value in tree.items()}
    if isinstance(tree, list):
        whole = all(isinstance(item, float) for item in tree) and tree
        return np.array(tree) if whole else [in_numpy(item) for item in tree]
    return np.float64(tree) if isinstance(tree, float) else np.int64(tree) if isinstance(tree, int) else tree


def through_torch(state):
    file = io.BytesIO()
    torch.save(state, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)


WAYS = {
    "as it is": copy.deepcopy,
    "JSON": lambda state: json.loads(json.dumps(state)),
    "JSON, sorted": lambda state: json.loads(json.dumps(state, sort_keys=True)),
    "JSON without infinities": lambda state: json.loads(
        json.dumps(state).replace("-Infinity", "null").replace("Infinity", "null")
    ),
    "pickle": lambda state: pickle.loads(pickle.dumps(state)),
    "torch.save": through_torch,
    "tensors of single precision and tuples": single,
    "NumPy": in_numpy,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", range(len(documents.PLANS)))
def test_a_state_is_the_same_after_each_way_of_storing_it(way, number):
    saved, right = documents._saved(number)
    scheduler = documents._scheduler(number)
    scheduler.load_state_dict(WAYS[way](saved))
    np.testing.assert_allclose(documents._rates(scheduler), right, rtol=1e-6)
    assert scheduler.last_epoch > documents.UPDATES


def test_a_state_through_a_distributed_checkpoint(tmp_path):
    from torch.distributed import checkpoint

    saved, right = documents._saved(2)
    checkpoint.save({"scheduler": single(saved)}, checkpoint_id=tmp_path, no_dist=True)
    read = {"scheduler": single(copy.deepcopy(saved))}
    for group in read["scheduler"]["bases"]:
        group["lr"].zero_()
    checkpoint.load(read, checkpoint_id=tmp_path, no_dist=True)
    scheduler = documents._scheduler(2)
    scheduler.load_state_dict(read["scheduler"])
    np.testing.assert_allclose(documents._rates(scheduler), right, rtol=1e-6)


@pytest.mark.parametrize("number", range(len(documents.PLANS)))
def test_a_state_of_before_has_no_checksum_and_is_read(number):
    saved, right = documents._saved(number)
    old = {key: value for key, value in saved.items() if key != "checksum"}
    scheduler = documents._scheduler(number)
    scheduler.load_state_dict(old)
    assert documents._rates(scheduler) == right


@pytest.mark.parametrize(
    "state",
    [
        {"step": 30, "times": [10**30]}, {"step": 30, "times": [math.nan]}, {"step": 10**30}, {"step": math.inf},
        {"step": 10**400}, {"step": 3, "bases": [{"lr": -1.0}, {"lr": 0.1}]}, {"step": 3, "times": [3.0], "more": 1},
        {"step": 3, "bases": [{"lr": 1e300}, {"lr": 0.1}]}, {"step": 3, "bases": [{"x": 1.0}, {"lr": 0.1}]},
        {"step": 3, "largest": -1.0}, {"step": 3, "checksum": "0123456789abcdef"}, {"step": 3, 4: 5}, [1], None, "step",
        {"step": 3, "feedback_states": [{"0.factor": 5.0}]}, {"step": torch.ones(2)},
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_refused_changes_nothing(state):
    scheduler = documents._scheduler(2)
    before = documents._observed(scheduler)
    with pytest.raises(gs.ScheduleError):
        scheduler.load_state_dict(state)
    assert documents._observed(scheduler) == before


def test_a_changed_state_says_what_to_do_and_a_count_is_enough():
    saved, _ = documents._saved(0)
    scheduler = documents._scheduler(0)
    with pytest.raises(gs.ScheduleError, match=r'checksum doesn\'t match.*\{"step": 12\}'):
        scheduler.load_state_dict(saved | {"step": 12})
    scheduler.load_state_dict({"step": 20})
    assert scheduler.get_last_lr() == pytest.approx([0.05, 0.015])


def test_a_capturable_scheduler_refuses_and_stays_as_it_was():
    scheduler = gs.torch.CapturableScheduler(torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0), "linear",
                                             steps=10)  # fmt: skip
    saved = scheduler.state_dict() | {"step": 5}
    for state in (saved, {"step": 5, "times": [10**30]}, {"step": 5, "names": ["momentum"]}):
        with pytest.raises(gs.ScheduleError):
            scheduler.load_state_dict(state)
        assert scheduler.last_epoch == 0
        assert [float(rate) for rate in scheduler.get_last_lr()] == [1.0]
    scheduler.load_state_dict({key: value for key, value in saved.items() if key != "checksum"} | {"times": [5.0]})
    assert [float(rate) for rate in scheduler.get_last_lr()] == [0.5]


FEEDBACKS = (gs.plateau(patience=2, significance=0.05), gs.greedy(patience=1), gs.guard(), gs.plateau() * gs.greedy())


@given(st.sampled_from(FEEDBACKS), st.lists(st.floats(allow_nan=False), max_size=30))
@settings(max_examples=100, deadline=None)
def test_the_state_after_any_measurements_is_one_that_is_read(feedback, metrics):
    state = feedback.init()
    for metric in metrics:
        state = feedback.update(state, metric)
    assert feedback.restored(json.loads(json.dumps(state))) == state


@given(st.sampled_from(FEEDBACKS), st.data())
@settings(max_examples=200, deadline=None)
def test_a_state_of_a_feedback_is_refused_or_gives_a_factor(feedback, data):
    state = feedback.init()
    name = data.draw(st.sampled_from([*state, "other"]))
    state[name] = data.draw(st.sampled_from([math.nan, -1.0, 1e300, -math.inf, None, "1", [], 0.5, True, 10**400]))
    try:
        read = feedback.restored(state)
    except gs.FeedbackError:
        return
    assert 0 <= feedback.factor(read) <= 10.0


def test_positions_in_data_are_checked_before_anything_is_changed():
    growth = gs.batches.growth(gs.linear(), base=2, largest=4).over(8)
    batches = gs.torch.GrowingBatches(8, growth)
    for state in (None, [], {}, {"examples": True}, {"examples": 3}, {"examples": -2}, {"examples": 2, "more": 1},
                  {"examples": 10**30}, {"examples": "2"}):  # fmt: skip
        with pytest.raises(gs.BatchError):
            batches.load_state_dict(state)
        assert batches.state_dict() == {"examples": 0}
    batches.load_state_dict({"examples": torch.tensor(4)})
    assert batches.state_dict() == {"examples": 4}
    data = torch.utils.data.TensorDataset(torch.randn(8, 2), torch.randn(8, 1))
    model = torch.nn.Linear(2, 1)
    loader = torch.utils.data.DataLoader(data, batch_size=2, shuffle=True)
    job = gs.torch.Job(model, torch.optim.SGD(model.parameters(), lr=0.1), torch.nn.functional.mse_loss, loader, loader)
    job.step(0.1)
    state = job.state()
    for change in ({"data": {"taken": 10**30}}, {"data": {"taken": -1}}, {"data": None}, {"data": {"taken": 2}}):
        weights = copy.deepcopy(model.state_dict())
        with pytest.raises(gs.JobError):
            job.restore({**copy.deepcopy(state), "model": {}, **change})
        torch.testing.assert_close(model.state_dict(), weights, rtol=0, atol=0)
    with pytest.raises(gs.JobError, match="lacks buffers"):
        job.restore({"model": {}})
    job.restore(state)


# Files of laws.


def resealed(file, **changes):
    document = unsealed(file.read_text()) | changes
    file.with_name("changed.json").write_text(sealed(document))
    return file.with_name("changed.json")


def moved(by):
    """A covariance with one entry moved."""
    covariance = documents._law()[0].covariance.copy()
    covariance[0, 1] += by
    return covariance.tolist()


@pytest.mark.parametrize(
    "changes",
    [
        {"covariance": (-np.eye(len(NAMES))).tolist()}, {"covariance": moved(1e-5)}, {"covariance": [[1.0]]},
        {"covariance": (np.ones((len(NAMES),) * 2) - 2 * np.eye(len(NAMES))).tolist()}, {"covariance": None},
        {"parameters": dict.fromkeys(NAMES, 0.0)}, {"parameters": {**dict.fromkeys(NAMES, 1.0), "more": 1.0}},
        {"parameters": dict.fromkeys(NAMES, "1")}, {"fitted": []}, {"noise": -0.1}, {"unit": 0.0}, {"notes": "a"},
        {"notes": [1]}, {"batch_size": -1.0}, {"baseline": "x"}, {"more": 1}, {"glideslope_law": True},
        {"fitted": [{"name": "a", "peak": 1.0, "steps": 1.5, "points": 1}]}, {"reference": 1e200},
    ],
    ids=lambda changes: str(changes)[:40],
)  # fmt: skip
def test_a_law_that_is_sealed_is_checked_all_the_same(changes):
    documents._law()
    with pytest.raises(gs.LawError):
        laws.load(resealed(documents._folder() / "law.json", **changes))


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"1", b"[" * 10**5, b'{"a":' * 10**5, b"\xff\xfe", b'{"glideslope_law": 3}',
                b'{"glideslope_law": [3]}', b'{"glideslope_law": 3, "glideslope_law": 3}', b'"glideslope_law"'],
)  # fmt: skip
def test_what_is_no_law(tmp_path, content):
    (tmp_path / "law.json").write_bytes(content)
    with pytest.raises(gs.LawError):
        laws.load(tmp_path / "law.json")


def test_a_law_of_the_version_before_is_read_with_a_note():
    law, content = documents._law()
    document = unsealed(content) | {"glideslope_law": 2}
    del document["parameters"]["h"]
    file = documents._folder() / "old.json"
    file.write_text(json.dumps(document))
    read = laws.load(file)
    assert "without a checksum" in read.notes[-1]
    np.testing.assert_array_equal(read.covariance, law.covariance)
    assert read.parameters == law.parameters | {"h": 0.6}
    file.write_text(json.dumps(document | {"noise": -1}))
    with pytest.raises(gs.LawError, match="noise"):
        laws.load(file)


# Schedules.


@pytest.mark.parametrize(
    "text",
    ["plateau", "greedy(patience=3)", "guard", "growth(base=2, largest=4)", "plateau * greedy", "2 * cosine * plateau",
     "linear.over(9) * growth", "constant(9007199254740993)"],
)  # fmt: skip
def test_feedbacks_and_growths_have_a_json_form_too(text):
    value = gs.parse(text)
    assert gs.from_json(gs.to_json(value)) == value


@pytest.mark.parametrize(
    "document",
    [
        {"factors": []}, {"factors": {}}, {"factors": "plateau"}, {"factors": None, "schedule": {"name": "cosine"}},
        {"schedule": {"name": "cosine", "arguments": []}}, {"schedule": {"name": "cosine", "arguments": None}},
        {"schedule": {"name": {}}}, {"schedule": {"name": "clip", "arguments": {"schedule": 1}, "schedule": {}}},
        {"factors": [{"name": "plateau", "arguments": [1]}]}, {"factors": [{"name": "growth"}, {"name": "growth"}]},
        {"schedule": {"name": "cosine"}, "factors": [{"name": "growth"}, {"name": "plateau"}]},
        {"schedule": {"product": [{"name": "constant", "arguments": {"factor": 1e29}}] * 2}},
    ],
    ids=str,
)  # fmt: skip
def test_a_document_of_the_wrong_shape_is_our_error(document):
    with pytest.raises(gs.GlideslopeError):
        gs.from_json(json.dumps({"version": 1, **document}))


@pytest.mark.parametrize(
    "text", ['{"version": 1, "version": 1, "schedule": {"name": "cosine"}}', "9" * 10**4, b"\xff", None, 3,
             '{"version": true, "schedule": {"name": "cosine"}}', "[" * 10**5,
             '{"version": 1, "schedule": {"scale": NaN, "schedule": {"name": "cosine"}}}'],
    ids=lambda text: str(text)[:20],
)  # fmt: skip
def test_invalid_json_is_refused(text):
    with pytest.raises(gs.ScheduleError):
        gs.from_json(text)


def test_a_schedule_is_written_only_as_deep_as_it_is_read():
    schedule = gs.linear(10)
    for _ in range(80):
        schedule = gs.max(schedule)
    assert gs.from_json(gs.to_json(schedule)) == schedule
    for _ in range(80):
        schedule = gs.max(schedule)
    with pytest.raises(gs.ScheduleError, match="deep"):
        gs.to_json(schedule)


# No infinite factors.

LARGE = st.sampled_from([0.0, 1e-300, 1.0, 3.0, 1e9, 1e20, 1e29, 1e30, 1e31, 1e200, 1.7e308])
COMBINE = st.sampled_from(
    [
        lambda a, b, k: a * b, lambda a, b, k: a + b, lambda a, b, k: k * a, lambda a, b, k: a / (k or 1),
        lambda a, b, k: gs.max(a, b), lambda a, b, k: gs.min(a, b), lambda a, b, k: a.noise(1.0),
        lambda a, b, k: a.lasting(30) >> b, lambda a, b, k: a.lasting(30) >> b.continued(), lambda a, b, k: a.clip(k),
        lambda a, b, k: a.lasting(9).repeat(3, ratio=max(k, 1e-9)), lambda a, b, k: a.reverse(),
        lambda a, b, k: a.skip(7), lambda a, b, k: a.over(50),
    ]
)  # fmt: skip
PIECES = st.builds(gs.warmup, st.just(9), start=LARGE.filter(lambda k: k <= 1e30), peak=st.just(1e28)) | schedules


@given(PIECES, st.lists(st.tuples(COMBINE, PIECES, LARGE), max_size=6))
@settings(max_examples=200, deadline=None)
def test_no_combination_of_finite_schedules_is_infinite(schedule, steps):
    for combine, other, number in steps:
        try:
            schedule = combine(schedule, other, number)
        except gs.ScheduleError:
            continue
    try:
        whole = schedule.within(10_000)
        bound = whole.most(1.0)
        factors = whole(np.concatenate([np.arange(60), [10_000, 10**9]]))
        numbers = [whole(t) for t in (0, 0.5, 10**9)]
    except gs.ScheduleError:
        return
    assert bound <= 1e30
    assert np.all(np.isfinite(factors))
    assert np.all((factors >= 0) & (factors <= bound * (1 + 1e-9)))
    assert all(0 <= number <= bound * (1 + 1e-9) for number in numbers)


@pytest.mark.parametrize(
    "make",
    [
        lambda: gs.constant(1e200) * gs.constant(1e200), lambda: gs.constant(1e20) * gs.constant(1e20),
        lambda: gs.constant(9e29) + gs.constant(9e29), lambda: 1e20 * (1e20 * gs.linear()),
        lambda: gs.linear() / 1e-200, lambda: gs.linear() / 0, lambda: 10**400 * gs.linear(),
        lambda: gs.constant(10**400), lambda: gs.linear(10**400),
        lambda: gs.linear(final=1e31), lambda: gs.noam(1, width=1e-300), lambda: gs.linear().over(10**400),
        lambda: gs.linear().over(5, gs.Clock(tokens_per_step=10**400)),
        lambda: gs.parse("constant(1e200)*constant(1e200)"),
        lambda: gs.linear() * gs.greedy(ceiling=1e20) * gs.greedy(ceiling=1e20), lambda: gs.plateau(patience=math.inf),
    ],
)  # fmt: skip
def test_what_could_be_infinite_is_refused_where_it_is_made(make):
    with pytest.raises(gs.GlideslopeError):
        make()


def test_a_chebyshev_of_any_ratio_and_length_is_finite():
    for ratio in (1, 20, 1e10, 1e20, 1e30):
        values = gs.chebyshev(2**40, ratio=ratio)(np.arange(0, 2**40, 2**36 - 1))
        assert np.all(np.isfinite(values))
        assert np.all((values > 0) & (values <= 1 + 1e-9))


# Logs.


def test_damaged_records_are_counted_and_the_others_kept():

    right, content = documents._events()
    assert read_records(content).sound == content
    assert read_records(content).damaged == 0
    folder = documents._folder() / "one"
    folder.mkdir(exist_ok=True)
    for place in (len(content) // 2, len(content) // 2 + 9, len(content) // 2 + 20):
        (folder / "events.out.tfevents.2").write_bytes(
            content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]
        )
        read = laws.read(folder)
        assert any("1 record is damaged" in note for note in read.notes)
        assert 39 <= len(read.runs[0].loss) <= len(right.runs[0].loss) == 40
    (folder / "events.out.tfevents.2").write_bytes(content[:-5])
    assert any("no whole record" in note for note in laws.read(folder).notes)


def test_rows_in_a_quote_that_is_not_closed_are_noted(tmp_path):
    rows = [f"{step},{0.1 - step / 2000:g},{2 + 1 / step:g},a" for step in range(5, 105, 5)]
    rows[7] = rows[7].replace(",2.", ',"2.')
    (tmp_path / "run.csv").write_text("\n".join(["step,lr,loss,comment", *rows]) + "\n")
    read = laws.read(tmp_path / "run.csv")
    assert "line 9: a quote isn't closed" in "".join(read.notes)
    assert "12 rows" in "".join(read.notes)


@pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o027, 0o640), (0o002, 0o664)])
def test_a_written_file_has_the_mode_that_the_user_s_mask_leaves(mask, mode, tmp_path):
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "law.json", "{}")
    finally:
        os.umask(before)
    assert (tmp_path / "law.json").stat().st_mode & 0o777 == mode
    assert [file.name for file in tmp_path.iterdir()] == ["law.json"]
