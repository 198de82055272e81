"""Tables of final losses as others write them: names, forms, and what can't be told apart."""

import math

import numpy as np
import pytest

import glideslope as gs
from glideslope import laws
from tests.laws.test_size_laws import losses

ROWS = list(losses())


class Frame(dict):
    """A table by columns, as a data frame is one."""

    @property
    def columns(self):
        return list(self)


NAMES = (
    ("N", "D", "bs", "lr", "smooth loss"),
    ("n_params", "train_tokens", "Batch Size", "Max LR", "Val Loss"),
    ("Parameters", "Num-Tokens", "tokens per step", "Learning Rate", "final_val_loss"),
    ("config/params", "config/tokens", "config/batch_size", "config/learning_rate", "summary/val_loss"),
    ("model.n_params", "data.train_tokens", "data.tokens-per-step", "optimizer.lr", "val/loss"),
)


@pytest.mark.parametrize("form", [list, dict, Frame])
@pytest.mark.parametrize("names", NAMES)
def test_a_table_by_other_names_and_forms(names, form):
    rows = [dict(zip(names, row.values(), strict=True)) for row in ROWS]
    table = rows if form is list else form({name: np.array([row[name] for row in rows]) for name in names})
    assert np.array_equal(laws.fit_table(table).place, laws.fit_table(ROWS).place)


def test_a_whole_name_counts_before_the_end_of_one():
    names = ("config/params", "tokens", "batch", "lr", "val/loss")
    rows = [{"train/loss": 9.0} | dict(zip(names, row.values(), strict=True)) for row in ROWS]
    assert np.array_equal(laws.fit_table(rows).place, laws.fit_table(ROWS).place)


class Indexed(Frame):
    """A data frame of pandas whose index has names."""

    @property
    def index(self):
        return type("Index", (), {"names": ["params"]})

    def reset_index(self):
        return Frame(self | {"params": [row["params"] for row in ROWS]})


class Lazy:
    """A data frame of polars that isn't computed yet."""

    def collect(self):
        return Frame({name: [row[name] for row in ROWS] for name in ROWS[0]})


def test_a_table_in_the_forms_of_other_libraries():
    expected, names = laws.fit_table(ROWS).place, list(ROWS[0])
    array = np.array([tuple(row.values()) for row in ROWS], dtype=[(name, float) for name in names])
    frame = Lazy().collect()
    for table in (Lazy(), Indexed({name: frame[name] for name in names[1:]}), array, array.view(np.recarray)):
        assert np.array_equal(laws.fit_table(table).place, expected)
    with pytest.raises(gs.LawError, match="has no rows"):
        laws.fit_table(Frame({name: [] for name in names}))
    twice = type("Twice", (Frame,), {"columns": [*names, "loss"]})(frame)
    with pytest.raises(gs.LawError, match="two columns loss"):
        laws.fit_table(twice)


@pytest.mark.parametrize("empty", [None, math.nan, np.float32("nan"), ""])
def test_an_empty_weight_decay_is_none(empty):
    run = laws.Run.from_schedule("hold", peak=1e-3, steps=100, step=[50, 100], loss=[3.0, 2.0], name="a")
    [sized] = laws.sized([run], [{"run": "a", "params": 124e6, "wd": empty}])
    assert sized.weight_decay is None


@pytest.mark.parametrize("most", [1e-3, 2e-3, 4e-3])
def test_the_best_peak_is_one_tried_and_the_batch_is_the_best_at_it(most):
    law = laws.fit_table([row for row in ROWS if row["peak_lr"] <= most])
    for params, tokens in {(row["params"], row["tokens"]) for row in ROWS}:
        at = law.best(params, tokens)
        assert at.peak <= most * (1 + 1e-9)
        batches = np.geomspace(*law.ranges[2], 50)
        peaks = [law.best(params, tokens, batch).peak for batch in batches]
        assert max(peaks) <= most * (1 + 1e-9)
        assert at.loss <= law.predict(params, tokens, batches, peaks).min() * (1 + 1e-4)


@pytest.mark.parametrize("names", [("run", "params", "batch"), ("Curve", "Model Size", "tokens-per-batch"),
                                   ("run_name", "N", "tokens_per_step")])  # fmt: skip
def test_a_table_of_sizes_by_other_names_and_forms(names, tmp_path):
    run = laws.Run.from_schedule("hold", peak=1e-3, steps=100, step=[50, 100], loss=[3.0, 2.0], name="a")
    cells = ("a", "124M", "0.5M")
    (tmp_path / "sizes.csv").write_text(f"{','.join(names)}\n{','.join(cells)}\n")
    by_column = {name: [cell] for name, cell in zip(names, cells, strict=True)}
    for table in (tmp_path / "sizes.csv", [dict(zip(names, cells, strict=True))], by_column, Frame(by_column)):
        [sized] = laws.sized([run], table)
        assert (sized.params, float(np.max(sized.run.batch_size))) == (124e6, 5e5)


def test_a_batch_in_sequences_is_refused_in_a_table_of_sizes():
    run = laws.Run.from_schedule("hold", peak=1e-3, steps=100, step=[50, 100], loss=[3.0, 2.0], name="a")
    with pytest.raises(gs.LawError, match="bs=64 seems to count sequences: give tokens_per_step"):
        laws.sized([run], [{"run": "a", "params": 124e6, "bs": 64}])


def test_a_valley_that_short_runs_have_steeper():
    def steeper(row):
        best = min(other["loss"] for other in ROWS if all(other[k] == row[k] for k in ("params", "tokens")))
        return row | {"loss": best * (row["loss"] / best) ** (row["tokens"] / 3e9) ** -0.6}

    law = laws.fit_table([steeper(row) for row in ROWS])

    def rise(tokens):
        at = law.best(1e7, tokens)
        return math.log(float(law.predict(1e7, tokens, at.batch, at.peak / 3)[0]) / at.loss)

    assert rise(1e9) / rise(3e9) == pytest.approx(3**0.6, rel=0.1)


@pytest.mark.parametrize(
    ("kept", "says"),
    [
        (lambda row: row["tokens"] == {1e7: 1e9, 4e7: 3e9}[row["params"]], "1e+07 parameters over 3e+09"),
        (
            lambda row: row["batch"] == {1e7: 1e4, 4e7: 8e4}[row["params"]],
            "1e+07 parameters in 80000",
        ),
        (lambda row: row["batch"] > 6e5, "the smallest or the largest batch tried"),
        (lambda row: row["peak_lr"] < 2e-3, "the smallest or the largest peak tried"),
    ],
)
def test_what_a_table_can_not_tell_is_noted(kept, says):
    assert not laws.fit_table(ROWS).notes
    notes = laws.fit_table([row for row in ROWS if kept(row)]).notes
    assert any(says in note for note in notes), notes


def test_a_peak_for_each_size_tells_nothing():
    peaks = {(params, tokens): peak for (params, tokens), peak in zip(
        sorted({(row["params"], row["tokens"]) for row in ROWS}), (5e-4, 1e-3, 2e-3, 4e-3), strict=True)}  # fmt: skip
    with pytest.raises(gs.LawError, match="peaks can't be told from sizes: add two to each"):
        laws.fit_table([row for row in ROWS if row["peak_lr"] == peaks[row["params"], row["tokens"]]])


def test_the_best_batch_is_one_of_the_table_or_larger_by_as_many_times_as_the_tokens():
    small = laws.fit_table([row for row in ROWS if row["batch"] > 3e5])  # above the best, of 1e5 and 1.7e5
    assert small.best(1e7, 1e9).batch == pytest.approx(3.2e5)
    large = laws.fit_table([row for row in ROWS if row["batch"] < 9e4])
    assert large.best(1e7, 3e9).batch == pytest.approx(8e4)
    assert large.best(4e7, 1.2e10).batch <= 4.01 * 8e4
    best = small.best(1e7, 1e9)
    peaks = np.geomspace(best.peak / 4, 4 * best.peak, 401)
    lowest = peaks[np.argmin(small.predict(1e7, 1e9, best.batch, peaks))]
    assert math.log(best.peak / lowest) == pytest.approx(0.0, abs=0.01)
