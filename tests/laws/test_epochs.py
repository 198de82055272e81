"""Logs whose updates are in two columns, or in a bar for each epoch."""

import numpy as np
import pytest

import glideslope as gs
from glideslope import laws

EPOCHS, LENGTH = 6, 100
TOTAL = EPOCHS * LENGTH


def rate(t):
    return round(1e-3 * min(1, t / 150), 9)


def loss(t):
    return round(2.5 + 3 * (t + 20) ** -0.35, 4)


def log(line, updates=range(10, TOTAL + 1, 10), end="\n"):
    """A line for each update t: its epoch (e from 0, e1 from 1), its place in it (b0, b), its loss and its rate."""
    return "".join(line.format(t=t, e=(t - 1) // LENGTH, e1=(t - 1) // LENGTH + 1, b=(t - 1) % LENGTH + 1,
                               b0=(t - 1) % LENGTH, n=LENGTH, N=TOTAL, x=64 * ((t - 1) % LENGTH), X=64 * LENGTH,
                               l=loss(t), lr=rate(t)) + end for t in updates)  # fmt: skip


EACH, ENDS, FROM_1 = range(1, TOTAL + 1), range(LENGTH, TOTAL + 1, LENGTH), range(1, TOTAL + 1, 10)
TUTORIAL = "Epoch [{e1}/6], Step [{b}/{n}], Loss: {l}, LR: {lr}"
SAY_ALL = {
    "torch_tutorial.log": log(TUTORIAL),
    "detr.log": log("Epoch: [{e}]  [{b0:>3}/{n}]  eta: 0:01:00  lr: {lr}  loss: {l} ({l})  time: 0.3", FROM_1),
    "timm.log": log("Train: {e} [{b0:>4}/{n} ( 10%)]  Loss: {l} ({l})  Time: 0.1s, 100.0/s  LR: {lr}", FROM_1),
    "swin.log": log("[2024-01-01 10:00:00 swin] INFO Train: [{e}/6][{b0}/{n}] eta 0:1 lr {lr}\tloss {l} ({l})", FROM_1),
    "iter.log": log("epoch {e1}/6 iter {b}/{n} loss {l} lr {lr}"),
    "bar.log": log("Epoch {e1}: 10%|##  | {b}/{n} [00:12<00:00,  8.1it/s, loss={l}, lr={lr}]", end="\r"),
    "bars_at_the_end.log": log("Epoch {e1}/6: 100%|####| {n}/{n} [00:12<00:00, 8.1it/s, loss={l}, lr={lr}]", ENDS),
    "lightning.log": log("Epoch {e}: 100%|####| {n}/{n} [00:02<00:00, 4.1it/s, v_num=0, loss={l}, lr={lr}]", ENDS),
    "validation_bars.log": log("Epoch {e}: 100%|##| {n}/{n} [00:02<00:00, 4.1it/s, train_loss={l}, lr={lr}]\n"
                               "Epoch {e} val: 100%|##| 20/20 [00:02<00:00, 4.1it/s, loss={l}]", ENDS),
    "keras.log": log("Epoch {e1}/6\n50/{n} [====>.....] - ETA: 0s - loss: 9.1\r{n}/{n} [=========] - 3s 30ms/step - "
                     "loss: {l} - val_loss: {l} - learning_rate: {lr}", ENDS),
    "each_batch.csv": "epoch,batch,lr,loss\n" + log("{e},{b0},{lr},{l}", EACH),
    "each_step.csv": "epoch,step,lr,loss\n" + log("{e1},{b},{lr},{l}", EACH),
    "resumed.log": log(TUTORIAL, [*range(10, 301, 10), *range(210, 601, 10)]),
    "bar_of_all.log": log("Training: 3%|# | {t}/{N} [00:12<00:00, 8.1it/s, epoch={e}, loss={l}, lr={lr}]", end="\r"),
    "steps_of_all.log": log("epoch {e1}/6 step {t}/{N} loss {l} lr {lr}"),
    "one_epoch.log": log("Epoch 1: 3%|# | {t}/{N} [00:12<00:00, 8.1it/s, loss={l}, lr={lr}]"),
    "steps_bar.log": log("Steps:   3%|# | {t}/{N} [00:12<00:00,  8.1it/s, lr={lr}, step_loss={l}]", end="\r"),
    "clu.log": log("I0101 10:00:00.000000 140 logging_writer.py:48] [{t}] learning_rate={lr}, loss={l}, speed=1.2"),
    "ignite.log": log("10:00:00,000 ignite.Trainer INFO: Epoch[{e1}/6] Iteration[{b}/{n}] Loss: {l} LR: {lr}"),
    "tensors.log": log("step {t} {{'loss': tensor({l}, device='cuda:0'), 'lr': {lr}}}"),
}  # fmt: skip
SAY_NO_LENGTH = {
    "batches.csv": "epoch,batch,lr,loss\n" + log("{e},{b0},{lr},{l}", FROM_1),
    "steps.csv": "epoch,step,lr,loss\n" + log("{e1},{b},{lr},{l}"),
    "xla.log": log("| Training Device=xla:0/0 Epoch={e1} Step={b0} Loss={l} Rate=1.2 LR={lr}", FROM_1),
    "varying.log": log("Epoch [{e1}/6], Step [{b}/{n}{e1}], Loss: {l}, LR: {lr}"),
}
MAY_COUNT_EXAMPLES = {
    "mnist.log": log("Train Epoch: {e1} [{x}/{X} (10%)]\tLoss: {l}\tLR: {lr}", FROM_1),
    "old_keras.log": log("Epoch {e1}/6\n{X}/{X} [=======] - 3s 30us/sample - loss: {l} - lr: {lr}", ENDS),
}


def read(folder, name, text, **options):
    (folder / name).write_text(text)
    [run] = laws.read(folder / name, **options).runs
    np.testing.assert_allclose(run.loss, [loss(t) for t in run.step], atol=1e-9)
    assert len(run.step) >= EPOCHS
    assert run.step.max() in (TOTAL, TOTAL - 9)  # the last of every tenth line, the first of update 1
    np.testing.assert_allclose(run.rates.at(run.step[:-1]), [rate(t) for t in run.step[:-1]], atol=2e-9)


@pytest.mark.parametrize("name", SAY_ALL)
def test_a_log_that_says_all(name, tmp_path):
    read(tmp_path, name, SAY_ALL[name])


@pytest.mark.parametrize("name", SAY_NO_LENGTH)
def test_a_log_that_does_not_say_how_long_an_epoch_is(name, tmp_path):
    with pytest.raises(gs.LawError, match="steps-per-epoch"):
        read(tmp_path, name, SAY_NO_LENGTH[name])
    read(tmp_path, name, SAY_NO_LENGTH[name], steps_per_epoch=LENGTH)


@pytest.mark.parametrize("name", MAY_COUNT_EXAMPLES)
def test_a_log_that_may_count_examples(name, tmp_path):
    with pytest.raises(gs.LawError, match="may be in examples: give steps_per_epoch"):
        read(tmp_path, name, MAY_COUNT_EXAMPLES[name])
    read(tmp_path, name, MAY_COUNT_EXAMPLES[name], steps_per_epoch=LENGTH)


@pytest.mark.parametrize(
    "line",
    [
        "Train Epoch: 1 [{i}/38400 (5%)]\tLoss: {l}\tLR: {lr}",
        "INFO | Train Epoch: 0 [ {i:>5}/38400 (5%)] Loss: {l} ({l}) Data (t): 0.1 LR: {lr}",
    ],
)
def test_the_only_epoch_may_count_examples(line, tmp_path):
    text = "\n".join(line.format(i=64 * t, l=loss(t), lr=rate(t)) for t in range(10, TOTAL + 1, 10))
    with pytest.raises(gs.LawError, match="may be in examples: give steps_per_epoch"):
        read(tmp_path, "mnist.log", text)
    read(tmp_path, "mnist.log", text, steps_per_epoch=TOTAL)


def test_several_batches_make_an_update(tmp_path):
    (tmp_path / "log").write_text(log(TUTORIAL, range(4, TOTAL + 1, 4)))
    [run] = laws.read(tmp_path / "log", steps_per_epoch=LENGTH / 4).runs
    np.testing.assert_array_equal(run.step, np.arange(1, TOTAL / 4 + 1))
    np.testing.assert_allclose(run.loss, [loss(4 * t) for t in run.step])
    assert any("several batches" in note for note in laws.read(tmp_path / "log").notes)


def test_two_columns_that_the_caller_names(tmp_path):
    read(tmp_path, "a.csv", "epoch,mb,lr,loss\n" + log("{e},{b0},{lr},{l}", EACH), step="epoch, mb")
    read(tmp_path, "b.csv", "epoch,mb,lr,loss\n" + log("{e1},{b},{lr},{l}"), step="epoch,mb", steps_per_epoch=LENGTH)
    both = "train_at,val_at,lr,loss,val_loss\n" + log("{t},,{lr},{l},\n,{t},,,{l}")
    read(tmp_path, "c.csv", both, step="train_at,val_at")
    with pytest.raises(gs.LawError, match=r"no columns 'train_at,other' of the step"):
        read(tmp_path, "c.csv", both, step="train_at,other")
    with pytest.raises(gs.LawError, match="different steps in one row"):
        read(tmp_path, "d.csv", "one,other,lr,loss\n1,2,0.1,3\n", step="one,other")


def test_a_fraction_that_is_no_place(tmp_path):
    text = log("Epoch: {e}, Accuracy: 45/{n} (45%), Loss: {l}, lr {lr}", ENDS)
    read(tmp_path, "accuracy.log", text, steps_per_epoch=LENGTH)
    with pytest.raises(gs.LawError, match="counts epochs"):
        read(tmp_path, "accuracy.log", text)


def test_a_place_beyond_its_epoch(tmp_path):
    text = "epoch,batch,lr,loss\n" + log("{e},{b0},{lr},{l}", FROM_1)
    with pytest.raises(gs.LawError, match="the place 90 in an epoch of 50"):
        read(tmp_path, "a.csv", text, steps_per_epoch=50)
