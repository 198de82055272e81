"""The lines that a search prints to paste, in real trainings: the rates that the optimizer had are the search's."""

import lightning
import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

import glideslope as gs
from glideslope.frameworks.pasted import lines_to_paste
from glideslope.policy import as_policy
from glideslope.search import Contestant

STEPS = 24
TEXTS = ["one_cycle()", "warmup(5) >> linear(60)", "warmup(10%) >> hold() >> cooldown(20%, shape=sqrt)"]
DATA = TensorDataset(torch.randn(96, 3, generator=torch.Generator().manual_seed(0)), torch.arange(96) % 2)

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers:", "ignore:.*treespec, LeafSpec")


def job_of(model=None, optimizer=None, **options):
    model = model or nn.Linear(3, 2)
    optimizer = optimizer or torch.optim.AdamW(model.parameters(), lr=0.3)
    return gs.torch.Job(model, optimizer, cross_entropy, DataLoader(DATA, 8), DataLoader(DATA, 8), **options)


def rates_of(optimizer):
    """A list that gets the rates of all groups at each update."""
    rates = []
    optimizer.register_step_pre_hook(lambda *_: rates.append([float(group["lr"]) for group in optimizer.param_groups]))
    return rates


def line_with(lines, part):
    (line,) = [line for line in lines if part in line]
    return line


def assert_rates(rates, contestant):
    assert len(rates) == STEPS
    np.testing.assert_allclose(np.array(rates)[:, 0], contestant.rates(STEPS), rtol=1e-12, atol=1e-18)


@pytest.mark.parametrize("text", TEXTS)
def test_in_a_hugging_face_trainer(tmp_path, text):
    contestant = Contestant(gs.parse(text), 0.024)
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=16, n_positions=8, n_embd=8, n_layer=1, n_head=2))
    tokens = torch.randint(16, (4 * STEPS, 8))
    arguments = TrainingArguments(
        tmp_path, max_steps=STEPS, per_device_train_batch_size=2, gradient_accumulation_steps=2, use_cpu=True,
        report_to=[], disable_tqdm=True, save_strategy="no", lr_scheduler_type="cosine", warmup_steps=5,
    )  # fmt: skip
    data = [{"input_ids": row, "labels": row} for row in tokens]
    line = line_with(lines_to_paste(job_of(), contestant, STEPS), "Trainer(")
    scope = {"gs": gs, "Trainer": Trainer, "model": model, "arguments": arguments, "data": data}
    exec("trainer = " + line.replace("...", "model, arguments, train_dataset=data"), scope)
    trainer = scope["trainer"]
    trainer.create_optimizer()
    rates = rates_of(trainer.optimizer)
    trainer.train()
    assert_rates(rates, contestant)


@pytest.mark.parametrize("text", TEXTS)
def test_in_lightning(text):
    contestant = Contestant(gs.parse(text), 0.024)
    line = line_with(lines_to_paste(job_of(), contestant, STEPS), "configure_optimizers")
    scope = {"gs": gs, "torch": torch}
    exec(f"def configure_optimizers(self):\n    optimizer = torch.optim.AdamW(self.parameters(), lr=0.3)\n    {line}",
         scope)  # fmt: skip

    class Module(lightning.LightningModule):
        configure_optimizers = scope["configure_optimizers"]

        def __init__(self):
            super().__init__()
            self.net = nn.Linear(3, 2)

        def on_train_start(self):
            self.rates = rates_of(self.trainer.optimizers[0])

        def training_step(self, batch):
            return cross_entropy(self.net(batch[0]), batch[1])

    module = Module()
    trainer = lightning.Trainer(
        max_steps=STEPS, max_epochs=-1, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, accumulate_grad_batches=2,
    )  # fmt: skip
    trainer.fit(module, DataLoader(DATA, 4))
    assert_rates(module.rates, contestant)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("prepared", [True, False])
def test_in_a_loop_with_accelerate(text, prepared):
    contestant = Contestant(gs.parse(text), 0.024)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.3)
    rates = rates_of(optimizer)
    model, optimizer, loader = accelerator.prepare(model, optimizer, DataLoader(DATA, 2))
    scope = {"gs": gs, "optimizer": optimizer}
    job = gs.accelerate.Job(accelerator, model, optimizer, cross_entropy, loader, loader)
    exec(line_with(lines_to_paste(job, contestant, STEPS), "torch.Scheduler"), scope)
    scheduler = accelerator.prepare(scope["scheduler"]) if prepared else scope["scheduler"]
    for inputs, targets in loader:
        with accelerator.accumulate(model):
            accelerator.backward(cross_entropy(model(inputs), targets))
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    assert_rates(rates, contestant)


@pytest.mark.parametrize("text", [*TEXTS, "cosine() * plateau(patience=1) * guard()"])
def test_in_a_torch_loop(text):
    contestant = Contestant(as_policy(text).value, 0.024)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.3)
    rates = rates_of(optimizer)
    lines = lines_to_paste(job_of(), contestant, STEPS)
    scope = {"gs": gs, "optimizer": optimizer, "model": model, "validation_loss": 1.0}
    exec(line_with(lines, "torch.Scheduler"), scope)
    for line in lines:
        if line.startswith("guard = "):
            exec(line, scope)
    for i in range(STEPS):
        loss = cross_entropy(model(DATA[:8][0]), DATA[:8][1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scope["scheduler"].step()
        if "guard" in scope:
            scope["guard"].step(loss)
            if i % 4 == 3:
                exec(line_with(lines, "scheduler.measure("), scope)
    factors = np.array(rates)[:, 0] / np.maximum(gs.parse(text.partition(" *")[0]).sample(STEPS) * 0.024, 1e-9)
    if "plateau" in text:  # the same loss four times: from the second wait on, the rate is a tenth
        assert factors[:12] == pytest.approx(1)
        assert factors[12:20] == pytest.approx(0.1)
    else:
        assert_rates(rates, contestant)


def test_in_a_torch_loop_of_several_optimizers():
    contestant = Contestant(gs.parse("one_cycle()"), 0.1)
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    parts = [{"params": model[1].weight, "lr": 1e-3}, {"params": model[1].bias, "lr": 5e-4}]
    optimizers = [torch.optim.SGD(model[0].parameters(), lr=0.02), torch.optim.SGD(parts)]
    rates = [rates_of(optimizer) for optimizer in optimizers]
    job = job_of(model, optimizers)
    for rate in contestant.rates(STEPS):
        job.step(rate)
    searched = [np.array(each) for each in rates]
    for each, optimizer in zip(rates, optimizers, strict=True):
        each.clear()
        for group, rate in zip(optimizer.param_groups, [1e-3, 5e-4] if len(optimizer.param_groups) > 1 else [0.02],
                               strict=True):  # fmt: skip
            group["lr"] = rate
    scope = {"gs": gs, "optimizers": optimizers}
    made, stepped = lines_to_paste(job, contestant, STEPS)
    exec(made, scope)
    for _ in range(STEPS):
        for optimizer in optimizers:
            optimizer.step()
        exec(stepped, scope)
    for one, other in zip(searched, rates, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("text", TEXTS)
def test_in_optax(text):
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    contestant = Contestant(gs.parse(text), 0.024)
    (line,) = lines_to_paste(gs.jax.Job({}, (), lambda *_: None, lambda t: None, lambda p: 0.0), contestant, STEPS)
    scope = {"gs": gs, "optax": optax}
    exec(line, scope)
    params = jax.numpy.zeros(())
    state = scope["optimizer"].init(params)
    changes = []
    for _ in range(STEPS):  # Adam's change by a gradient that stays the same is the rate
        change, state = scope["optimizer"].update(jax.numpy.ones(()), state, params)
        changes.append(-float(change))
    np.testing.assert_allclose(changes, contestant.rates(STEPS), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("text", TEXTS)
def test_in_keras(text):
    keras = pytest.importorskip("keras")
    contestant = Contestant(gs.parse(text), 0.024)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(0.3), lambda targets, outputs: keras.ops.mean(outputs))
    ones = np.ones((2 * STEPS, 1), "float32")
    job = gs.keras.Job(model, gs.keras.Batches((ones, ones), batch_size=2), (ones, ones))
    (line,) = lines_to_paste(job, contestant, STEPS)
    weights = [0.0]

    class Weights(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            weights.append(float(self.model.get_weights()[0].item()))

    scope = {"gs": gs, "model": model, "ones": ones, "Weights": Weights}
    exec(
        line.replace("...", "ones, ones, batch_size=2, verbose=0").replace("callbacks=[", "callbacks=[Weights(), "),
        scope,
    )
    np.testing.assert_allclose(-np.diff(weights), contestant.rates(STEPS), rtol=1e-3, atol=1e-7)


def test_growing_batches_in_a_torch_loop():
    contestant = Contestant(as_policy("cosine() * growth(base=8, largest=32)").value, 0.024)
    optimizer = torch.optim.AdamW(nn.Linear(3, 2).parameters(), lr=0.3)
    rates = rates_of(optimizer)
    scope = {"gs": gs, "optimizer": optimizer, "data": DATA}
    for line in lines_to_paste(job_of(), contestant, STEPS):
        exec(line, scope)
    sizes = []
    for inputs, _ in DataLoader(DATA, batch_sampler=scope["batches"]):
        sizes.append(len(inputs))
        optimizer.step()
        scope["scheduler"].step()
    np.testing.assert_allclose(np.array(rates)[:, 0], contestant.rates(STEPS), rtol=1e-12)
    assert sizes == contestant.controls(STEPS)["batch_size"].tolist()


class Growing(Trainer):
    def get_train_dataloader(self):
        return DataLoader(self.train_dataset, batch_sampler=self.batches)


def test_growing_batches_in_a_hugging_face_trainer(tmp_path):
    contestant = Contestant(as_policy("cosine() * growth(base=8, largest=32)").value, 0.024)
    updates = len(contestant.rates(STEPS))
    arguments = TrainingArguments(
        tmp_path, max_steps=updates, use_cpu=True, report_to=[], disable_tqdm=True, save_strategy="no"
    )  # fmt: skip
    model = GPT2LMHeadModel(GPT2Config(vocab_size=16, n_positions=8, n_embd=8, n_layer=1, n_head=2))
    data = [{"input_ids": row, "labels": row} for row in torch.randint(16, (96, 8))]
    job = gs.transformers.Job(Trainer(model, arguments, train_dataset=data, eval_dataset=data))
    lines = lines_to_paste(job, contestant, STEPS)
    scope = {"gs": gs, "Trainer": Growing, "model": model, "arguments": arguments, "data": data}
    assert f"{updates} updates in all" in lines[-1]
    for line in lines:
        exec(line.replace("Trainer(...", "trainer = Trainer(model, arguments, train_dataset=data"), scope)
    trainer, sizes = scope["trainer"], []
    trainer.batches, trainer.data_collator = scope["batches"], None
    trainer.create_optimizer()
    rates = rates_of(trainer.optimizer)
    model.register_forward_pre_hook(lambda _, args, kwargs: sizes.append(len(kwargs["input_ids"])), with_kwargs=True)
    trainer.train()
    np.testing.assert_allclose(np.array(rates)[:, 0], contestant.rates(STEPS), rtol=1e-12)
    assert sizes == contestant.controls(STEPS)["batch_size"].tolist()


def test_a_guard_is_left_out_where_nothing_would_call_it(tmp_path):
    contestant = Contestant(as_policy("cosine() * plateau() * guard()").value, 0.1)
    lines = lines_to_paste(job_of(), contestant, STEPS)
    assert "guard(" in lines[0]
    assert all("guard(" not in line and "plateau(" in line for line in lines if "Trainer(" in line or "self, " in line)
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.3), "mse")
    ones = np.ones((4, 1), "float32")
    line, comment = lines_to_paste(
        gs.keras.Job(model, gs.keras.Batches((ones, ones), batch_size=2), (ones, ones)), contestant, STEPS
    )
    exec(line.replace("...", "ones, ones, epochs=2, validation_data=(ones, ones), verbose=0"),
         {"gs": gs, "model": model, "ones": ones})  # fmt: skip
    assert "guard" in comment


def test_a_trainer_s_job_has_the_lines_of_its_trainer_alone(tmp_path):
    contestant = Contestant(gs.parse("one_cycle()"), 0.024)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=16, n_positions=8, n_embd=8, n_layer=1, n_head=2))
    data = [{"input_ids": row, "labels": row} for row in torch.randint(16, (8, 8))]
    arguments = TrainingArguments(tmp_path, use_cpu=True, report_to=[], disable_tqdm=True, save_strategy="no")
    job = gs.transformers.Job(Trainer(model, arguments, train_dataset=data, eval_dataset=data))
    assert [line.partition("(")[0] for line in lines_to_paste(job, contestant, STEPS)] == ["Trainer"]
