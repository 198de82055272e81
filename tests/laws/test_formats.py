"""One curve as each tool writes it: the same run, whatever the format and the version of the tool."""

# ruff: noqa: E501  (lines as tools print them)

import gzip
import json

import numpy as np
import pytest

import glideslope as gs
from glideslope import laws
from tests.laws.test_read import STEPS, losses, rate, rows, text

TOTAL = 2000


def lines(form, before=""):
    return before + "\n".join(form(s, r, v) for s, r, v in rows()) + "\n"


def jsonl(form):
    return lines(lambda s, r, v: json.dumps(form(s, r, v)))


def chart(name, values, axis="Step"):
    head = [axis, *(f"{run} - {name}{end}" for run in ("a", "b") for end in ("", "__MIN", "__MAX"))]
    body = [[s, *([v] * 3 if run == "a" else [""] * 3 for run in "a")][:1] + [v] * 3 + [""] * 3 for s, v in values]
    return "\n".join(",".join(f'"{cell}"' for cell in row) for row in [head, *body]) + "\n"


MEGATRON = (
    " [2024-05-01 10:00:00] iteration {s:8d}/{t:8d} | consumed samples: {n:12d} | elapsed time per iteration (ms): 438.3 | "
    "{more}learning rate: {r:.6E} | global batch size:   512 | lm loss: {v:.6E} | loss scale: 1.0 | grad norm: 0.500 | "
    "num zeros: 0.0 | params norm: 10.000 | number of skipped iterations:   0 | number of nan iterations:   0 |"
)


def megatron(s, r, v, more=""):
    return MEGATRON.format(s=s, t=TOTAL, n=512 * s, r=r, v=v, more=more)


FORMATS = {
    "Megatron-LM of 2021": {"a.log": lines(lambda s, r, v: megatron(s, r, v).split("] ")[1])},
    "Megatron-LM of 2024": {"a.log": lines(lambda s, r, v: megatron(s, r, v, "throughput per GPU (TFLOP/s/GPU): 300.1 | "))},
    "Megatron-LM of a cluster": {"a.out": lines(
        lambda s, r, v: f"7: {megatron(s, r, v)}\n7: (min, max) time across ranks (ms):\n"
        "7:     forward-backward ...............................: (391.84, 391.90)",
        "using world size: 8\n  lr .............................................. 0.0003\n"
        "  iteration ....................................... 7\n"
    )},
    "Megatron-LM with validations": {"a.log": lines(
        lambda s, r, v: megatron(s, r, v) + (
            f"\n validation loss at iteration {s} | lm loss value: {v + 1:.6E} | lm loss PPL: 2.2E+01 | " if s % 500 == 0
            else "")
    )},
    "GPT-NeoX": {"a.log": lines(
        lambda s, r, v: f" samples/sec: 61.7 | iteration {s:8d}/{TOTAL:8d} | elapsed time per iteration (ms): 4150.6 | "
        f"learning rate: {r:.3E} | approx flops per GPU: 50.0TFLOPS | lm_loss: {v:.6E} | loss scale: 65536.0 | "
        "number of skipped iterations:   0 | number of nan iterations:   0 |"
    )},
    "llm.c on a screen": {"a.log": lines(
        lambda s, r, v: f"step {s:4d}/{TOTAL} | loss {v:.6f} (+0.12z)| norm 0.2900 (-0.41z)| lr {r:.2e} | 258.85 ms | "
        "46.3% bf16 MFU | 172547 tok/s",
        "+-----------------------+\n| learning rate (LR)    | 1.000000e-03 |\n| max_steps | 2000 |\nval loss 11.009\n"
    )},
    "llm.c in Python": {"a.log": lines(
        lambda s, r, v: f"step {s:4d}/{TOTAL} | train loss {v:.6f} | norm 0.2900 | lr {r:.2e} | (258.85 ms | 1725 tok/s)",
        "val loss 11.009\n")},
    "llm.c's main.log": {"main.log": lines(lambda s, r, v: f"s:{s} eval:0.2512\ns:{s} trl:{v:.5f} lr:{r:.6f} norm:0.5",
                                           "s:0 tel:11.0\n")},
    "build-nanogpt on a screen": {"a.log": lines(
        lambda s, r, v: f"step {s:5d} | loss: {v:.6f} | lr {r:.4e} | norm: 0.2900 | dt: 338.52ms | tok/sec: 1548",
        "validation loss: 10.9505\nHellaSwag accuracy: 2463/10042=0.2453\n")},
    "fairseq in JSON": {"a.log": lines(
        lambda s, r, v: "2024-05-01 10:00:00 | INFO | train_inner | " + json.dumps(
            {"epoch": 1, "update": s / 9000, "loss": str(v), "ppl": "50", "num_updates": str(s), "lr": str(r)}
        ) + ("\n2024-05-01 10:00:00 | INFO | valid | " + json.dumps(
            {"epoch": 1, "valid_loss": str(v + 1), "valid_num_updates": str(s)}) if s % 500 == 0 else ""))},
    "fairseq as text": {"a.log": lines(
        lambda s, r, v: f"2024-05-01 10:00:00 | INFO | train_inner | epoch 001: {s:6d} / 9000 loss={v}, nll_loss=3.1, "
        f"ppl=9, wps=1, ups=2, wpb=3, bsz=4, num_updates={s}, lr={r}, gnorm=0.5, train_wall=9, wall=0"
        + (f"\n2024-05-01 10:00:00 | INFO | valid | epoch 001 | valid on 'valid' subset | loss {v + 1} | nll_loss 5 | ppl 22 "
           f"| num_updates {s} | best_loss 4" if s % 500 == 0 else ""),
        )},
    "torchtitan on a screen": {"a.log": lines(
        lambda s, r, v: f"[rank0]:[titan] 2024-05-01 10:00:00,000 - root - INFO - \x1b[31mstep: {s:2d}  \x1b[32mloss: {v:7.5f}  "
        f"\x1b[33mlr: {r:.3e}  \x1b[33mgrad_norm:  0.5  memory: 61.9GiB(65.1%)  \x1b[34mtps: 7,345  mfu: 42.00%\x1b[39m"
        + (f"\n[rank0]:[titan] 2024-05-01 10:00:00,000 - root - INFO - validate step: {s}  loss: {v + 1:.4f}  memory: 61.9GiB"
           if s % 500 == 0 else ""))},
    "NeMo on a screen": {"a.log": lines(
        lambda s, r, v: f"Training epoch 0, iteration {s - 1}/1999 | lr: {r:.4g} | global_batch_size: 512 | global_step: {s - 1} "
        f"| reduced_train_loss: {v} | train_step_timing in s: 0.5 | consumed_samples: {512 * s}")},
    "MaxText": {"a.log": lines(
        lambda s, r, v: f"completed step: {s}, seconds: 1.2, TFLOP/s/device: 100.0, Tokens/s/device: 3.0, "
        f"total_weights: 65536, loss: {v}, learning_rate: {r}")},
    "torchtune": {"log.txt": lines(lambda s, r, v: f"Step {s} | loss:{v} lr:{r} tokens_per_second_per_gpu:1234.5 ")},
    "DeepSpeed": {"a.log": lines(
        lambda s, r, v: f"[2024-05-01 10:00:00,000] [INFO] [logging.py:96:log_dist] [Rank 0] step={s}, skipped=0, lr=[{r}, {r}], "
        f"mom=[(0.9, 0.999), (0.9, 0.999)]\nsteps: {s} loss: {v} iter time (s): 0.512 samples/sec: 128.0")},
    "litgpt": {"a.log": lines(
        lambda s, r, v: f"Epoch 1 | iter {4 * s} step {s} | loss train: {v}, val: n/a | lr {r} | iter time: 359 ms (step) "
        "remaining time: 1:00:00")},
    "Lightning": {"lightning_logs/version_0/metrics.csv": text(
        [line for s, r, v in rows() for line in (("", s - 1, r, r / 10, ""), (0, s - 1, "", "", v))],
        "epoch,step,lr-AdamW/pg1,lr-AdamW/pg2,train_loss"), "lightning_logs/version_0/hparams.yaml": "lr: 1\n"},
    "Lightning with momentum": {"metrics.csv": text(
        [line for s, r, v in rows() for line in (("", s - 1, r, 0.9, 0.1, ""), (0, s - 1, "", "", "", v))],
        "epoch,step,lr-SGD,lr-SGD-momentum,lr-SGD-weight_decay,train_loss")},
    "Transformers": {f"out/checkpoint-{last}/trainer_state.json": json.dumps({
        "global_step": last, "log_history": [
            {"epoch": s / 500, "grad_norm": 0.5, "learning_rate": r, "loss": v, "step": s} for s, r, v in rows() if s <= last
        ] + [{"epoch": 4, "eval_loss": 5.0, "eval_runtime": 1, "step": last}]}) for last in (900, 1000, 2000)},
    "LLaMA-Factory": {"trainer_log.jsonl": jsonl(lambda s, r, v: {
        "current_steps": s, "total_steps": TOTAL, "loss": v, "lr": r, "epoch": s / 500, "percentage": s / 20,
        "elapsed_time": "0:00:10", "remaining_time": "0:01:00"})},
    "nested JSON": {"a.jsonl": jsonl(lambda s, r, v: {"step": s, "metrics": {"loss": v, "optim": {"lr": [r, r]}}})},
    "events in JSON": {"a.jsonl": jsonl(lambda s, r, v: {
        "ts": 1700000000 + s, "event": "train", "data": {"global_step": s, "train/loss": v, "optimizer/learning_rate": r}})},
    "JSON of mmengine": {"metrics.json": jsonl(lambda s, r, v: {"lr": r, "data_time": 0.1, "loss": v, "time": 1, "iter": s, "step": s})},
    "JSON in several lines": {"metrics.json": lines(lambda s, r, v: json.dumps({"step": s, "loss": v, "lr": r}, indent=1))},
    "JSON of history": {"metrics.json": json.dumps(
        {"config": {"lr": 1e-3, "betas": [0.9, 0.95]}, "history": [{"step": s, "loss": v, "lr": r} for s, r, v in rows()]})},
    "JSON with rows of a split": {"a.jsonl": jsonl(lambda s, r, v: {"step": s, "split": "train", "loss": v, "lr": r})
                                 + json.dumps({"step": 2000, "split": "val", "loss": 9.0})},
    "W&B's charts": {"a.csv": chart("train/loss", [(s, v) for s, _, v in rows()]),
                     "b.csv": chart("train/lr", [(s, r) for s, r, _ in rows()])},
    "W&B's charts by another step": {"a.csv": chart("train/loss", [(s, v) for s, _, v in rows()], "trainer/global_step"),
                                     "b.csv": chart("train/lr", [(s, r) for s, r, _ in rows()], "trainer/global_step")},
    "W&B's charts by the time": {"a.csv": text(
        [(s / 7, s, s, s, v, v, v, r, r, r) for s, r, v in rows()],
        "Relative Time (Process)," + ",".join(
            f"a - {name}{end}" for name in ("_step", "train/loss", "train/lr") for end in ("", "__MIN", "__MAX")))},
    "W&B's history": {"a.csv": text(
        [(i, i, s, 1.7e9 + s, v, r, "") for i, (s, r, v) in enumerate(rows())],
        ",_step,train/global_step,_timestamp,train/loss,train/learning_rate,eval/loss")},
    "TensorBoard's page": {
        f"run-exp_a-tag-{tag}.csv": text([(1.7e9, s, (v, r)[i]) for s, r, v in rows()], "Wall time,Step,Value")
        for i, tag in enumerate(("train_loss", "lr-AdamW"))},
    "TensorBoard's page, renamed": {
        f"{name}.csv": text([(1.7e9, s, (v, r)[i]) for s, r, v in rows()], "Wall time,Step,Value")
        for i, name in enumerate(("my_run_loss", "my_run_learning_rate"))},
    "MLflow's table": {"a.csv": text(
        [("0f", key, (v, r)[i], 1.7e12, s, "false") for i, key in enumerate(("train_loss", "lr")) for s, r, v in rows()],
        "run_uuid,key,value,timestamp,step,is_nan")},
    "MLflow's folder": {
        "mlruns/0/0f/meta.yaml": "run_id: 0f\nrun_name: clever-fox\n",
        "mlruns/0/meta.yaml": "name: Default\n",
        "mlruns/0/0f/params/lr": "0.001",
        "mlruns/0/0f/metrics/train/loss": lines(lambda s, r, v: f"17000000{s:04d} {v} {s}"),
        "mlruns/0/0f/metrics/lr": lines(lambda s, r, v: f"17000000{s:04d} {r} {s}")},
    "semicolons, commas, thousands": {"a.csv": text(
        [(f"{s:,}".replace(",", "."), f"{r:.6f}".replace(".", ","), f"{v:.5f}".replace(".", ",")) for s, r, v in rows()],
        "Step;LR;Loss", ";")},
    "quoted thousands": {"a.csv": text([(f'"{s:,}"', r, v) for s, r, v in rows()])},
    "names with units": {"a.csv": text(rows(), "Step (updates),Learning Rate [-],Train Loss (nats)")},
    "a rate in thousandths": {"a.csv": text([(s, r * 1000, v) for s, r, v in rows()], "step,lr (1e-3),loss")},
    "Markdown": {"a.md.txt": "| step | lr | loss |\n|-----:|----:|-----:|\n" + lines(lambda s, r, v: f"| {s} | {r} | {v} |")},
    "what pandas prints": {"a.txt": "   step        lr     loss\n" + "\n".join(
        f"{i}  {s}  {r:.8f}  {v}" for i, (s, r, v) in enumerate(rows()))},
    "comments in between": {"a.csv": text(rows()[:9]) + "# resumed\n" + text(rows()[9:]).split("\n", 1)[1]},
    "Excel's": {"a.csv": "sep=;\r\n" + text(rows(), separator=";", end="\r\n")},
    "UTF-16 without a mark": {"a.csv": text(rows()).encode("utf-16-le")},
    "compressed": {"a.csv.gz": gzip.compress(text(rows()).encode()), },
    "compressed lines": {"a.log.gz": gzip.compress(lines(lambda s, r, v: f"step {s} loss {v} lr {r}").encode())},
    "names in camel case": {"a.csv": text(rows(), "globalStep,learningRate,trainLoss")},
    "a loss with its kind": {"a.csv": text(rows(), "iteration,optim/learning_rate_group0,train/CrossEntropyLoss")},
    "a table of rows of two kinds": {"a.csv": text(
        [line for s, r, v in rows() for line in ((s, "train", r, v), *([(s, "valid", "", v + 1)] if s % 500 == 0 else []))],
        "step,phase,lr,loss")},
    "validations between": {"a.log": lines(
        lambda s, r, v: f"step {s}: loss {v}, lr {r}" + (f"\nEval at step {s}: loss {v + 1}" if s % 500 == 0 else ""))},
    "a resumed run": {"a.jsonl": jsonl(lambda s, r, v: {"step": s, "loss": 9.0 if s > 500 else v, "lr": r}) + jsonl(
        lambda s, r, v: {"step": s, "loss": v, "lr": r})},
    "NaN and blanks": {"a.csv": text([*rows()[:5], ("", "", ""), *rows()[5:]]) + "2001,,nan\n"},
}  # fmt: skip

NO_RATES = {
    "nanoGPT": {"a.log": lines(
        lambda s, r, v: (f"step {s}: train loss {v + 1:.4f}, val loss {v + 2:.4f}\n" if s % 500 == 0 else "")
        + f"iter {s}: loss {v:.5f}, time 250.10ms, mfu 31.00%",
        "Overriding: learning_rate = 0.0006\ntokens per iteration will be: 491,520\nnumber of parameters: 123.59M\n")},
    "modded-nanogpt": {"a.txt": lines(
        lambda s, r, v: f"step:{s}/{TOTAL} train_loss:{v:.5f} train_time:{58 * s}ms step_avg:58.00ms",
        'import os\nstep = 0, lr = 0.1, loss = 3.0\nprint(f"step:{step}/{args.num_iterations} val_loss:{val_loss:.4f}")\n'
        + "=" * 100 + "\n")},
    "modded-nanogpt, validation": {"a.txt": lines(
        lambda s, r, v: f"step:{s}/{TOTAL} val_loss:{v:.5f} train_time:{58 * s}ms step_avg:58.00ms")},
    "torchtitan without rates": {"a.log": lines(
        lambda s, r, v: f"[titan] 2024-05-01 10:00:00 - root - INFO - step: {s}  loss:  {v}  memory:  0.5GiB(1%)  tps: 7,000")},
    "DeepSpeed without rates": {"a.log": lines(lambda s, r, v: f"steps: {s} loss: {v} iter time (s): 0.5 samples/sec: 9")},
}  # fmt: skip


GIVEN = {
    "a table": ({"a.csv": text(rows(), "t,eta,L")}, {"step": "t", "lr": "eta", "loss": "L"}),
    "a table with spaces": ({"a.txt": text(rows(), "t,eta,L", " ")}, {"step": "t", "lr": "eta", "loss": "L"}),
    "JSON": ({"a.jsonl": jsonl(lambda s, r, v: {"t": s, "x": {"eta": r, "L": v}})},
             {"step": "t", "lr": "x/eta", "loss": "x/L"}),
    "lines": ({"a.log": lines(lambda s, r, v: f"tick={s} eta={r} nll2={v}")}, {"step": "tick", "lr": "eta", "loss": "nll2"}),
    "charts": ({"a.csv": chart("obj", [(s, v) for s, _, v in rows()]), "b.csv": chart("eta", [(s, r) for s, r, _ in rows()])},
               {"lr": "eta", "loss": "obj"}),
    "TensorBoard's page": ({
        f"run-a-tag-{tag}.csv": text([(1, s, (v, r)[i]) for s, r, v in rows()], "Wall time,Step,Value")
        for i, tag in enumerate(("obj", "eta"))}, {"lr": "eta", "loss": "obj"}),
}  # fmt: skip
EPOCHS = {
    "Keras's CSVLogger": {"a.csv": text([(i, 0.5, r, v) for i, (_, r, v) in enumerate(rows())],
                                        "epoch,accuracy,learning_rate,loss", ";")},
    "Keras's history": {"history.json": json.dumps({"loss": losses(), "learning_rate": [rate(s) for s in STEPS]})},
    "Keras's bars": {"a.log": "\n".join(
        f"Epoch {i}/39\n50/50 ━━━━━━━━━━━━━━━━━━━━ 1s 2ms/step - accuracy: 0.5 - learning_rate: {r} - loss: {v}"
        for i, (_, r, v) in enumerate(rows(), 1))},
    "timm": {"summary.csv": text([(i, v, 50, r) for i, (_, r, v) in enumerate(rows())], "epoch,train_loss,eval_top1,lr")},
}  # fmt: skip
REFUSED = {
    "a picture": (b"\x89PNG\r\n" + bytes(99), "looks like a picture"),
    "a workbook": (b"PK\x03\x04" + bytes(99), "looks like a ZIP archive"),
    "W&B's own": (b":W&B\x9f" + bytes(99), "a run file of W&B: give run.history"),
    "Parquet": (b"PAR1" + bytes(99), "a Parquet file"),
    "a web page": ("<!DOCTYPE html><html>", "a web page"),
    "a configuration": ("lr: 0.1\nmodel: gpt\n", "no line has a step and a loss"),
    "no header": (text(rows()).split("\n", 1)[1], "has no header"),
    "tokens": (text([(1000 * s, v, r) for s, r, v in rows()], "tokens,a - loss,a - lr"), "no column of the step"),
    "one column of two losses": (text([x for s, r, v in rows() for x in ((s, r, v), (s, r, v + 1))]), "two losses"),
    "a thousand or a decimal": ("step;lr;loss\n1,000;1;4\n2,000;1;3\n", "may be a thousand or a decimal"),
    "a logarithm": (text(rows(), "step,lr,loss (log10)"), "no column of the loss"),
    "a factor of either way": (text(rows(), "step,lr (x1000),loss"), "no column of the lr"),
    "an unknown unit": (text(rows(), "step (tokens),lr,loss"), "no column of the step"),
}  # fmt: skip


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def check(run, rates=True):
    np.testing.assert_array_equal(run.step, STEPS)
    np.testing.assert_allclose(run.loss, losses(), rtol=1e-5)
    at = np.array(STEPS[:-1])
    if rates:
        np.testing.assert_allclose(run.lr[at], [rate(step) for step in at], rtol=2e-2, atol=1e-6)


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_the_same_run(name, tmp_path):
    write(tmp_path, FORMATS[name])
    [run] = [run for run in laws.read(tmp_path).runs if run.name != "b"]
    check(run)


@pytest.mark.parametrize("name", NO_RATES)
def test_rates_that_a_log_lacks_are_a_schedules(name, tmp_path):
    write(tmp_path, NO_RATES[name])
    with pytest.raises(gs.LawError, match="--schedule"):
        laws.read(list(tmp_path.iterdir()))
    read = laws.read(tmp_path, schedule="hold >> cooldown(20%)", peak=1e-3)
    check(read.runs[0])
    assert any("over 2,000 updates, the last logged" in note for note in read.notes)
    longer = laws.read(tmp_path, schedule="hold >> cooldown(20%)", peak=1e-3, steps=4000)
    assert len(longer.runs[0].lr) == 4000
    assert longer.runs[0].lr[1999] == pytest.approx(1e-3)


@pytest.mark.parametrize("name", GIVEN)
def test_columns_and_tags_may_be_named(name, tmp_path):
    files, names = GIVEN[name]
    write(tmp_path, files)
    [run] = laws.read(tmp_path, **names).runs
    check(run)
    wrong = dict.fromkeys(names, "missing")
    with pytest.raises(gs.LawError):
        laws.read(sorted(tmp_path.iterdir()), **wrong)


@pytest.mark.parametrize("name", EPOCHS)
def test_epochs_with_their_length(name, tmp_path):
    write(tmp_path, EPOCHS[name])
    options = {} if name == "Keras's bars" else {"steps_per_epoch": 50}  # these say it: 50/50
    if options:
        with pytest.raises(gs.LawError, match="--steps-per-epoch"):
            laws.read(list(tmp_path.iterdir()))
    [run] = laws.read(tmp_path, **options).runs
    np.testing.assert_array_equal(run.step, 50 * np.arange(1, 40))
    np.testing.assert_allclose(run.loss, losses())


@pytest.mark.parametrize("name", REFUSED)
def test_what_cant_be_read_is_named_as_what_it_looks_like(name, tmp_path):
    content, says = REFUSED[name]
    write(tmp_path, {"a.csv" if "," in says + str(content)[:40] else "a.txt": content})
    with pytest.raises(gs.LawError, match=says):
        laws.read(list(tmp_path.iterdir()))


def test_a_file_of_no_format_is_told_the_formats(tmp_path):
    write(tmp_path, {"a.txt": "hello\nworld\n"})
    with pytest.raises(gs.LawError, match=r"What is read: .*TensorBoard.*Megatron-LM.*fairseq"):
        laws.read(tmp_path / "a.txt")


def test_epochs_of_two_decimals_are_noted(tmp_path):
    write(tmp_path, {"a.log": "\n".join(
        str({"loss": v, "learning_rate": r, "epoch": round(s / 700, 2)}) for s, r, v in rows())})  # fmt: skip
    read = laws.read(tmp_path, steps_per_epoch=700)
    assert np.abs(read.runs[0].step - STEPS).max() <= 4
    assert any("known to 7 updates" in note for note in read.notes)


def test_rates_in_two_units_are_said(tmp_path):
    write(tmp_path, {"a.csv": text([(s, r * 1e4 if i % 2 else r, v) for i, (s, r, v) in enumerate(rows())])})
    assert any("in one unit" in note for note in laws.read(tmp_path).notes)
    write(tmp_path, {"a.csv": text(rows()), "b.csv": text([(s, 1e3 * r, v) for s, r, v in rows()])})
    assert any("in one unit" in note for note in laws.read(tmp_path).notes)


def test_a_schedule_for_rates_that_were_logged_is_said(tmp_path):
    write(tmp_path, {"a.csv": text(rows())})
    read = laws.read(tmp_path, schedule="cosine", peak=1.0)
    check(read.runs[0])
    assert any("aren't the schedule's" in note for note in read.notes)
    for wrong in ({"schedule": "cosine"}, {"peak": 1.0}, {"steps": 100}):
        with pytest.raises(gs.LawError, match="together"):
            laws.read(tmp_path, **wrong)


TAGS = {
    "Megatron-LM": (
        "lm loss",
        "learning-rate",
        {"lm loss validation": 1.0, "lm loss vs samples": 2.0, "batch-size": 512},
    ),
    "torchtitan": ("loss_metrics/global_avg_loss", "lr", {"loss_metrics/global_max_loss": 9.0, "grad_norm": 1}),
    "NeMo": ("reduced_train_loss", "lr", {"consumed_samples": 1.0, "epoch": 0}),
    "Lightning": ("train_loss", "lr-AdamW", {"epoch": 0, "hp_metric": -1}),
    "Transformers": ("train/loss", "train/learning_rate", {"train/epoch": 1.0, "train/grad_norm": 3}),
}


@pytest.mark.parametrize("tool", TAGS)
def test_tensorboards_tags(tool, tmp_path):
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    name, lr, others = TAGS[tool]
    from_0 = tool in ("NeMo", "Lightning")
    with tensorboard.SummaryWriter(str(tmp_path / "run")) as writer:
        for s, r, v in rows():
            for tag, value in {name: v, lr: r, **others}.items():
                writer.add_scalar(tag, value, 1 if tag == "lm loss validation" else s - from_0)
    [run] = laws.read(tmp_path).runs
    check(run)


def test_tensorboards_tags_of_keras(tmp_path):
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    for folder, offset in (("train", 0.0), ("validation", 1.0)):
        with tensorboard.SummaryWriter(str(tmp_path / "run" / folder)) as writer:
            for i, (_, r, v) in enumerate(rows()):
                writer.add_scalar("epoch_loss", v + offset, i)
                if folder == "train":
                    writer.add_scalar("epoch_learning_rate", r, i)
    [run] = laws.read(tmp_path, steps_per_epoch=50).runs
    assert run.name == "run"
    np.testing.assert_array_equal(run.step, 50 * np.arange(1, 40))
    np.testing.assert_allclose(run.loss, np.array(losses()) + 1, rtol=1e-6)


def test_the_event_files_beside_a_trainers_state_are_of_the_same_run(tmp_path):
    write(tmp_path, {"out/trainer_state.json": json.dumps(
        {"log_history": [{"learning_rate": r, "loss": v, "step": s} for s, r, v in rows()]}),
        "out/runs/May01_host/events.out.tfevents.1.host": b""})  # fmt: skip
    read = laws.read(tmp_path)
    assert len(read.runs) == 1
    assert any("not read" in note and "May01_host" in note for note in read.notes)


def test_the_folder_of_the_metrics_of_a_run_is_the_run(tmp_path):
    run = tmp_path / "mlruns" / "0" / "0f"
    write(run, {"meta.yaml": "run_name: clever-fox\n",
                "metrics/loss": lines(lambda s, r, v: f"17000000{s:04d} {v} {s}"),
                "metrics/lr": lines(lambda s, r, v: f"17000000{s:04d} {r} {s}")})  # fmt: skip
    [one], [other] = laws.read(run).runs, laws.read(run / "metrics").runs
    assert one.name == other.name == "clever-fox"
    check(other)
