"""The job from a Hugging Face Trainer against the Trainer's own `train()` and `evaluate()`."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Trainer, TrainerCallback, TrainingArguments, set_seed

import glideslope as gs
from glideslope.search.jobs.scalars import number

EXAMPLES = Path(__file__).parents[2] / "examples"
INPUTS = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
LABELS = (INPUTS @ torch.randn(4, 3, generator=torch.Generator().manual_seed(1))).argmax(1)
RATE = 0.02


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def watched(trainer):
    """The loss of each batch that a Trainer trains on."""
    losses, original = [], trainer.training_step

    def training_step(*arguments):
        losses.append(original(*arguments))
        return losses[-1]

    trainer.training_step = training_step
    return losses


def compared(make, updates, rate):
    """Asserts that the job makes the losses and the weights of the Trainer's own run at a constant rate."""
    trainer = make(max_steps=updates, learning_rate=rate, lr_scheduler_type="constant", eval_strategy="no")
    batch_losses = watched(trainer)
    trainer.train()
    job_trainer = make()
    job_losses = watched(job_trainer)
    job = gs.transformers.Job(job_trainer)
    sums = [job.step(rate).item() for _ in range(updates)]
    assert [loss.item() for loss in job_losses] == [loss.item() for loss in batch_losses]
    assert sum(sums) == pytest.approx(sum(loss.item() for loss in batch_losses), rel=1e-5)
    for one, other in zip(job.model.parameters(), trainer.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert job_trainer.state.global_step == trainer.state.global_step
    assert job_trainer.state.epoch == pytest.approx(trainer.state.epoch)
    assert job.evaluate() == trainer.evaluate()["eval_loss"]
    return job


def test_the_example_is_the_training_of_its_trainer():
    file = example("transformers_job")
    some = file.sequences()[:46]  # an epoch is six batches
    file.sequences = lambda: some
    job = compared(lambda **options: file.trainer(0, **{"disable_tqdm": True, **options}), 5, 1e-3)
    gs.check_job(job, lr=1e-3, steps=2)


class Net(torch.nn.Module):
    """A frozen layer below a normalized one, with dropout; dropout and data draw from the same generator."""

    def __init__(self):
        super().__init__()
        self.frozen, self.norm = torch.nn.Linear(4, 8), torch.nn.LayerNorm(8)
        self.head, self.dropout = torch.nn.Linear(8, 3), torch.nn.Dropout(0.2)
        self.frozen.requires_grad_(False)

    def forward(self, x, labels=None):
        logits = self.head(self.dropout(self.norm(self.frozen(x))))
        loss = None if labels is None else torch.nn.functional.cross_entropy(logits, labels)
        return {"loss": loss, "logits": logits}


class Noisy(torch.utils.data.Dataset):
    def __len__(self):
        return len(INPUTS)

    def __getitem__(self, i):
        return {"x": INPUTS[i] + 0.1 * torch.randn(4), "labels": LABELS[i]}


class Ours(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        outputs = model(**inputs)
        loss = outputs["loss"] * (1 + 0.1 * self.state.global_step)
        return (loss, outputs) if return_outputs else loss


def trainer_of(tmp_path, kind=Trainer, **options):
    names = ("compute_metrics", "compute_loss_func", "callbacks", "optimizers", "eval_dataset")
    parts = {name: options.pop(name) for name in names if name in options}
    set_seed(3)
    options = {
        "output_dir": tmp_path, "per_device_train_batch_size": 4, "per_device_eval_batch_size": 7, "report_to": [],
        "disable_tqdm": True, "use_cpu": True, "save_strategy": "no", "seed": 3, "logging_steps": 1,
        "weight_decay": 0.1,
    } | options  # fmt: skip
    evaluated = [{"x": x, "labels": label} for x, label in zip(INPUTS, LABELS, strict=True)]
    parts = {"eval_dataset": evaluated, **parts}
    return kind(Net(), TrainingArguments(**options), train_dataset=Noisy(), **parts)


def summed(outputs, labels, num_items_in_batch=None):
    loss = torch.nn.functional.cross_entropy(outputs["logits"], labels, reduction="sum")
    return loss / (len(labels) if num_items_in_batch is None else num_items_in_batch)


@pytest.mark.parametrize(
    "options",
    [
        {"gradient_accumulation_steps": 3, "max_grad_norm": 0.3},
        {"gradient_accumulation_steps": 3, "compute_loss_func": summed, "optim": "sgd"},
        {"kind": Ours, "bf16": True, "optim": "adafactor", "max_grad_norm": 0.0},
        {"dataloader_drop_last": True, "train_sampling_strategy": "sequential", "accelerator_config":
         {"use_seedable_sampler": False}},
    ],
)  # fmt: skip
def test_other_trainers(tmp_path, options):
    job = compared(lambda **more: trainer_of(tmp_path, **{**options, **more}), 19, RATE)
    gs.check_job(job, lr=RATE, steps=3)


def test_what_needs_no_gradient_is_left_alone(tmp_path):
    job = gs.transformers.Job(trainer_of(tmp_path))
    frozen = job.model.frozen.weight.clone()
    for _ in range(5):
        job.step(RATE)
    assert torch.equal(job.model.frozen.weight, frozen)
    trained = {id(parameter) for group in job.optimizer.param_groups for parameter in group["params"]}
    assert id(job.model.frozen.weight) not in trained
    assert [group["weight_decay"] for group in job.optimizer.param_groups] == [0.1, 0.0]
    job.step(RATE, weight_decay=0.4)
    assert [group["weight_decay"] for group in job.optimizer.param_groups] == [0.4, 0.0]


def test_groups_keep_their_shares_under_a_warmup_of_the_trainer_s_own(tmp_path):
    def pair():
        model = trainer_of(tmp_path).model
        groups = [{"params": model.head.parameters(), "lr": 0.1}, {"params": model.norm.parameters(), "lr": 0.02}]
        return model, torch.optim.SGD(groups)

    model, optimizer = pair()
    made = trainer_of(tmp_path, optimizers=(optimizer, None), warmup_steps=10)
    made.model = made.model_wrapped = model
    job = gs.transformers.Job(made)
    job.step(0.5)
    assert [group["lr"] for group in job.optimizer.param_groups] == pytest.approx([0.5, 0.1])


@pytest.mark.parametrize("greater", [True, False])
def test_the_metric_is_the_trainer_s(tmp_path, greater):
    def metrics(prediction):
        right = float(np.mean(prediction.predictions.argmax(1) == prediction.label_ids))
        return {"accuracy": right, "error": 1 - right}

    name = "accuracy" if greater else "error"
    made = trainer_of(tmp_path, compute_metrics=metrics, metric_for_best_model=name, greater_is_better=greater)
    job = gs.transformers.Job(made)
    with torch.no_grad():
        job.model.eval()
        accuracy = (job.model(INPUTS, LABELS)["logits"].argmax(1) == LABELS).float().mean().item()
        job.model.train()
    assert job.evaluate() == pytest.approx(-accuracy if greater else 1 - accuracy)
    loss = gs.transformers.Job(trainer_of(tmp_path, compute_metrics=metrics)).evaluate()
    assert loss == pytest.approx(trainer_of(tmp_path).evaluate()["eval_loss"])


def test_what_can_not_be_measured_or_driven_is_named(tmp_path):
    job = gs.transformers.Job(trainer_of(tmp_path, metric_for_best_model="f1"))
    with pytest.raises(gs.JobError, match=r"no eval_f1, but .*eval_loss"):
        job.evaluate()
    with pytest.raises(gs.JobError, match="no eval_dataset"):
        gs.transformers.Job(trainer_of(tmp_path, eval_dataset=None))
    with pytest.raises(gs.JobError, match=r"give a transformers\.Trainer"):
        gs.transformers.Job(Net())
    with pytest.raises(gs.JobError, match="persistent_workers"):
        gs.transformers.Job(trainer_of(tmp_path, dataloader_num_workers=1, dataloader_persistent_workers=True))


def test_a_loss_that_is_not_finite_is_not_left_out_of_the_mean(tmp_path):
    data = [{"x": INPUTS[i] * (float("nan") if i == 0 else 1), "labels": LABELS[i]} for i in range(30)]
    assert np.isnan(gs.transformers.Job(trainer_of(tmp_path, eval_dataset=data)).evaluate())


class Counts(TrainerCallback):
    calls = 0

    def on_train_begin(self, *arguments, **objects):
        type(self).calls += 1

    on_step_end = on_evaluate = on_log = on_train_begin


def test_callbacks_and_logs_are_left_alone_and_a_search_trains(tmp_path, capsys):
    made = trainer_of(tmp_path, callbacks=[Counts()])
    job = gs.transformers.Job(made)
    untrained = job.evaluate()
    tuned = gs.tune(job, steps=100, overhead=4, schedules=["cosine", "constant"])
    assert tuned.final_loss < untrained
    assert number(job.evaluate()) == pytest.approx(tuned.final_loss)
    assert Counts.calls == 0
    assert made.state.log_history == []
    assert not capsys.readouterr().out
    assert any(isinstance(callback, Counts) for callback in made.callback_handler.callbacks)


class Adapted(Net):
    """A frozen network with a low-rank adapter: no bias is trained, so the Trainer's second group is empty."""

    def __init__(self):
        super().__init__()
        self.requires_grad_(False)
        self.down, self.up = torch.nn.Linear(4, 2, bias=False), torch.nn.Linear(2, 8, bias=False)
        self.frozen.register_forward_hook(lambda module, inputs, outputs: outputs + self.up(self.down(*inputs)))


def test_an_adapter_without_biases_is_trained_as_by_its_trainer(tmp_path):
    def make(**options):
        trainer = trainer_of(tmp_path, **options)
        set_seed(4)
        return Trainer(Adapted(), trainer.args, train_dataset=Noisy(), eval_dataset=trainer.eval_dataset)

    job = compared(make, 10, RATE)
    assert [len(group["params"]) for group in job.optimizer.param_groups] == [2, 0]
    gs.check_job(job, lr=RATE, steps=3)


def test_a_model_with_adapters_is_trained_as_by_its_trainer(tmp_path):
    peft = pytest.importorskip("peft")
    from transformers import GPT2Config, GPT2LMHeadModel

    def make(**options):
        set_seed(0)
        size = {"vocab_size": 16, "n_positions": 8, "n_embd": 8, "n_layer": 1, "n_head": 2}
        tokens = {"bos_token_id": 0, "eos_token_id": 0}
        model = GPT2LMHeadModel(GPT2Config(**size, **tokens))
        adapters = peft.LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True, lora_dropout=0.1)
        data = [{"input_ids": row, "labels": row} for row in torch.randint(16, (24, 8))]
        arguments = {"per_device_train_batch_size": 4, "report_to": [], "disable_tqdm": True, "use_cpu": True,
                     "save_strategy": "no"} | options  # fmt: skip
        return Trainer(peft.get_peft_model(model, adapters), TrainingArguments(tmp_path, **arguments),
                       train_dataset=data, eval_dataset=data)  # fmt: skip

    job = compared(make, 8, RATE)
    gs.check_job(job, lr=0.1, steps=3)
    trained = {name for name, parameter in job.model.named_parameters() if parameter.requires_grad}
    assert trained
    assert all("lora" in name for name in trained)
    before = {name: value.clone() for name, value in job.model.state_dict().items()}
    job.average("ema", 0.5)
    job.step(RATE)
    job.evaluate_average()
    changed = {name for name, value in job.model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == trained
