"""Logs in odd forms: each file and each run in it is read, or named in a note or an error; nothing vanishes."""

import csv
import io
import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs
from glideslope import laws
from glideslope.laws.logs.names import RUN, normal, role

STEPS = list(range(100, 2001, 50))
HEADER = "step,lr,loss"


def rate(step):
    return 1e-3 if step < 1600 else 1e-3 * (2000 - step) / 400


def loss(step, offset=0.0):
    return round(3 + 20 / math.sqrt(step) + offset - 0.1 * (step > 1600), 5)


def rows(offset=0.0):
    return [(step, rate(step), loss(step, offset)) for step in STEPS]


def losses(offset=0.0):
    return [loss(step, offset) for step in STEPS]


def text(lines, header=HEADER, separator=",", end="\n"):
    return end.join([header.replace(",", separator), *(separator.join(map(str, line)) for line in lines), ""])


def save(folder, **files):
    """Files by name, a double underscore in the place of the point; the paths."""
    paths = []
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        paths.append(path)
    return paths


def saved(folder, content, name="a.csv"):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return [folder / name]


COMMENTED = "# a job\n# its seed is 0\n" + text(rows())
TEXTS = {
    "reordered": text([row[::-1] for row in rows()], "loss,lr,step"),
    "with a byte order mark": "\ufeff" + text(rows()),
    "of Windows": text(rows(), end="\r\n"),
    "of an old Macintosh": text(rows(), end="\r"),
    "quoted": text([[f'"{cell}"' for cell in row] for row in rows()], '"step","lr","loss"'),
    "in capitals": text(rows(), "STEP,LR,Loss"),
    "in UTF-16": text(rows()).encode("utf-16"),
    "with comments": COMMENTED,
    "with tabs": text(rows(), separator="\t"),
    "with semicolons and decimal commas": text(rows(), separator=";").replace(".", ","),
    "with bars": text(rows(), separator="|"),
    "with an index": text([(i, *row) for i, row in enumerate(rows())], ",step,lr,loss"),
    "with commas at the ends": text([(*row, "") for row in rows()], "step,lr,loss,"),
    "with blank lines": text(rows()).replace("\n", "\n\n"),
    "with its header again, as after a resume": text(rows()[:20]) + text(rows()[20:]),
    "with validation in rows of its own": text(
        [line for s, r, v in rows() for line in ((s, r, v, ""), *([(s, "", "", v + 1)] if s % 500 == 0 else []))],
        "step,lr,loss,val_loss",
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", TEXTS)
def test_a_table_in_any_form(form, tmp_path):
    [run] = laws.read(saved(tmp_path, TEXTS[form])).runs
    np.testing.assert_array_equal(run.step, STEPS)
    np.testing.assert_allclose(run.loss, losses(), rtol=1e-12)
    np.testing.assert_allclose(run.lr[STEPS[:-1]], [rate(step) for step in STEPS[:-1]], rtol=1e-9)
    assert run.notes == ()


LINES = {
    "savetxt.txt": "# step lr loss\n" + "\n".join(f"{s:.6e} {r:.6e} {v:.6e}" for s, r, v in rows()),
    "nested.jsonl": "\n".join(json.dumps({"step": s, "train": {"loss": v, "lr": r}}) for s, r, v in rows()),
    "list.json": json.dumps([{"step": s, "loss": v, "lr": r} for s, r, v in rows()]),
    "lists.json": json.dumps({"step": STEPS, "loss": losses(), "lr": [rate(s) for s in STEPS]}),
    "info.log": "\n".join(
        f"2024-01-01 10:00:00 INFO step {s} | loss {v:.5f} | aux loss 0.01 | lr {r:.3e} | loss scale 1"
        for s, r, v in rows()
    ),
    "tutorial.log": "Starting\n"
    + "\n".join(f"Epoch [1/1], Step [{s}/2000], Loss: {v:.5f}, LR: {r:.3e}" for s, r, v in rows()),
    "colours.log": "\n".join(f"\x1b[32mstep {s}\x1b[0m loss \x1b[1m{v:.5f}\x1b[0m lr {r:.3e}" for s, r, v in rows()),
    "thousands.log": "\n".join(f"step {s:,}, loss {v:.5f}, lr {r:.3e}" for s, r, v in rows()),
    "progress.log": "\r".join(f"step {s}: loss={v:.5f},lr={r:.3e}" for s, r, v in rows()),
    "equal.log": "\n".join(f"iter={s} loss={v:.5f} lr={r:.3e} time=3.1ms" for s, r, v in rows()),
    "fairseq.log": "\n".join(
        f"| INFO | train_inner | epoch 001: {s} / 9000 loss={v:.5f}, ppl=9, num_updates={s}, lr={r:.3e}"
        for s, r, v in rows()
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LINES)
def test_what_scripts_print(name, tmp_path):
    [run] = laws.read(saved(tmp_path, LINES[name], name)).runs
    np.testing.assert_array_equal(run.step, STEPS)
    np.testing.assert_allclose(run.loss, losses(), rtol=1e-6)
    np.testing.assert_allclose(run.lr[STEPS[:-1]], [rate(step) for step in STEPS[:-1]], rtol=1e-3)


def test_what_transformers_prints_counts_epochs(tmp_path):
    lines = [str({"loss": v, "learning_rate": r, "epoch": s / 1000}) for s, r, v in rows()]
    paths = saved(tmp_path, "\n".join(lines), "out.log")
    with pytest.raises(gs.LawError, match="steps_per_epoch"):
        laws.read(paths)
    [run] = laws.read(paths, steps_per_epoch=1000).runs
    np.testing.assert_array_equal(run.step, STEPS)
    for wrong in (0, -1, math.nan):
        with pytest.raises(gs.LawError, match=r"steps_per_epoch=.*: give a number above 0"):
            laws.read(paths, steps_per_epoch=wrong)


def test_a_decimal_comma_in_a_line_is_no_number(tmp_path):
    lines = [f"step {s} loss {v:.5f} lr {r:.3e}" for s, r, v in rows()]
    lines[5] = "step 350 loss 4,069 lr 1.000e-03"
    read = laws.read(saved(tmp_path, "\n".join(lines), "out.log")[0])
    assert len(read.runs[0].loss) == len(STEPS) - 1
    assert any("1 point without a number" in note for note in read.notes)


def test_a_loss_that_is_no_number_in_a_line_is_said(tmp_path):
    lines = [f"step {s} loss {'nan' if s == 500 else v} lr {r:.3e}" for s, r, v in rows()]
    read = laws.read(saved(tmp_path, "\n".join(lines), "out.log"))
    assert len(read.runs[0].loss) == len(STEPS) - 1
    assert any("1 point without a number" in note for note in read.notes)


def test_columns_of_a_metric_or_key_hide_no_run(tmp_path):
    """Two tables that have such a column beside step, lr and loss were read as one run."""
    for name in ("metric", "key", "tag", "value", "x - y", "a - loss"):
        header = f"{HEADER},{name}"
        paths = save(tmp_path, a__csv=text([(*row, "m") for row in rows()], header),
                     b__csv=text([(*row, "m") for row in rows(0.3)], header))  # fmt: skip
        assert [run.loss.tolist() for run in laws.read(paths).runs] == [losses(), losses(0.3)]


def test_charts_of_one_name_are_not_laid_over_each_other(tmp_path):
    rates = text([(s, r) for s, r, _ in rows()], "Step,x - lr")
    one, other = (text([(s, v) for s, _, v in rows(offset)], "Step,x - loss") for offset in (0, 0.3))
    paths = save(tmp_path, a__csv=rates, b__csv=one, c__csv=other)
    for order in itertools.permutations(paths):
        with pytest.raises(gs.LawError, match=r"x: 'loss' is in .* and in .* two runs"):
            laws.read(order)
    again = laws.read(save(tmp_path, a__csv=rates, b__csv=one, c__csv=one))
    assert [run.loss.tolist() for run in again.runs] == [losses()]
    assert any("read once" in note for note in again.notes)
    both = [text([(*row,) for row in rows(offset)], "Step,x - lr,x - loss") for offset in (0, 0.3)]
    found = laws.read(save(tmp_path, a__csv=both[0], b__csv=both[1])).runs
    assert [run.loss.tolist() for run in found] == [losses(), losses(0.3)]
    assert len({run.name for run in found}) == 2
    with pytest.raises(gs.LawError, match="two columns are named 'x - loss'"):
        laws.read(saved(tmp_path, text([(*row, row[2] + 1) for row in rows()], "Step,x - lr,x - loss,x - loss")))
    with pytest.raises(gs.LawError, match="y has no column of the lr"):
        laws.read(saved(tmp_path, text([(*row, row[2] + 1) for row in rows()], "Step,x - lr,x - loss,y - loss")))


def test_metrics_without_a_run_are_not_laid_over_each_other(tmp_path):
    def metric(name, values):
        return text([(name, value, step) for step, value in zip(STEPS, values, strict=True)], "key,value,step")

    rates = metric("lr", map(rate, STEPS))
    [run] = laws.read(save(tmp_path, a__csv=rates, b__csv=metric("loss", losses()))).runs
    assert run.loss.tolist() == losses()
    with pytest.raises(gs.LawError, match="two runs"):
        laws.read(save(tmp_path, a__csv=rates, b__csv=metric("loss", losses()), c__csv=metric("loss", losses(0.3))))
    whole = [rates + metric("loss", losses(offset)).split("\n", 1)[1] for offset in (0, 0.3)]
    found = laws.read(save(tmp_path, a__csv=whole[0], b__csv=whole[1])).runs
    assert [run.loss.tolist() for run in found] == [losses(), losses(0.3)]


def test_runs_are_told_apart_by_all_that_names_them(tmp_path):
    lines = [(i, "x", *row) for i, offset in enumerate((0, 0.3)) for row in rows(offset)]
    found = laws.read(saved(tmp_path, text(lines, f"run_id,run_name,{HEADER}"))).runs
    assert [run.loss.tolist() for run in found] == [losses(), losses(0.3)]
    lines = [(name, *row) for name, offset in (("x", 0), ("", 0.3)) for row in rows(offset)]
    found = laws.read(saved(tmp_path, text(lines, f"run,{HEADER}"))).runs
    assert [(run.name, run.loss.tolist()) for run in found] == [("a x", losses()), ("a", losses(0.3))]


def test_names_in_other_languages_are_told_apart(tmp_path):
    table = text([(*row, 0.5) for row in rows()], "step,lr,损失,精度")
    [run] = laws.read(saved(tmp_path, table), loss="损失").runs
    assert run.loss.tolist() == losses()
    with pytest.raises(gs.LawError, match=r"\(误差\).*'损失', '精度'"):
        laws.read(saved(tmp_path, table), loss="误差")
    with pytest.raises(gs.LawError, match=r"no column of the loss.*'辅助loss'"):  # an auxiliary loss
        laws.read(saved(tmp_path, text(rows(), "step,lr,辅助loss")))
    composed, apart = "\u00e9tape", "e\u0301tape"  # one name, as two systems write it
    [run] = laws.read(saved(tmp_path, text(rows(), f"{composed},lr,loss")), step=apart).runs
    assert run.step.tolist() == STEPS


def test_columns_of_one_name(tmp_path):
    for second in ("loss", "Loss", "LOSS "):
        read = laws.read(saved(tmp_path, text([(*row, row[2] + 1) for row in rows()], f"{HEADER},{second}")))
        assert read.runs[0].loss.tolist() == losses()
        assert any("the loss is 'loss', not" in note for note in read.notes)


def test_the_most_trustworthy_step_is_taken_and_said(tmp_path):
    names = ("trainer/global_step", "train/global_step", "global_step", "step", "_step")
    for better, worse in itertools.combinations(names, 2):
        lines = [(i, *row) for i, row in enumerate(rows())]
        for header in (f"{worse},{better},lr,loss", f"{better},{worse},lr,loss"):
            ordered = lines if header.startswith(worse) else [(row[1], row[0], *row[2:]) for row in lines]
            read = laws.read(saved(tmp_path, text(ordered, header)))
            np.testing.assert_array_equal(read.runs[0].step, STEPS)
            assert any(f"the step is {better!r}, not {worse!r}" in note for note in read.notes)
    alone = laws.read(saved(tmp_path, text(rows(), "_step,lr,loss")))
    np.testing.assert_array_equal(alone.runs[0].step, STEPS)
    assert any("counts calls of log" in note for note in alone.notes)
    empty = laws.read(saved(tmp_path, text([("", *row) for row in rows()], "global_step,step,lr,loss")))
    np.testing.assert_array_equal(empty.runs[0].step, STEPS)


@pytest.mark.parametrize(
    ("column", "header", "says"),
    [
        ("train_loss", "step,lr,train/loss,train_loss_epoch", "the loss is 'train/loss', not 'train_loss_epoch'"),
        ("lr", "step,learning_rate,loss,train/lr", "the rate is 'learning_rate', not 'train/lr'"),
        ("lr", "step,lr-AdamW/pg1,loss,lr-AdamW/pg2", "the rate is 'lr-AdamW/pg1', not 'lr-AdamW/pg2'"),
    ],
)
def test_of_several_rates_or_losses_the_choice_is_said(column, header, says, tmp_path):
    names = header.split(",")
    lines = [(*row, row[1 if column == "lr" else 2] / 2) for row in rows()]
    for order in itertools.permutations(range(4)):
        ordered = [[line[i] for i in order] for line in lines]
        read = laws.read(saved(tmp_path, text(ordered, ",".join(names[i] for i in order))))
        assert read.runs[0].loss.tolist() == losses()
        assert read.runs[0].peak == 1e-3
        assert any(says in note for note in read.notes)


def test_a_mean_over_the_whole_run_is_not_its_loss(tmp_path):
    lines = [(*row, "") for row in rows()]
    lines[-1] = (*lines[-1][:2], lines[-1][2], 3.9)
    read = laws.read(saved(tmp_path, text(lines, "step,lr,train_loss_step,train_loss")))
    assert read.runs[0].loss.tolist() == losses()
    assert any("not 'train_loss'" in note for note in read.notes)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        (HEADER + "\n", "no rows under its header"),
        (b"\x00\x01\xff", "can't be read"),
        (text(rows()).replace(".", ","), r"line 2: 5 cells under a header of 3"),
        (text([(s, f'"{r}"'.replace(".", ","), v) for s, r, v in rows()]), r"line 2: '0,001' in the column 'lr'"),
        (text([(*row, 9) for row in rows()]), "4 cells under a header of 3"),
        (text(rows()[:9]) + text([row[::-1] for row in rows()[9:]], "loss,lr,step"), "line 11: a second header"),
        (text([(s / 1000, r, v) for s, r, v in rows()]), "step 0.1, which isn't whole"),
        (text([(s, -r, v) for s, r, v in rows()]), "a number from 0"),
        (text(rows()[::-1]), "out of order"),
        (text([line for pair in zip(rows(), rows(0.3), strict=True) for line in pair]), "39 steps with two losses"),
        (text([(e, s, rate(s), 3 - e - s / 9999) for e in range(3) for s in range(9, 101, 9)], "epoch,step,lr,loss"),
         "begin anew in each epoch"),
        (text([(i, r, v) for i, (_, r, v) in enumerate(rows())], "epoch,lr,loss"), "steps_per_epoch"),
        (text([((s + 300) % 400 + 1, r, v) for s, r, v in rows()]), "begin anew 4 times"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused(content, says, tmp_path):
    with pytest.raises(gs.LawError, match=says) as error:
        laws.read(saved(tmp_path, content))
    assert "a.csv" in str(error.value) or str(error.value).startswith("a:")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (text([(s, "x" if s == 500 else r, v) for s, r, v in rows()]), "1 of the rates aren't numbers"),
        (text([(s, r, "2.l" if s == 500 else v) for s, r, v in rows()]), "1 point without a number"),
        (text([("x" if s == 500 else s, r, v) for s, r, v in rows()]), "2 values in rows without a step"),
        (text(rows()) + "2050,0.0\n", "1 row has fewer cells"),
        (text(rows() + rows(0.3)), "the steps begin anew once"),
        (text([(s, r if s < 1000 else "", v) for s, r, v in rows()]), "no rates after update 950, but losses to 2000"),
        (text([row for row in rows() if row[0] > 500]), "no rates before update 550"),
        (text([row for row in rows() if not 700 < row[0] < 1500]), "no rates from update 700 to 1500"),
        (text([(*row, row[2] - 1) for row in rows()], f"{HEADER},final_loss"), "'final_loss' has 39 values: the last"),
        (
            text([(*row, 2, 3) for row in rows()], f"{HEADER},final_loss,final_val_loss"),
            "the final loss is 'final_loss'",
        ),
        (
            text([(*row, 2, 3) for row in rows()], f"{HEADER},batch_size,train_batch_size"),
            "the batch size is 'batch_size'",
        ),
    ],
)
def test_what_is_dropped_or_supposed_is_said(content, says, tmp_path):
    assert any(says in note for note in laws.read(saved(tmp_path, content)).notes)


def test_files_given_twice_and_files_not_read_are_said(tmp_path):
    [path] = saved(tmp_path, text(rows()))
    read = laws.read([path, tmp_path / "." / "a.csv"])
    assert len(read.runs) == 1
    assert any("given twice" in note for note in read.notes)
    (tmp_path / "inner").mkdir()
    save(tmp_path / "inner", b__tsv=text(rows(0.3), separator="\t"), notes__md="x", weights__bin=b"\0", empty__csv="")
    read = laws.read([tmp_path])
    assert [run.loss.tolist() for run in read.runs] == [losses(), losses(0.3)]
    for name in ("notes.md", "weights.bin", "empty.csv"):
        assert any(name in note for note in read.notes), name
    save(tmp_path, runs__csv=text([(0, *row) for row in rows(0.5)], f"run,{HEADER}"), result__json="{}")
    read = laws.read([tmp_path])  # what a search left, with files beside
    assert [run.loss.tolist() for run in read.runs] == [losses(0.5)]
    assert any("a.csv" in note and "b.tsv" in note for note in read.notes)


def test_of_the_checkpoints_of_a_run_the_last_is_read(tmp_path):
    for last in (500, 1000, 2000):
        folder = tmp_path / "job" / f"checkpoint-{last}"
        folder.mkdir(parents=True)
        history = [{"step": s, "loss": v, "learning_rate": r} for s, r, v in rows() if s <= last]
        saved(folder, json.dumps({"global_step": last, "log_history": history}), "trainer_state.json")
    read = laws.read([tmp_path])
    assert [(run.name, run.loss.tolist()) for run in read.runs] == [("job", losses())]
    assert any("checkpoint-500" in note and "checkpoint-1000" in note for note in read.notes)


def test_lightning_counts_updates_from_0(tmp_path):
    lines = [line for s, r, v in rows() for line in ((0, r, s - 1, ""), (0, "", s - 1, v))]
    read = laws.read(saved(tmp_path, text(lines, "epoch,lr-AdamW,step,train_loss"), "metrics.csv"))
    np.testing.assert_array_equal(read.runs[0].step, STEPS)
    assert any("1999 is 2000 updates made" in note for note in read.notes)
    lines = [(0, r, s, v) for s, r, v in rows()]  # a step that counts updates made
    read = laws.read(saved(tmp_path, text(lines, "epoch,lr-AdamW,step,train_loss")))
    np.testing.assert_array_equal(read.runs[0].step, STEPS)


def table(folder, *lines, header="curve,schedule,peak_lr,steps"):
    return saved(folder, "\n".join([header, *lines]) + "\n", "table.csv")


@pytest.mark.parametrize("header", ["Curve,LR Schedule,Learning Rate,num_steps", "file,schedule,max-lr,updates"])
def test_a_table_of_runs_by_other_names(header, tmp_path):
    saved(tmp_path, text(rows()))
    [run] = laws.read(table(tmp_path, "a.csv,hold >> cooldown(20%),1e-3,2000", header=header)).runs
    [same] = laws.read(table(tmp_path, "a.csv,hold >> cooldown(20%),1e-3,2000")).runs
    assert np.array_equal(run.lr, same.lr)
    assert np.array_equal(run.loss, same.loss)


def test_a_table_and_the_runs_of_a_curves_file(tmp_path):
    """A row that named a file of two runs had the losses of the last."""
    both = [(name, *row) for name, offset in (("x", 0), ("y", 0.3)) for row in rows(offset)]
    saved(tmp_path, text(both, f"run,{HEADER}"))
    row = "hold >> cooldown(20%),1e-3,2000"
    with pytest.raises(gs.LawError, match="it has the runs 'x', 'y'"):
        laws.read(table(tmp_path, f"a.csv,{row}"))
    header = "curve,run,schedule,peak_lr,steps"
    found = laws.read(table(tmp_path, f"a.csv,x,{row}", f"a.csv,y,{row}", header=header)).runs
    assert [run.loss.tolist() for run in found] == [losses(), losses(0.3)]
    with pytest.raises(gs.LawError, match="it has the runs 'x', 'y'"):
        laws.read(table(tmp_path, f"a.csv,z,{row}", header=header))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a.csv,hold,1e-3,100", "the table has 100 steps, but the curve goes to 2000"),
        ("a.csv,hold,1e-3,2000.5", "whole number"),
        ("a.csv,hold,x,2000", "peak_lr='x'"),
        ("a.csv,hold,1e-3,", "steps=''"),
        (",hold,1e-3,2000", "names no curve"),
        ("a.csv,a cosine,1e-3,2000", "leave the schedule empty"),
        ("a.csv,hold,1e-3,2000\na.csv,cosine,1e-3,2000", "two rows name the curve a.csv"),
        ("none.csv,hold,1e-3,2000", "the column curve has files, as seen from this table"),
    ],
)
def test_a_table_that_contradicts_its_curves(line, says, tmp_path):
    saved(tmp_path, text(rows()))
    with pytest.raises(gs.LawError, match=says):
        laws.read(table(tmp_path, line))


def test_rates_that_contradict_a_tables_schedule_are_said(tmp_path):
    saved(tmp_path, text(rows()))
    agreeing = laws.read(table(tmp_path, "a.csv,hold >> cooldown(20%),1e-3,2000"))
    assert agreeing.notes == ()
    read = laws.read(table(tmp_path, "a.csv,cosine,1e-3,2000"))
    assert any("logged rates aren't the schedule's" in note for note in read.notes)
    assert read.runs[0].lr[1000] == pytest.approx(5e-4)
    [run] = laws.read(table(tmp_path, "a.csv,,1e-3,2000")).runs  # none: the curve's own
    assert run.lr[1000] == 1e-3


def test_validation_losses_that_a_fit_would_not_use_give_way(tmp_path):
    """Ten validation losses were enough, though nine of them were of the warmup."""
    lines = [
        (s, 1e-3 * min(1, s / 500), 3 - s / 9999, 3.5 if s <= 450 or s == 2000 else "") for s in range(10, 2001, 10)
    ]
    lines = [(s, r, v, w if s % 50 == 0 else "") for s, r, v, w in lines]
    read = laws.read(saved(tmp_path, text(lines, "step,lr,loss,val_loss")))
    assert len(read.runs[0].loss) == 200
    assert read.runs[0].final_loss == 3.5
    assert any("training losses are fitted" in note for note in read.notes)


def test_losses_of_two_kinds_beside_each_other_are_said(tmp_path):
    read = laws.read(save(tmp_path, a__csv=text(rows()), b__csv=text(rows(0.3), "step,lr,val_loss")))
    assert any(note.startswith("b: validation losses are fitted") for note in read.notes)


_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
_OTHER = st.one_of(_TEXT, st.sampled_from([
    "metric", "key", "value", "tag", "name", "x - loss", "x - lr", "Wall time", "#", "# step", "seed", "curve",
    "schedule", "steps_total", "lr_scale", "aux loss", "loss scale", "", " ", "0", "a,b", 'a"b', "a;b", "run 1",
])).filter(lambda name: role(name) is None and normal(name) not in RUN)  # fmt: skip


COLUMNS = (
    _OTHER, st.one_of(_TEXT, st.floats(), st.integers(), st.sampled_from(["loss", "lr", "1,5", "#"])),
    st.integers(0, 3),
)  # fmt: skip
"""The name, the cells and the place of a column that says nothing."""


@settings(max_examples=150, deadline=None)
@given(*COLUMNS)
def test_an_unrelated_column_changes_nothing(tmp_path_factory, name, value, place):
    written = io.StringIO()
    writer = csv.writer(written)
    for line in [("step", "lr", "loss"), *rows()]:
        cell = name if line[0] == "step" else value
        writer.writerow([*line[:place], cell, *line[place:]])
    folder = tmp_path_factory.mktemp("read")
    [run] = laws.read(saved(folder, text(rows()))).runs
    [wide] = laws.read(saved(folder, written.getvalue())).runs
    assert run == wide


@st.composite
def folders(draw):
    """Files of several runs each, as tables, as charts of both series and as charts in two files."""
    kinds = draw(
        st.lists(st.sampled_from(["table", "named", "charts", "apart", "json", "print"]), min_size=1, max_size=4)
    )
    files, offsets = [], []
    for i, kind in enumerate(kinds):
        single = kind in ("table", "json", "print")
        own = [len(offsets) + j + 0.25 for j in range(1 if single else draw(st.integers(1, 3)))]
        offsets += own
        data = {f"run{i}{j}": rows(offset) for j, offset in enumerate(own)}
        if single:
            [lines] = data.values()
            forms = {
                "table": text(lines),
                "json": "\n".join(json.dumps(dict(zip(HEADER.split(","), line, strict=True))) for line in lines),
                "print": "\n".join(f"step {s}: loss {v}, lr {r}" for s, r, v in lines),
            }
            ending = {"table": "csv", "json": "jsonl", "print": "log"}[kind]
            files.append((f"{i}.{ending}", forms[kind]))
        elif kind == "named":
            lines = [(name, *line) for name, of_run in data.items() for line in of_run]
            files.append((f"{i}.csv", text(lines, f"run,{HEADER}")))
        else:
            columns = [[(f"{name} - {what}", [line[k] for line in of_run]) for name, of_run in data.items()]
                       for k, what in ((1, "lr"), (2, "loss"))]  # fmt: skip
            for part in [columns[0] + columns[1]] if kind == "charts" else columns:
                header = ",".join(["step", *(name for name, _ in part)])
                lines = list(zip(STEPS, *(values for _, values in part), strict=True))
                files.append((f"{i}{len(files)}.csv", text(lines, header)))
    return draw(st.permutations(files)), offsets


@settings(max_examples=60, deadline=None)
@given(folders())
def test_every_run_of_every_file_is_read_in_any_order(tmp_path_factory, drawn):
    files, offsets = drawn
    folder = tmp_path_factory.mktemp("read")
    paths = [saved(folder, content, name)[0] for name, content in files]
    read = laws.read(paths)
    assert sorted(run.loss.tolist() for run in read.runs) == sorted(losses(offset) for offset in offsets)
    assert len({run.name for run in read.runs}) == len(offsets)
    again = laws.read(sorted(paths))
    assert {run.name: run for run in read.runs} == {run.name: run for run in again.runs}


def test_runs_that_have_the_name_of_a_loss(tmp_path):
    columns = [(s, r, v, r, v + 0.3) for s, r, v in rows()]
    read = laws.read(saved(tmp_path, text(columns, "step,train - lr,train - loss,val - lr,val - loss")))
    assert {run.name: run.loss.tolist() for run in read.runs} == {
        "train": losses(),
        "val": [value + 0.3 for value in losses()],
    }


def test_curves_that_a_table_names_are_not_read_twice(tmp_path):
    """In a folder the curve's own rates were laid over the table's, or under, by the names of the files."""
    curve = text([(s, 9.0, v) for s, _, v in rows()])
    for name in ("a.csv", "z.csv"):
        saved(tmp_path, curve, name)
    saved(tmp_path, "curve,schedule,peak_lr,steps\na.csv,hold,1e-3,2000\nz.csv,hold,1e-3,2000\n", "m.csv")
    for paths in ([tmp_path], [tmp_path / "a.csv", tmp_path / "m.csv", tmp_path / "z.csv"]):
        for order in itertools.permutations(paths):
            read = laws.read(order)
            assert {run.name: run.peak for run in read.runs} == {"a": 1e-3, "z": 1e-3}
            assert sum("and not once more" in note for note in read.notes) == 2
    saved(tmp_path, "curve,schedule,peak_lr,steps\na.csv,cosine,1e-3,2000\n", "n.csv")
    with pytest.raises(gs.LawError, match="say different things"):
        laws.read([tmp_path / "m.csv", tmp_path / "n.csv"])
    saved(tmp_path, "curve,schedule,peak_lr,steps\na.csv,hold,1e-3,9000\n", "n.csv")
    assert any("ends at 2000 of the table's 9000" in note for note in laws.read([tmp_path / "n.csv"]).notes)


def test_files_of_one_name_have_names_of_their_own(tmp_path):
    for folder in ("one", "other"):
        for version in ("v.1", "v.2"):
            (tmp_path / folder / version).mkdir(parents=True)
            saved(tmp_path / folder / version, text(rows()), "metrics.csv")
            saved(tmp_path / folder / version, text(rows(0.3), separator="\t"), "metrics.tsv")
    read = laws.read([tmp_path])
    assert len({run.name for run in read.runs}) == len(read.runs) == 8


def test_a_folder_and_a_file_in_it(tmp_path):
    save(tmp_path, a__csv=text(rows()), b__csv=text(rows(0.3)))
    for order in itertools.permutations([tmp_path, tmp_path / "a.csv"]):
        read = laws.read(order)
        assert sorted(run.loss.tolist() for run in read.runs) == [losses(), losses(0.3)]
        assert any("given twice" in note for note in read.notes)


@pytest.mark.parametrize("warm", [50, 100, 400])
def test_a_warmup_changes_no_logged_rate(warm, tmp_path):
    """The line of the warmup was laid over rates that the log has."""
    [run] = laws.read(saved(tmp_path, text(rows())), warmup=warm).runs
    np.testing.assert_allclose(run.lr[STEPS[:-1]], [rate(step) for step in STEPS[:-1]])
    assert run.lr[0] == 0
    assert run.lr[25] == pytest.approx(1e-3 * 25 / min(warm, 100))
    noted = any("don't rise" in note for note in laws.read([tmp_path / "a.csv"], warmup=warm).notes)
    assert noted == (warm == 400)


_PIECES = st.sampled_from([
    *"\n,;\t |:=[]{}\"'#", "step", "lr", "loss", "run", "value", "key", "x - loss", "1", "0.5", "nan", "-3", "1e400",
])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.lists(_PIECES, max_size=40).map("".join).map(str.encode)),
       st.sampled_from(["csv", "log", "jsonl"]))  # fmt: skip
def test_whatever_a_file_holds_it_is_read_or_refused_by_name(tmp_path_factory, content, ending):
    [path] = saved(tmp_path_factory.mktemp("read"), content, f"odd.{ending}")
    try:
        named = [run.name for run in laws.read([path]).runs]
    except gs.LawError as error:
        named = [str(error)]
    assert named
    assert all("odd" in name or name == "x" for name in named)
