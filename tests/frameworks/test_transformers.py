"""Schedules under the Hugging Face Trainer, as its scheduler and by callback; what it logs; checkpoints."""

import json
import math

import numpy as np
import pytest
import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

import glideslope as gs

EXAMPLES = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
DATA = [{"x": x, "labels": x.sum()} for x in EXAMPLES]
SCHEDULE = "warmup(25%) >> cosine()"


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(3, 1)

    def forward(self, x, labels):
        return {"loss": (self.layer(x).squeeze(1) - labels).square().mean()}


class Rates(TrainerCallback):
    """The rate of each update, as it is made."""

    def __init__(self):
        self.rates = []

    def on_optimizer_step(self, args, state, control, **objects):
        self.rates.append(objects["optimizer"].param_groups[0]["lr"])


class Stop(TrainerCallback):
    def __init__(self, at):
        self.at = at

    def on_step_end(self, args, state, control, **objects):
        control.should_training_stop = state.global_step >= self.at
        control.should_save = control.should_training_stop


def trainer(tmp_path, how, schedule=SCHEDULE, callbacks=(), **options):
    model, rates = Net(), Rates()
    options = {
        "output_dir": tmp_path, "per_device_train_batch_size": 4, "max_steps": 40, "logging_steps": 1,
        "learning_rate": 0.3, "optim": "sgd", "report_to": [], "disable_tqdm": True, "use_cpu": True,
        "save_strategy": "no", "max_grad_norm": 0.0,
    } | options  # fmt: skip
    arguments, both = TrainingArguments(**options), {}
    if how == "optimizers":
        optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
        both = {"optimizers": (optimizer, gs.torch.Scheduler(optimizer, schedule, steps=options["max_steps"]))}
        callbacks = [*callbacks, rates]
    else:
        callbacks = [gs.transformers.Callback(schedule), *callbacks, rates]
    return Trainer(model, arguments, train_dataset=DATA, eval_dataset=DATA, callbacks=callbacks, **both), rates


def logged(made):
    return [entry["learning_rate"] for entry in made.state.log_history if "learning_rate" in entry]


EXPECTED = [0.3 * gs.parse(SCHEDULE).over(40)(t) for t in range(40)]
WAYS = pytest.mark.parametrize("how", ["optimizers", "callback"])


@WAYS
def test_each_update_has_its_rate_and_the_log_says_so(tmp_path, how):
    made, rates = trainer(tmp_path, how)
    made.train()
    assert rates.rates == pytest.approx(EXPECTED)
    assert logged(made) == pytest.approx(EXPECTED)


@WAYS
def test_accumulated_batches_count_once(tmp_path, how):
    made, rates = trainer(tmp_path, how, gradient_accumulation_steps=2)
    made.train()
    assert rates.rates == pytest.approx(EXPECTED)


@WAYS
def test_going_on_from_a_checkpoint(tmp_path, how):
    whole, _ = trainer(tmp_path / "whole", how)
    whole.train()
    trainer(tmp_path, how, callbacks=[Stop(17)])[0].train()
    made, rates = trainer(tmp_path, how)
    made.train(resume_from_checkpoint=True)
    assert rates.rates == pytest.approx(EXPECTED[17:])
    torch.testing.assert_close(made.model.state_dict(), whole.model.state_dict(), rtol=0, atol=0)


@WAYS
def test_a_changed_schedule_is_refused_where_its_past_is_another(tmp_path, how):
    trainer(tmp_path, how, callbacks=[Stop(17)])[0].train()
    made, _ = trainer(tmp_path, how, max_steps=80)
    with pytest.raises(gs.ScheduleError, match="update 17"):
        made.train(resume_from_checkpoint=True)
    extended = gs.wsd(4, 8).over(40).extend(at=17, to=80)
    trainer(tmp_path / "wsd", how, "wsd(4, 8)", callbacks=[Stop(17)])[0].train()
    made, rates = trainer(tmp_path / "wsd", how, extended, max_steps=80)
    made.train(resume_from_checkpoint=True)
    np.testing.assert_allclose(rates.rates, [0.3] * 55 + [0.3 * (1 - t / 8) for t in range(8)])


def test_a_checkpoint_without_our_state_goes_on_by_the_trainer_s_count(tmp_path):
    trainer(tmp_path, "callback", callbacks=[Stop(17)])[0].train()
    file = tmp_path / "checkpoint-17/trainer_state.json"
    state = json.loads(file.read_text())
    del state["stateful_callbacks"]["glideslope"]
    file.write_text(json.dumps(state))
    made, rates = trainer(tmp_path, "callback")
    made.train(resume_from_checkpoint=True)
    assert rates.rates == pytest.approx(EXPECTED[17:])


def test_a_checkpoint_elsewhere_is_the_one_that_counts(tmp_path):
    trainer(tmp_path / "first", "callback", callbacks=[Stop(17)])[0].train()
    checkpoint = str(tmp_path / "first/checkpoint-17")
    made, rates = trainer(tmp_path / "second", "callback", restore_callback_states_from_checkpoint=True)
    made.train(resume_from_checkpoint=checkpoint)
    assert rates.rates == pytest.approx(EXPECTED[17:])
    made, _ = trainer(tmp_path / "third", "callback", "linear()")
    with pytest.raises(gs.ScheduleError, match="update 17"):
        made.train(resume_from_checkpoint=checkpoint)


def test_both_ways_at_once_are_refused(tmp_path):
    made, _ = trainer(tmp_path, "optimizers", callbacks=[gs.transformers.Callback(SCHEDULE)])
    with pytest.raises(gs.ScheduleError, match="leave out the callback"):
        made.train()


def test_a_growth_is_refused_where_the_trainers_batches_stay(tmp_path):
    made, _ = trainer(tmp_path, "callback", "cosine * growth(4, 16)")
    with pytest.raises(gs.BatchError, match=r"gs\.torch\.GrowingBatches"):
        made.train()


def test_a_feedback_gets_the_evaluations_and_resumes(tmp_path):
    lr = "constant() * plateau(factor=0.5, patience=0, threshold=0.9)"
    options = {"eval_strategy": "steps", "eval_steps": 5, "save_strategy": "steps", "save_steps": 10}

    def run(folder, **more):
        made, rates = trainer(tmp_path / folder, "callback", lr, **options)
        made.train(**more)
        return rates.rates

    whole = run("one")
    assert whole[:10] == [0.3] * 10
    assert whole[-1] < 0.1
    resumed = run("two", resume_from_checkpoint=str(tmp_path / "one/checkpoint-10"))
    assert resumed == whole[10:]


@WAYS
def test_each_way_tells_a_feedback_each_evaluation_once(tmp_path, how):
    lr = "constant() * plateau(factor=0.5, patience=0, threshold=1e9, threshold_mode=absolute)"
    made, rates = trainer(tmp_path, how, lr, eval_strategy="steps", eval_steps=10)
    made.train()
    assert rates.rates[::10] == pytest.approx([0.3, 0.3, 0.15, 0.075])  # the first evaluation is an improvement


def test_the_metric_is_the_trainers_where_its_direction_fits(tmp_path):
    metrics = {"compute_metrics": lambda prediction: {"accuracy": 1.0}}
    for mode, cuts in (("max", 3), ("min", 0)):  # the loss falls, the accuracy stands still
        lr = f"constant() * plateau(factor=0.5, patience=0, threshold=0.0, mode={mode})"
        made, _ = trainer(
            tmp_path, "optimizers", lr, eval_strategy="steps", eval_steps=8, learning_rate=0.01,
            metric_for_best_model="accuracy", greater_is_better=True,
        )  # fmt: skip
        made.compute_metrics = metrics["compute_metrics"]
        made.model.forward = _with_logits(made.model)
        made.train()
        state = made.lr_scheduler.state_dict()["feedback_states"][0]
        assert (state["0.best"] == 1.0) == (mode == "max")
        if mode == "max":
            assert state["0.factor"] == 0.5 ** (cuts + 1)


def _with_logits(model):
    before = model.forward
    return lambda x, labels: {**before(x, labels), "logits": model.layer(x)}


def test_an_optimizer_and_scheduler_without_evaluations_warn(tmp_path):
    made, _ = trainer(tmp_path, "optimizers", "constant() * plateau")
    with pytest.warns(UserWarning, match="got no measurement in 40 updates"):
        made.train()


def test_evaluations_outside_a_training_or_before_it_are_not_passed(tmp_path):
    lr = "constant() * plateau(factor=0.5, patience=0, threshold=1e9, threshold_mode=absolute)"
    made, _ = trainer(tmp_path, "optimizers", lr, eval_strategy="steps", eval_steps=20, eval_on_start=True)
    made.train()
    state = made.lr_scheduler.state_dict()["feedback_states"]
    made.evaluate()
    assert made.lr_scheduler.state_dict()["feedback_states"] == state
    assert state[0]["0.factor"] == 0.5  # of two evaluations


def test_a_callback_without_evaluations_warns(tmp_path):
    made, _ = trainer(tmp_path, "callback", "constant() * plateau")
    with pytest.warns(UserWarning, match="got no measurement"):
        made.train()


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        return iter(DATA)


@pytest.mark.parametrize("options", [
    {"max_steps": -1, "num_train_epochs": 4}, {"max_steps": 40},
    {"max_steps": -1, "num_train_epochs": 12, "gradient_accumulation_steps": 3},  # 3, 3, 3, 1
    {"max_steps": -1, "num_train_epochs": 2.5, "dataloader_drop_last": True, "per_device_train_batch_size": 7},
])  # fmt: skip
def test_epochs_are_the_trainer_s(tmp_path, options):
    made, rates = trainer(tmp_path, "callback", "warmup(1ep) >> cosine()", **options)
    made.train()
    batches = {4: 10, 7: 5}[made.args.per_device_train_batch_size]
    epoch = -(-batches // made.args.gradient_accumulation_steps)
    total = made.state.max_steps
    rising = [0.3 * t / epoch for t in range(epoch)]
    falling = [0.3 * (1 + math.cos(math.pi * t / (total - epoch))) / 2 for t in range(total - epoch)]
    assert rates.rates == pytest.approx(rising + falling)


def test_epochs_of_a_stream_must_be_given(tmp_path):
    made, _ = trainer(tmp_path, "callback", "warmup(1ep) >> cosine()")
    made.train_dataset = Stream()
    with pytest.raises(gs.ScheduleError, match=r"give gs.transformers.Callback clock=gs.Clock\(steps_per_epoch="):
        made.train()
    made, rates = trainer(tmp_path, "callback")
    made.remove_callback(gs.transformers.Callback)
    made.callback_handler.callbacks.insert(
        0, gs.transformers.Callback("warmup(1ep) >> cosine()", clock=gs.Clock(steps_per_epoch=10))
    )
    made.train_dataset = Stream()
    made.train()
    assert rates.rates == pytest.approx(EXPECTED)


def test_the_old_name_of_the_schedule():
    with pytest.warns(DeprecationWarning, match="lr= is called schedule= now"):
        assert gs.transformers.Callback(lr=SCHEDULE).schedule == SCHEDULE
