"""The job from a LightningModule against Lightning's own `fit` and `validate`."""

import warnings

import lightning
import pytest
import torch
from lightning.pytorch.plugins import MixedPrecision
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

import glideslope as gs

from .test_transformers_job import example

INPUTS = torch.randn(50, 6, generator=torch.Generator().manual_seed(0))
TARGETS = (INPUTS @ torch.randn(6, 3, generator=torch.Generator().manual_seed(1))).argmax(1)
VALIDATION = TensorDataset(INPUTS[:23], TARGETS[:23])
QUIET = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False,
         "enable_model_summary": False}  # fmt: skip
RATE = 0.05

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers:", "ignore:.*treespec, LeafSpec")


class Noisy(Dataset):
    """Data that draws from the global generator, as dropout does."""

    def __len__(self):
        return len(INPUTS)

    def __getitem__(self, i):
        return INPUTS[i] + 0.1 * torch.randn(6), TARGETS[i]


class Stream(IterableDataset):
    def __iter__(self):
        return iter(zip(INPUTS, TARGETS, strict=True))


class Module(lightning.LightningModule):
    """A loss that depends on the update and the epoch, hooks that change a batch and a gradient, and metrics."""

    def __init__(self, scheduler=None):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.BatchNorm1d(16), torch.nn.Dropout(0.2),
                                       torch.nn.Linear(16, 3))  # fmt: skip
        self.accuracy, self.scheduler, self.losses, self.begun = MulticlassAccuracy(3), scheduler, [], 0

    def on_train_epoch_start(self):
        self.begun += 1

    def on_after_batch_transfer(self, batch, dataloader_idx):
        return batch[0] * 1.5, batch[1]

    def on_after_backward(self):
        self.net[0].weight.grad *= 0.5

    def training_step(self, batch, batch_idx):
        inputs, targets = batch
        loss = torch.nn.functional.cross_entropy(self.net(inputs), targets)
        self.log_dict({"train_loss": loss, "rate": self.optimizers().param_groups[0]["lr"]}, prog_bar=True)
        loss = loss * (1 + 0.01 * self.global_step + 0.1 * self.current_epoch + 0.01 * batch_idx)
        self.losses.append(loss.detach())
        return {"loss": loss, "other": inputs}

    def validation_step(self, batch, batch_idx):
        inputs, targets = batch
        outputs = self.net(inputs)
        self.accuracy(outputs, targets)
        loss = torch.nn.functional.cross_entropy(outputs, targets)
        self.log("val_accuracy", self.accuracy)
        self.log("val_loss", loss)
        self.log("largest", outputs.max(), reduce_fx="max")
        return loss

    def on_validation_epoch_end(self):
        self.log("constant", 7.0)

    def configure_optimizers(self):
        optimizer = torch.optim.SGD([{"params": self.net[0].parameters(), "lr": RATE},
                                     {"params": self.net[1:].parameters(), "lr": RATE / 5}], momentum=0.9)  # fmt: skip
        return self.scheduler(self, optimizer) if self.scheduler else optimizer


def loaders(**options):
    return (
        DataLoader(options.pop("data", Noisy()), **{"batch_size": 4, "shuffle": True, **options}),
        DataLoader(VALIDATION, batch_size=5),
    )


def job_of(module=None, trainer=None, options=None, **more):
    lightning.seed_everything(0, verbose=False)
    module = Module() if module is None else module
    train_loader, validation_loader = loaders(**(options or {}))
    trainer = lightning.Trainer(**{**QUIET, "max_epochs": 1, **(trainer or {})})
    return gs.lightning.Job(module, None, trainer, train_loader=train_loader, validation_loader=validation_loader,
                            **more)  # fmt: skip


def assert_same_weights(one, other):
    torch.testing.assert_close(one.state_dict(), other.state_dict(), rtol=0, atol=0)


def test_the_example_is_the_training_of_its_trainer():
    file = example("lightning_job")
    lightning.seed_everything(0, verbose=False)
    module = file.Digits()
    file.trainer(max_epochs=1000, max_steps=100, limit_val_batches=0).fit(module, file.DigitsData())
    job = file.job(0)
    for _ in range(100):
        job.step(1e-2)
    assert_same_weights(job.model, module)
    gs.check_job(job, lr=1e-2, steps=24)  # over the end of an epoch, at update 135
    plain = gs.lightning.Job(file.Digits(), file.DigitsData())
    untrained = plain.evaluate()
    for _ in range(20):
        plain.step(1e-2)
    assert plain.evaluate() < untrained


@pytest.mark.parametrize(
    ("trainer", "options"),
    [
        ({"accumulate_grad_batches": 3, "gradient_clip_val": 0.5}, {}),
        ({"gradient_clip_val": 0.01, "gradient_clip_algorithm": "value", "precision": "bf16-mixed"}, {}),
        ({"limit_train_batches": 7, "accumulate_grad_batches": 2, "precision": "64-true"}, {}),
        ({"accumulate_grad_batches": 3}, {"data": Stream(), "shuffle": False}),
        ({}, {"generator": 5, "drop_last": True}),
        ({}, {"data": TensorDataset(INPUTS, TARGETS), "num_workers": 2}),
    ],
)
def test_a_fit_at_a_constant_rate_is_the_same_training(trainer, options):
    def own():
        return options | ({"generator": torch.Generator().manual_seed(5)} if "generator" in options else {})

    lightning.seed_everything(0, verbose=False)
    module = Module()
    fit = lightning.Trainer(**QUIET, **trainer, max_epochs=100, max_steps=15, limit_val_batches=0)
    fit.fit(module, loaders(**own())[0])
    job = job_of(trainer=trainer, options=own())
    losses = [job.step(RATE).item() for _ in range(15)]
    assert [loss.item() for loss in job.model.losses] == [loss.item() for loss in module.losses]
    assert_same_weights(job.model, module)
    assert job.model.begun == module.begun
    accumulated = trainer.get("accumulate_grad_batches", 1)
    assert losses[0] == pytest.approx(torch.stack(module.losses[:accumulated]).mean().item())
    assert [group["lr"] for group in job.optimizer.param_groups] == pytest.approx([RATE, RATE / 5])
    if not options.get("num_workers"):
        gs.check_job(job, lr=0.01, steps=5)


def test_updates_that_the_scaler_skips_are_made_with_other_batches():
    def half():
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**34)
        return {"plugins": [MixedPrecision("16-mixed", "cpu", scaler)], "gradient_clip_val": 0.5}

    job = job_of(trainer=half())
    for _ in range(6):
        assert job.step(RATE).isfinite()
    lightning.seed_everything(0, verbose=False)
    module = Module()
    fit = lightning.Trainer(**QUIET, **half(), max_epochs=100, max_steps=job.trainer.global_step, limit_val_batches=0)
    fit.fit(module, loaders()[0])
    assert len(module.losses) == len(job.model.losses) > 6
    assert_same_weights(job.model, module)
    gs.check_job(job, lr=0.01, steps=5)


def test_a_validation_is_lightning_s():
    expected = {}
    for monitor in (None, "val_loss", "val_accuracy", "largest", "constant"):
        job = job_of(monitor=monitor, maximize=monitor == "val_accuracy")
        for _ in range(9):
            job.step(RATE)
        expected[monitor] = job.evaluate()
        assert job.evaluate() == expected[monitor]
    validated = lightning.Trainer(**QUIET).validate(job.model, loaders()[1], verbose=False)[0]
    assert expected["val_loss"] == pytest.approx(validated["val_loss"])
    assert expected[None] == pytest.approx(validated["val_loss"])
    assert -expected["val_accuracy"] == pytest.approx(validated["val_accuracy"])
    assert expected["largest"] == pytest.approx(validated["largest"])
    assert expected["constant"] == 7.0


def test_an_unused_scheduler_warns():
    def scheduled(module, optimizer):
        return gs.lightning.scheduled(module, optimizer, "warmup(50%) >> cosine")

    def one_cycle(module, optimizer):
        steps = module.trainer.estimated_stepping_batches
        return [optimizer], [torch.optim.lr_scheduler.OneCycleLR(optimizer, [0.3, 0.06], total_steps=steps)]

    trained = []
    for scheduler in (None, scheduled):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            lightning.seed_everything(0, verbose=False)
            job = job_of(Module(scheduler))
            job.step(RATE)
            job.restore(job.state())
            assert [group["lr"] for group in job.optimizer.param_groups] == pytest.approx([RATE, RATE / 5])
            job.step(RATE)
        said = [str(one.message) for one in caught if one.category is gs.GlideslopeWarning]
        assert len(said) == (scheduler is not None)
        assert all("a job doesn't use" in one for one in said)
        trained.append(job.model)
    assert_same_weights(*trained)
    with pytest.warns(UserWarning, match="a job doesn't use"):
        job = job_of(Module(one_cycle))
    job.step(RATE)
    assert job.optimizer.param_groups[1]["lr"] == pytest.approx(RATE / 5)


def test_what_can_not_be_driven_is_named():
    class Manual(Module):
        automatic_optimization = False

    class Stepping(Module):
        def optimizer_step(self, *arguments, **options):
            super().optimizer_step(*arguments, **options)

    class Silent(Module):
        def validation_step(self, batch, batch_idx):
            self.log("val_f1", 0.5)

    class Repeating(Module):
        def configure_optimizers(self):
            return torch.optim.LBFGS(self.parameters())

    with pytest.raises(gs.JobError, match="LBFGS"):
        job_of(Repeating())
    with pytest.raises(gs.JobError, match="automatic_optimization=False"):
        job_of(Manual())
    with pytest.raises(gs.JobError, match="overrides optimizer_step"):
        job_of(Stepping())
    with pytest.raises(gs.JobError, match="give monitor='constant', 'val_f1'"):
        job_of(Silent()).evaluate()
    with pytest.raises(gs.JobError, match=r"logs no 'val_acc', but .*'val_accuracy'"):
        job_of(monitor="val_acc").evaluate()
    with pytest.raises(gs.JobError, match="limit_val_batches"):
        job_of(trainer={"limit_val_batches": 0})
    with pytest.raises(gs.JobError, match="fast_dev_run"):
        job_of(trainer={"fast_dev_run": True})
    with pytest.raises(gs.JobError, match="makes no update"):
        job_of(trainer={"max_epochs": 0})
    with pytest.raises(gs.JobError, match=r"give a lightning\.LightningModule"):
        gs.lightning.Job(torch.nn.Linear(1, 1))


def test_the_trainer_is_as_it_was_and_a_search_trains():
    class Counts(lightning.Callback):
        calls = 0

        def on_train_start(self, *arguments):
            self.calls += 1

        on_fit_start = on_exception = on_before_backward = on_train_start

    counts = Counts()
    job = job_of(trainer={"callbacks": [counts]})
    untrained = job.evaluate()
    tuned = gs.tune(job, steps=100, overhead=4, schedules=["cosine", "constant"])
    assert tuned.final_loss < untrained
    assert job.evaluate() == pytest.approx(tuned.final_loss)
    assert counts.calls == 0
    assert counts in job.trainer.callbacks
    assert "log" not in vars(job.model)
