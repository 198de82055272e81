"""What laws are made of are values: equal by content, hashable, and not changed by who made them."""

import copy
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import glideslope as gs
from glideslope import laws
from glideslope.documents import sealed
from glideslope.laws.knots import Knots
from tests.laws.test_laws import made, parameters, runs


def run(**changes):
    given_ = {"lr": np.full(10, 0.1), "step": np.array([2.0, 5.0]), "loss": np.array([3.0, 2.5]), "name": "a"} | changes
    return laws.Run(**given_)


CHANGES = (
    {"lr": np.full(10, 0.2)}, {"lr": np.full(11, 0.1)}, {"step": [2, 6]}, {"loss": [3.0, 2.4]}, {"name": "b"},
    {"final_loss": 2.0}, {"batch_size": 8}, {"batch_size": np.full(10, 8)}, {"step": [2], "loss": [3.0]},
)  # fmt: skip


def test_runs_are_equal_by_what_they_hold():
    assert run() == run()
    assert hash(run()) == hash(run())
    assert len({run(), run(), *(run(**change) for change in CHANGES)}) == 1 + len(CHANGES)
    for change in CHANGES:
        assert run(**change) != run()
        assert run(**change) == run(**change)
    assert run() != "a run"
    assert laws.Read([run()], ()) == laws.Read([run()], ())
    assert run() in [run(name="b"), run()]


@given(arrays(float, 4, elements=st.floats(0.1, 10)), arrays(float, 3, elements=st.sampled_from([1.0, 2.0])))
def test_equality_is_that_of_the_arrays(lr, loss):
    one, other = laws.Run(lr, [1, 2, 3], loss), laws.Run(lr.tolist(), [1.0, 2.0, 3.0], loss.copy())
    assert one == other
    assert hash(one) == hash(other)
    changed = laws.Run(lr, [1, 2, 3], loss + np.array([0, 0, 1]))
    assert one != changed


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, replace, lambda own: pickle.loads(pickle.dumps(own))])
def test_copies_are_equal(copied):
    law = laws.fit(runs(parameters(0)))
    for value in (run(batch_size=4), law, Knots.of(np.full(50, 0.1), np.array([10.0]), 0.1, 5.0)):
        assert copied(value) == value
        assert hash(copied(value)) == hash(value)


def test_laws_and_knots_are_equal_by_what_they_hold():
    law, again = (laws.fit(runs(parameters(0))) for _ in range(2))
    assert law == again
    assert hash(law) == hash(again)
    assert law != replace(law, noise=1.0)
    assert law != replace(law, covariance=2 * law.covariance)
    knots, same, other = (Knots.of(np.full(50, rate), np.array([10.0]), 0.1, 5.0) for rate in (0.1, 0.1, 0.2))
    assert knots == same
    assert knots != other


def test_what_the_caller_changes_later_changes_nothing():
    lr, step, loss, sizes = np.full(10, 0.1), np.array([2.0, 5.0]), np.array([3.0, 2.5]), np.full(10, 8.0)
    kept = laws.Run(lr, step, loss, batch_size=sizes)
    for array in (lr, step, loss, sizes):
        array[:] = 1
    assert kept == laws.Run(np.full(10, 0.1), [2, 5], [3.0, 2.5], batch_size=np.full(10, 8.0))
    matrix, by_name = np.eye(12), parameters(0)
    law = replace(made(by_name), covariance=matrix)
    matrix[:] = 5
    by_name["A"] = 5.0
    assert law == replace(made(parameters(0)), covariance=np.eye(12))


def test_arrays_that_are_kept_are_read_only():
    columns = np.asfortranarray(np.full((5, 2), 0.1))
    kept = laws.Run(columns, [2, 5], [3.0, 2.5], batch_size=np.full(10, 8.0))
    for array in (kept.lr, kept.step, kept.loss, kept.batch_size, laws.fit(runs(parameters(0))).covariance):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 1
    with pytest.raises(gs.LawError):
        laws.Run([], [], [])


@pytest.mark.parametrize("runs", [["a.csv"], "a.csv", [None], [np.ones(3)]])
def test_what_is_no_run_is_refused_with_what_to_give(runs):
    with pytest.raises(gs.LawError, match=r"is no Run: laws\.read\(path\)"):
        gs.laws.fit(runs)


@pytest.mark.parametrize("lr", ["cosine", gs.linear(), None, {"lr": 1}, ["a"]])
def test_what_are_no_rates_is_refused_with_what_to_give(lr):
    with pytest.raises(gs.LawError, match=r"has no rates|a number from 0"):
        made(parameters(0)).predict(lr, 5)


def test_a_law_keeps_the_curves_of_its_runs_in_its_file(tmp_path):
    read = runs(parameters(0), noise=0.002, every=4)
    law = laws.fit(read)
    law.save(tmp_path / "law.json")
    assert laws.load(tmp_path / "law.json") == law
    for one, fitted in zip(read, law.fitted, strict=True):
        step, loss = map(np.array, fitted.means)
        assert 24 <= len(step) <= 200
        np.testing.assert_allclose(loss, np.interp(step, one.step, one.loss), rtol=0.01)


@pytest.mark.parametrize(
    "means", [[[10, 5], [3, 2]], [[10], [3, 2]], [[0], [3]], [[10, 4001], [3, 2]], [[10], ["a"]], [[-1], [2]]]
)
def test_a_curve_that_no_run_has_is_refused(tmp_path, means):
    laws.fit(runs(parameters(0))).save(tmp_path / "law.json")
    document = json.loads((tmp_path / "law.json").read_text())
    document["fitted"][0]["means"] = means
    del document["checksum"]
    (tmp_path / "law.json").write_text(sealed(document))
    with pytest.raises(gs.LawError, match="damaged"):
        laws.load(tmp_path / "law.json")
