"""Schedules under Lightning's Trainer: automatic and manual optimization, accumulation, going on from a checkpoint."""

import logging
import math
import warnings

import lightning
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import glideslope as gs
from glideslope.policy import as_policy

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
pytestmark = pytest.mark.filterwarnings("ignore")
BATCHES = 10
DATA = TensorDataset(torch.randn(4 * BATCHES, 3, generator=torch.Generator().manual_seed(0)))


class Module(lightning.LightningModule):
    """Records the rate of every update as its optimizer makes it."""

    schedule, options = "warmup(25%) >> cosine()", ()

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.rates = torch.nn.Linear(3, 1), []

    def training_step(self, batch, _):
        return self.layer(batch[0]).square().mean()

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.3)
        optimizer.register_step_pre_hook(lambda o, *_: self.rates.append(o.param_groups[0]["lr"]))
        return self.scheduled(optimizer)

    def scheduled(self, optimizer):
        return gs.lightning.scheduled(self, optimizer, self.schedule, **dict(self.options))


class Manual(Module):
    automatic_optimization = False

    def training_step(self, batch, index):
        self.manual_backward(self.layer(batch[0]).square().mean())
        if index % 2:
            self.optimizers().step()
            self.optimizers().zero_grad()
        self.lr_schedulers().step()  # after each micro-batch


class Returned(Module):
    def scheduled(self, optimizer):
        return [optimizer], [{"scheduler": gs.torch.Scheduler(optimizer, self.schedule, steps=40), "interval": "step"}]


def fit(module, tmp_path, checkpoint=None, batches=None, **options):
    trainer = lightning.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        default_root_dir=tmp_path, enable_checkpointing=False, **options,
    )  # fmt: skip
    loader = DataLoader(DATA, batch_sampler=batches) if batches else DataLoader(DATA, batch_size=4)
    trainer.fit(module, loader, ckpt_path=checkpoint)
    return trainer


def expected(steps, peak=0.3):
    schedule = gs.parse(Module.schedule).over(steps)
    return [peak * schedule(t) for t in range(steps)]


@pytest.mark.parametrize("kind", [Module, Returned])
def test_one_update_a_batch(kind, tmp_path):
    fit(module := kind(), tmp_path, max_epochs=4)
    assert module.rates == pytest.approx(expected(40))


def test_accumulated_batches_count_once(tmp_path):
    fit(module := Module(), tmp_path, max_epochs=8, accumulate_grad_batches=4)
    assert module.rates == pytest.approx(expected(24))  # ten batches are three updates: 4, 4, and 2


def test_manual_optimization(tmp_path):
    class Half(Manual):
        options = (("steps", 20),)

    fit(module := Half(), tmp_path, max_epochs=4)
    assert module.rates == pytest.approx(expected(20))


def test_going_on_from_a_checkpoint(tmp_path):
    fit(whole := Module(), tmp_path, max_steps=40)
    first = fit(Module(), tmp_path, max_steps=40, callbacks=[Stop(17)])
    first.save_checkpoint(tmp_path / "at.ckpt")
    fit(second := Module(), tmp_path, max_steps=40, checkpoint=tmp_path / "at.ckpt")
    assert second.rates == whole.rates[17:]


class Stop(lightning.Callback):
    def __init__(self, at):
        self.at = at

    def on_train_batch_end(self, trainer, *_):
        trainer.should_stop = trainer.global_step >= self.at


def test_a_longer_training_from_a_checkpoint(tmp_path):
    class Stable(Module):
        schedule = "wsd(4, 8)"

    class Longer(Module):
        schedule = gs.wsd(4, 8).over(40).extend(at=17, to=60)
        options = (("steps", None),)

    first = fit(Stable(), tmp_path, max_steps=40, callbacks=[Stop(17)])
    first.save_checkpoint(tmp_path / "at.ckpt")
    fit(longer := Longer(), tmp_path, max_steps=60, checkpoint=tmp_path / "at.ckpt")
    decay = [0.3 * (1 - t / 8) for t in range(8)]
    np.testing.assert_allclose(longer.rates, [0.3] * 35 + decay)
    with pytest.raises(gs.ScheduleError, match=r"wsd\(4, 8\)\.over\(40\)"):
        fit(Module(), tmp_path, max_steps=60, checkpoint=tmp_path / "at.ckpt")


def test_stepping_once_an_epoch_warns(tmp_path):
    class ByEpoch(Module):
        def scheduled(self, optimizer):
            return [optimizer], [gs.torch.Scheduler(optimizer, self.schedule, steps=40)]

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        fit(module := ByEpoch(), tmp_path, max_epochs=4)
    assert any('in Lightning "interval": "step"' in str(warning.message) for warning in told)
    assert module.rates[10::10] == pytest.approx(expected(40)[10::10])


def test_a_training_without_an_end_needs_a_horizon(tmp_path):
    with pytest.raises(gs.ScheduleError, match="steps="):
        fit(Module(), tmp_path, max_epochs=-1)


class Measured(Module):
    """Validates to the same loss each epoch, which a plateau of no patience cuts for."""

    schedule = "hold * plateau(factor=0.1, patience=0)"

    def training_step(self, batch, index):
        self.log("train_loss", 1.0)
        return super().training_step(batch, index)

    def validation_step(self, batch, _):
        self.log("val_loss", 1.0)


class ByOption(Measured):
    options = (("monitor", "val_loss"),)


class ByEntry(Measured):
    def scheduled(self, optimizer):
        found = super().scheduled(optimizer)
        found["lr_scheduler"]["monitor"] = "val_loss"
        return found


class ByHand(Measured):
    def scheduled(self, optimizer):
        scheduler = gs.torch.Scheduler(optimizer, self.schedule, steps=40)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step", "monitor": "val_loss"},
        }


class OfTraining(Measured):
    options = (("monitor", "train_loss"),)


@pytest.mark.parametrize("kind", [ByOption, ByEntry, ByHand, OfTraining])
def test_a_feedback_gets_the_monitored_metric(kind, tmp_path):
    module = kind()
    loader = DataLoader(DATA, batch_size=4)
    trainer = lightning.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False, max_epochs=4,
        default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(module, loader, loader)
    np.testing.assert_allclose(module.rates[::BATCHES], [0.3, 0.3, 0.03, 0.003])  # the first is an improvement


class Counting(Measured):
    """Logs the number of the epoch, of validations and of the training."""

    schedule = "hold * plateau(patience=1000, mode=max)"

    def training_step(self, batch, index):
        self.log("train_loss", float(self.current_epoch), on_step=False, on_epoch=True)
        return Module.training_step(self, batch, index)

    def validation_step(self, batch, _):
        self.log("val_loss", float(self.current_epoch))


@pytest.mark.parametrize(
    ("monitor", "every", "told"),
    [
        ("val_loss", 1, [0, 1, 2, 3]),
        ("val_loss", 2, [1, 3]),
        ("train_loss", 1, [0, 1, 2, 3]),
        ("train_loss", 2, [0, 1, 2, 3]),
    ],
)
def test_each_measurement_is_passed_once_when_it_is_made(monitor, every, told, tmp_path, monkeypatch):
    metrics = []
    measure = gs.torch.Scheduler.measure
    monkeypatch.setattr(gs.torch.Scheduler, "measure", lambda own, m: (metrics.append(float(m)), measure(own, m))[1])
    module = Counting()
    module.options = (("monitor", monitor),)
    loader = DataLoader(DATA, batch_size=4)
    trainer = lightning.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False, max_epochs=4,
        default_root_dir=tmp_path, enable_checkpointing=False, check_val_every_n_epoch=every,
    )  # fmt: skip
    trainer.fit(module, loader, loader)
    trainer.validate(module, loader, verbose=False)
    assert metrics == told


def test_manual_optimization_is_asked_for_its_updates(tmp_path):
    with pytest.warns(UserWarning, match="give gs.lightning.scheduled steps="):
        fit(Manual(), tmp_path, max_epochs=1)


def test_arguments_in_another_order_are_said():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    with pytest.raises(gs.ScheduleError, match=r"SGD isn't a LightningModule: write gs.lightning.scheduled\(self"):
        gs.lightning.scheduled(optimizer, Module(), "cosine")


def test_a_monitor_that_is_not_logged_is_named_after_the_first_epoch(tmp_path):
    class Misspelt(Measured):
        options = (("monitor", "valloss"),)

    loader = DataLoader(DATA, batch_size=4)
    trainer = lightning.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False, max_epochs=2,
        default_root_dir=tmp_path, enable_checkpointing=False,
    )  # fmt: skip
    with pytest.warns(UserWarning, match=r"monitor='valloss' isn't logged: .*train_loss, val_loss") as caught:
        trainer.fit(Misspelt(), loader, loader)
    assert sum("isn't logged" in str(one.message) for one in caught) == 1


def test_a_feedback_without_a_monitor_warns(tmp_path):
    module = Measured()
    loader = DataLoader(DATA, batch_size=4)
    trainer = lightning.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False, max_epochs=4,
        default_root_dir=tmp_path, enable_checkpointing=False,
    )  # fmt: skip
    with pytest.warns(UserWarning, match="got no measurement in 40 updates"):
        trainer.fit(module, loader, loader)


class Epochs(Module):
    schedule = "warmup(1ep) >> cosine()"


@pytest.mark.parametrize(("options", "epoch", "total"), [
    ({"max_epochs": 4}, 10, 40), ({"max_steps": 40}, 10, 40), ({"max_epochs": -1, "max_steps": 25}, 10, 25),
    ({"max_epochs": 8, "accumulate_grad_batches": 4}, 3, 24), ({"max_epochs": 4, "limit_train_batches": 5}, 5, 20),
])  # fmt: skip
def test_epochs_are_the_trainer_s(tmp_path, options, epoch, total):
    fit(module := Epochs(), tmp_path, **options)
    falling = [0.3 * (1 + math.cos(math.pi * t / (total - epoch))) / 2 for t in range(total - epoch)]
    assert module.rates == pytest.approx([0.3 * t / epoch for t in range(epoch)] + falling)


def test_epochs_may_be_the_horizon_and_of_another_schedule(tmp_path):
    class Both(Epochs):
        schedule = "linear"
        options = (("steps", "2ep"), ("weight_decay", "linear(1ep)"))

    fit(module := Both(), tmp_path, max_epochs=4)
    assert module.rates == pytest.approx([0.3 * max(1 - t / 20, 0) for t in range(40)])


def test_epochs_that_the_trainer_does_not_know(tmp_path):
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(DATA)

    def train(module):
        trainer = lightning.Trainer(accelerator="cpu", logger=False, max_steps=20, enable_checkpointing=False,
                                    enable_progress_bar=False, default_root_dir=tmp_path)  # fmt: skip
        trainer.fit(module, DataLoader(Stream(), batch_size=4))

    with pytest.raises(gs.ScheduleError, match=r"length of the training data: give .* clock=gs.Clock"):
        train(Epochs())

    class Told(Epochs):
        options = (("clock", gs.Clock(steps_per_epoch=10)),)

    train(module := Told())
    assert module.rates[:11] == pytest.approx([0.03 * t for t in range(11)])
    with pytest.raises(gs.ScheduleError, match="manual optimization"):
        fit(type("ManualEpochs", (Manual,), {"schedule": "warmup(1ep) >> cosine"})(), tmp_path, max_epochs=4)


def test_a_growth_is_refused_where_the_trainers_batches_stay(tmp_path):
    for schedule in ("cosine * growth(4, 16)", gs.batches.growth(gs.cosine().over(40), 4, 16)):
        with pytest.raises(gs.BatchError, match=r"the trainer's don't: .* take the schedule alone, cosine"):
            fit(type("Growing", (Module,), {"schedule": schedule})(), tmp_path, max_epochs=4)


def test_batches_that_grow(tmp_path):
    growth = gs.batches.growth(gs.cosine().over(40), 4, 16)
    module = type("Growing", (Module,), {"schedule": growth})()
    fit(module, tmp_path, batches=gs.torch.GrowingBatches(len(DATA), growth, seed=0), max_epochs=1)  # all in one
    assert module.rates == pytest.approx(as_policy(growth).rates(40, 0.3).tolist())


def test_the_old_name_of_the_schedule():
    module = Module()
    module.options = {"steps": 10}
    optimizer = torch.optim.SGD(module.parameters(), lr=0.3)
    with pytest.warns(DeprecationWarning, match="lr= is called schedule= now"):
        gs.lightning.scheduled(module, optimizer, lr="cosine", steps=10)
