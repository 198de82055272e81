"""Forecasts in a torch loop, under Lightning's Trainer and under the Hugging Face Trainer."""

import logging
import math

import lightning
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset
from transformers import Trainer, TrainingArguments

import glideslope as gs
from glideslope import laws
from glideslope.laws.near_public import usual

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
pytestmark = pytest.mark.filterwarnings("ignore")
STEPS = 400


SCHEDULE = "warmup(5%) >> cosine"
LOSSES = usual(laws.Rates.of_schedule(SCHEDULE, STEPS, 1e-3), np.arange(STEPS + 1.0))


def loss_after(step):
    return float(LOSSES[step])


def loop(steps, schedule=SCHEDULE, fault=None, **options):
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    scheduler = gs.torch.Scheduler(optimizer, schedule, steps=STEPS)
    forecast = gs.torch.Forecast(scheduler, **options)
    for step in range(1, steps + 1):
        optimizer.step()
        scheduler.step()
        forecast.step(torch.tensor(loss_after(step) * (1.3 if step == fault else 1.0)))
    return forecast


def test_a_forecast_in_a_loop():
    told = []
    forecast = loop(300, to=told.append, every=0.2)
    made = forecast.read()
    assert made.step == 300
    assert made.low < loss_after(STEPS) < made.high
    assert not forecast.alarms
    assert len(told) == 3
    other = loop(0)
    other.load_state_dict(forecast.state_dict())
    assert other.read() == made


def test_a_spike_and_a_loss_that_is_lost():
    told = []
    (alarm,) = loop(200, fault=150, to=told.append, every=1.0).alarms
    assert (alarm.step, alarm.kind) == (150, "above")
    assert alarm in told
    forecast = loop(100)
    forecast.see(101, math.nan)
    assert forecast.alarms[-1].kind == "not finite"


def test_schedules_that_have_no_end_or_move():
    optimizer = torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), lr=0.1)
    for schedule in ("constant", gs.cosine().over(100) * gs.plateau()):
        with pytest.raises(gs.LawError, match="end"):
            gs.torch.Forecast(gs.torch.Scheduler(optimizer, schedule))
    with pytest.raises(gs.LawError, match="Scheduler"):
        gs.torch.Forecast(optimizer)


class Module(lightning.LightningModule):
    """Learns a constant."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)

    def training_step(self, batch, _):
        return self.layer(batch[0]).square().mean() + 1.0

    def configure_optimizers(self):
        return gs.lightning.scheduled(self, torch.optim.SGD(self.parameters(), lr=0.01), "warmup(5%) >> cosine")


@pytest.mark.parametrize("micro_batches", [1, 2])
def test_under_lightning(tmp_path, micro_batches):
    data, told = TensorDataset(torch.randn(4, 3)), []
    forecast = gs.lightning.Forecast(to=told.append, every=0.5)
    lightning.Trainer(
        max_steps=60, accumulate_grad_batches=micro_batches, callbacks=[forecast], logger=False, accelerator="cpu",
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
    ).fit(Module(), DataLoader(data, batch_size=2))  # fmt: skip
    made = forecast.forecast.read()
    assert made.step == 60
    assert made.end == pytest.approx(1.0, abs=0.3)
    assert told


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)

    def forward(self, x):
        return {"loss": self.layer(x).square().mean() + 1.0}


def test_under_the_trainer(tmp_path):
    told = []
    schedule = gs.transformers.Callback("warmup(5%) >> cosine")
    forecast = gs.transformers.Forecast(schedule, to=told.append, every=0.5)
    args = TrainingArguments(
        output_dir=tmp_path, max_steps=60, logging_steps=2, learning_rate=0.01, report_to=[], save_strategy="no",
        disable_tqdm=True, use_cpu=True,
    )  # fmt: skip
    Trainer(
        Net(), args, train_dataset=[{"x": row} for row in torch.randn(40, 3)], callbacks=[schedule, forecast]
    ).train()
    assert forecast.forecast.read().step == 59
    assert forecast.forecast.read().end == pytest.approx(1.0, abs=0.3)
    assert told
