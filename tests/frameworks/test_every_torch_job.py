"""What the jobs of all torch trainings can do: gs.torch's, a Hugging Face Trainer's, Lightning's, Accelerate's."""

import copy

import lightning
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset
from transformers import Trainer, TrainingArguments, set_seed

import glideslope as gs

INPUTS = torch.randn(1100, 4, generator=torch.Generator().manual_seed(0)) + 0.5
LABELS = (INPUTS @ torch.randn(4, 3, generator=torch.Generator().manual_seed(1))).argmax(1)
DATA = TensorDataset(INPUTS, LABELS)
BATCH, RATE = 8, 0.1
JOBS = ["torch", "transformers", "lightning", "accelerate"]

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers:", "ignore:.*treespec, LeafSpec")


class Net(torch.nn.Module):
    """A normalized linear classifier, which calculates its loss where it gets labels."""

    def __init__(self):
        super().__init__()
        self.norm, self.head = torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 3)

    def forward(self, x, labels=None):
        logits = self.head(self.norm(x))
        return logits if labels is None else {"loss": cross_entropy(logits, labels), "logits": logits}


class Module(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = Net()

    def training_step(self, batch):
        return cross_entropy(self.net(batch[0]), batch[1])

    validation_step = training_step

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=RATE, weight_decay=0.01)


def of_torch(model, loaders, accumulate):
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, weight_decay=0.01)
    return gs.torch.Job(model, optimizer, cross_entropy, *loaders, accumulate=accumulate)


def of_transformers(model, loaders, accumulate):
    arguments = TrainingArguments(
        "unused", per_device_train_batch_size=BATCH, per_device_eval_batch_size=64, use_cpu=True, report_to=[],
        disable_tqdm=True, save_strategy="no", max_grad_norm=0.0, gradient_accumulation_steps=accumulate,
    )  # fmt: skip
    examples = [{"x": x, "labels": label} for x, label in DATA]
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, weight_decay=0.01)
    return gs.transformers.Job(Trainer(model, arguments, train_dataset=examples, eval_dataset=examples,
                                       optimizers=(optimizer, None)))  # fmt: skip


def of_lightning(model, loaders, accumulate):
    module = Module()
    module.net = model
    trainer = lightning.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, accumulate_grad_batches=accumulate,
    )  # fmt: skip
    return gs.lightning.Job(module, None, trainer, train_loader=loaders[0], validation_loader=loaders[1])


def of_accelerate(model, loaders, accumulate):
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=accumulate)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, weight_decay=0.01)
    model, optimizer, *loaders = accelerator.prepare(model, optimizer, *loaders)
    return gs.accelerate.Job(accelerator, model, optimizer, cross_entropy, *loaders)


@pytest.fixture(params=JOBS)
def make(request, tmp_path, monkeypatch):
    """Makes the job of a kind."""
    monkeypatch.chdir(tmp_path)
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()

    def made(accumulate=1, *, shuffle=False):
        set_seed(0)
        loaders = DataLoader(DATA, batch_size=BATCH, shuffle=True), DataLoader(DATA, batch_size=64, shuffle=shuffle)
        return globals()[f"of_{request.param}"](Net(), loaders, accumulate)

    yield made
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


def net_of(job):
    return getattr(job.model, "net", job.model)


def loss_of(net, places=slice(None)):
    """The loss in evaluation mode, on some of the data."""
    net = copy.deepcopy(net).eval()
    with torch.no_grad():
        return cross_entropy(net(INPUTS[places]), LABELS[places]).item()


def test_an_average_is_measured_and_the_training_goes_on(make):
    job = make()
    job.average("ema", 0.5)
    expected = None
    for _ in range(6):
        job.step(RATE)
        weights = [parameter.detach().clone() for parameter in net_of(job).parameters()]
        expected = weights if expected is None else [(a + b) / 2 for a, b in zip(expected, weights, strict=True)]
    state, trained = job.state(), copy.deepcopy(net_of(job))
    measured = job.evaluate_average()
    averaged = copy.deepcopy(trained)
    for parameter, value in zip(averaged.parameters(), expected, strict=True):
        parameter.data = value
    averaged.norm.running_mean.copy_(INPUTS.mean(0))
    averaged.norm.running_var.copy_(INPUTS.var(0))
    assert measured == pytest.approx(loss_of(averaged), rel=0.02)  # the variance is a mean over batches
    saved = {name.removeprefix("net."): value for name, value in job.measured_state().items()}
    torch.testing.assert_close([saved[name] for name, _ in averaged.named_parameters()], expected)
    torch.testing.assert_close(saved["norm.running_mean"], INPUTS.mean(0), rtol=0, atol=0.02)
    torch.testing.assert_close(net_of(job).state_dict(), trained.state_dict(), rtol=0, atol=0)
    assert job.evaluate() == pytest.approx(loss_of(trained))
    later = [job.step(RATE).item() for _ in range(3)], job.evaluate_average()
    job.restore(state)
    assert ([job.step(RATE).item() for _ in range(3)], job.evaluate_average()) == later


def test_an_estimate_is_of_a_part_spread_over_the_validation_data(make):
    job = make()
    job.step(RATE)
    state = job.state()
    estimate = job.estimate(1)
    assert estimate == job.estimate(1)
    assert estimate != job.evaluate() == job.estimate(1e6)
    parts = [loss_of(net_of(job), slice(64 * i, 64 * i + 64)) for i in (1, 3, 5, 7, 9, 11, 13, 15)]
    assert estimate == pytest.approx(sum(parts) / len(parts), rel=0.1)
    losses = [job.step(RATE).item() for _ in range(3)]
    job.restore(state)
    assert [job.step(RATE).item() for _ in range(3)] == losses


@pytest.mark.parametrize("shuffle", [False, True])
def test_estimates_are_of_the_same_part_whenever_they_are_made_and_by_whichever_job(make, shuffle):
    estimates = set()
    for first in (0, 5):  # the updates before the first estimate, as in a run that goes on in another process
        job = make(shuffle=shuffle)
        initial = copy.deepcopy(net_of(job).state_dict())
        for i in range(139):  # the last batch of an epoch has 4 examples, the others 8
            if i >= first:
                estimates.add(job.estimate(30))
            job.step(RATE)
            torch.rand(1)  # as dropout
            net_of(job).load_state_dict(initial)
    assert len(estimates) == 1
    assert estimates != {job.evaluate()}


@pytest.mark.parametrize("accumulate", [1, 2])
def test_skipped_batches_are_those_of_an_update(make, accumulate):
    losses = []
    for pass_by in (lambda job: job.skip(), lambda job: job.step(0.0)):
        job = make(accumulate)
        for _ in range(70):  # with two batches each, over the end of an epoch
            pass_by(job)
        losses.append([job.step(RATE).item() for _ in range(2)])
    assert losses[0] == losses[1]


def test_a_larger_batch_is_the_update_of_more_micro_batches(make):
    trained = []
    for accumulate, controls in ((4, {}), (1, {"batch_size": 4 * BATCH})):
        job = make(accumulate)
        assert "batch_size" in job.controls
        for _ in range(40):  # over the end of an epoch, of 138 batches
            job.step(RATE, **controls)
        trained.append([parameter.detach() for parameter in job.model.parameters()])
    torch.testing.assert_close(*trained, rtol=1e-4, atol=1e-6)
    job.step(RATE)
    with pytest.raises(gs.JobError, match=f"the loader's batches have {BATCH}"):
        job.step(RATE, batch_size=BATCH + 1)


def test_a_state_of_another_kind_is_refused_and_changes_nothing(make):
    job = make()
    job.step(RATE)
    before = copy.deepcopy(net_of(job).state_dict())
    for state in (None, {}, {"model": {}}):
        with pytest.raises(gs.JobError, match="give what its state\\(\\) returned"):
            job.restore(state)
    torch.testing.assert_close(net_of(job).state_dict(), before, rtol=0, atol=0)


def test_growing_batches_and_averages_are_contestants(make):
    raced = gs.race(make(), ["cosine * growth(base=8, largest=32, multiple=8)", "cosine"], 24, [0.1],
                    averages=["ema(0.9)"], evaluations=2)  # fmt: skip
    assert all(standing.mean < 1.1 for standing in raced.standings)
