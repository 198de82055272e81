"""The job with Accelerate against a loop of one's own, in one process and in two."""

import json
import math

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import glideslope as gs

from .accelerate_job import INPUTS, TARGETS, TRAIN, VALIDATION
from .test_distributed import torchrun


def of_two_processes(tmp_path, search):
    torchrun(2, "accelerate_job.py", tmp_path / "results", 2, search)
    first, second = (json.loads((tmp_path / f"results.{i}").read_text()) for i in range(2))
    assert first == second
    return first


@pytest.mark.slow
def test_two_processes_make_the_updates_of_a_loop(tmp_path):
    results = of_two_processes(tmp_path, False)
    assert results["job"] == results["loop"]
    assert results["same"]
    assert results["value"] == pytest.approx(results["expected"], abs=1e-6)


@pytest.mark.slow
def test_two_processes_search_alike(tmp_path):
    assert math.isfinite(of_two_processes(tmp_path, True)["tuned"][2])


@pytest.fixture(autouse=True)
def fresh():
    """Accelerate keeps its precision and accumulation for all of a process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


def job_of(accelerate=1, loss=cross_entropy, precision="no", scale=None, **options):
    torch.manual_seed(0)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=accelerate, mixed_precision=precision)
    model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    if scale:  # float16 itself needs a GPU
        accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    parts = [{"params": model[0].parameters(), "lr": 0.1, "weight_decay": 0.0},
             {"params": model[2].parameters(), "lr": 0.05, "weight_decay": 0.01}]  # fmt: skip
    optimizer = torch.optim.AdamW(parts)
    loaders = DataLoader(TRAIN, batch_size=4, shuffle=True), DataLoader(VALIDATION, batch_size=4)
    model, optimizer, *loaders = accelerator.prepare(model, optimizer, *loaders)
    return gs.accelerate.Job(accelerator, model, optimizer, loss, *loaders, **options)


@pytest.mark.parametrize("options", [{"accelerate": 2}, {"accelerate": 3, "clip_norm": 0.1, "precision": "bf16"}])
def test_it_conforms_over_the_end_of_an_epoch(options):
    gs.check_job(job_of(**options), lr=0.05, steps=7)


def test_a_part_in_evaluation_mode_stays_so_and_a_whole_model_is_said():
    job = job_of()
    job.model[1].eval()
    job.step(0.05)
    job.evaluate()
    job.step(0.05)
    assert [part.training for part in (job.model, *job.model)] == [True, True, False, True]
    job.model.eval()
    given = job.prepared_model, job._prepared[0], cross_entropy, job.validation_loader, job.validation_loader
    with pytest.warns(gs.GlideslopeWarning, match=r"evaluation mode.*call model\.train\(\)"):
        gs.accelerate.Job(job.accelerator, *given)


def test_updates_that_the_scaler_skips_are_made_with_other_batches():
    job = job_of(loss=lambda *pair: 100 * cross_entropy(*pair), scale=2.0**127, accelerate=2, clip_norm=1.0)
    before = job.evaluate()
    job.step(0.05)
    assert job.accelerator.scaler.get_scale() < 2.0**124
    assert job.evaluate() != before
    assert len(job.optimizers[0].state) == 4
    assert all(state["step"] == 1 for state in job.optimizers[0].state.values())
    gs.check_job(job, lr=0.05, steps=5)


def test_groups_keep_their_shares_and_the_undecayed_stays_so():
    job = job_of()
    job.step(0.02, weight_decay=0.3)
    groups = job.optimizers[0].param_groups
    assert [group["lr"] for group in groups] == pytest.approx([0.02, 0.01])
    assert [group["weight_decay"] for group in groups] == [0.0, 0.3]


def test_a_metric_is_over_all_examples():
    def accuracy(outputs, targets):
        return (outputs.argmax(1) == targets).float().mean()

    job = job_of(metric=accuracy, maximize=True)
    with torch.no_grad():
        expected = accuracy(job.model(INPUTS[46:]), TARGETS[46:])
    assert -job.evaluate() == pytest.approx(expected.item())


def test_batch_loss_is_the_same_training():
    results = []
    for options in ({}, {"loss": None, "batch_loss": lambda model, batch: cross_entropy(model(batch[0]), batch[1])}):
        job = job_of(**options)
        results.append([job.step(0.05).item() for _ in range(15)] + [job.evaluate()])
    np.testing.assert_allclose(*results, rtol=1e-6)


def test_what_is_not_prepared_is_named():
    model = torch.nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = DataLoader(TensorDataset(INPUTS, TARGETS))
    with pytest.raises(gs.JobError, match=r"accelerator\.prepare"):
        gs.accelerate.Job(Accelerator(cpu=True), model, optimizer, cross_entropy, loader, loader)
    with pytest.raises(gs.JobError, match="give the Accelerator first"):
        gs.accelerate.Job(model, optimizer, cross_entropy, loader, loader)
