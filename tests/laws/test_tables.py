"""Tables of final losses as others write them: names, forms, and what can't be told apart."""

import json
import math

import numpy as np
import pytest

import glideslope as gs
from glideslope import laws
from glideslope.cli import run as glideslope
from glideslope.documents import sealed
from glideslope.laws.columns import is_of_losses
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


def diverging():
    return [row | {"loss": math.nan} if row["peak_lr"] > 3e-3 else row for row in ROWS]


@pytest.mark.parametrize("rows", [ROWS, diverging()])
def test_a_saved_law_is_read_as_it_was(rows, tmp_path):
    law, path = laws.fit_table(rows), tmp_path / "law.json"
    law.save(path)
    assert laws.load_table(path) == law
    document = json.loads(path.read_text())
    for changes in ({"noise": -1.0}, {"place": [1.0]}, {"glideslope_table_law": 2}, {"edges": [[1.0]]}):
        path.write_text(sealed({name: value for name, value in (document | changes).items() if name != "checksum"}))
        with pytest.raises(gs.LawError, match="fit it again"):
            laws.load_table(path)
    path.write_text(json.dumps(document | {"noise": 0.5}))
    with pytest.raises(gs.LawError, match="checksum"):
        laws.load_table(path)


@pytest.fixture
def grid(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [",".join(map(str, row.values())) for row in diverging()]
    (tmp_path / "grid.csv").write_text("\n".join(["N,D,bs,lr,final_loss", *lines]) + "\n")
    assert glideslope(["fit", "grid.csv"]) == 0
    return tmp_path


def test_the_commands_on_a_table_say_what_the_law_does(grid, capsys):
    law = laws.fit_table(diverging())
    capsys.readouterr()
    assert glideslope(["design", "law.json", "--params", "40M", "--tokens", "3B", "--json"]) == 0
    said, best = json.loads(capsys.readouterr().out), law.best(4e7, 3e9)
    assert (said["peak"], said["batch"], said["final_loss"]) == pytest.approx((best.peak, best.batch, best.loss))
    (grid / "cells.csv").write_text("params,tokens,batch,peak_lr\n4e7,3e9,8e4,4e-3\n40M,3B,80k,1e-3\n")
    assert glideslope(["rank", "law.json", "cells.csv", "--json"]) == 0
    ranked = json.loads(capsys.readouterr().out)["candidates"]
    assert [entry["peak_lr"] for entry in ranked] == [1e-3, 4e-3]
    losses_of_cells = law.predict(4e7, 3e9, 8e4, [1e-3, 4e-3])
    assert [entry["final_loss"] for entry in ranked] == pytest.approx(losses_of_cells.tolist())
    assert glideslope(["rank", "law.json", "cells.csv"]) == 0
    assert "diverge" in capsys.readouterr().err


def test_the_size_for_an_amount_of_compute_is_where_the_loss_is_least(grid, capsys):
    law = laws.fit_table(diverging())
    capsys.readouterr()
    assert glideslope(["design", "law.json", "--flops", "1e18", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert 6 * said["params"] * said["tokens"] == pytest.approx(1e18)
    sizes = np.geomspace(0.5e7, 1.6e8, 41)
    least = min(law.best(size, 1e18 / (6 * size)).loss for size in sizes)
    assert said["final_loss"] == pytest.approx(least, rel=1e-3)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["fit", "law.json"], "law.json holds no runs, but a law of final losses: design takes it with --params"),
        (["fit", "grid.csv", "--schedule", "cosine", "--peak", "1"], "final losses, fitted without --schedule"),
        (["fit", "lacks.csv"], "no column batch"),
        (["predict", "law.json", "cosine", "--peak", "1e-3", "--steps", "9"], "is a law of final losses"),
        (["design", "law.json", "--steps", "9"], "is a law of final losses"),
        (["design", "law.json", "--params", "4e7"], "give --params and --tokens, or --flops"),
        (["design", "law.json", "--flops", "-1"], "flops=-1.0: give a number above 0"),
        (["design", "law.json", "--params", "4e7", "--tokens", "1e9", "--floor", "0.1"], "--floor is for a law of"),
        (["rank", "law.json", "lacks.csv"], "no column batch"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(grid, args, says, capsys):
    (grid / "lacks.csv").write_text("params,tokens,peak_lr,loss\n4e7,3e9,1e-3,3\n")
    capsys.readouterr()
    assert glideslope(args) == 2
    line = capsys.readouterr().err.strip().split("\n")
    assert len(line) == 1
    assert says in line[0]


@pytest.mark.parametrize(
    "columns", ["step,lr,loss", "step,params,tokens,batch,lr,loss", "N,D,lr,bs", "run,params,batch"]
)
def test_logs_and_other_tables_are_no_tables_of_final_losses(columns, tmp_path):
    (tmp_path / "a.csv").write_text(f"{columns}\n{','.join('1' * (1 + columns.count(',')))}\n")
    assert not is_of_losses(tmp_path / "a.csv")
    assert not is_of_losses(tmp_path)
