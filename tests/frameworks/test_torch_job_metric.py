"""What a torch job measures, and what it refuses."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

import glideslope as gs
from tests.frameworks.torch_jobs import DATA, X, Y, accuracy, job_of, network, of_model


def test_a_metric_is_measured_in_place_of_the_loss():
    from torchmetrics.classification import MulticlassF1Score

    model = network()
    with torch.no_grad():
        predicted = model(X).argmax(1)
    correct = (predicted == Y).double().mean().item()
    f1 = []
    for c in range(3):
        hits = ((predicted == c) & (c == Y)).sum().item()
        f1.append(2 * hits / max((predicted == c).sum().item() + (c == Y).sum().item(), 1))
    pair = {"metric": lambda model, batch: ((model(batch[0]).argmax(1) == batch[1]).sum(), len(batch[1]))}
    of_batch = {"metric": lambda model, batch: accuracy(model(batch[0]), batch[1])}
    predict = {"predict": lambda model, batch: (model(batch[0]), batch[1])}
    whole = MulticlassF1Score(3, average="macro")
    assert job_of(model, metric=accuracy).evaluate() == pytest.approx(correct)
    assert job_of(model, metric=accuracy, maximize=True).evaluate() == pytest.approx(-correct)
    assert job_of(model, batch_loss=of_model, **of_batch).evaluate() == pytest.approx(correct)
    assert job_of(model, batch_loss=of_model, **pair).evaluate() == pytest.approx(correct)
    assert job_of(model, batch_loss=of_model, metric=accuracy, **predict).evaluate() == pytest.approx(correct)
    job = job_of(model, metric=whole)
    assert [job.evaluate(), job.evaluate()] == pytest.approx([np.mean(f1)] * 2)
    assert job_of(model, batch_loss=of_model, metric=whole, **predict).evaluate() == pytest.approx(np.mean(f1))
    assert not whole.update_called
    gs.check_job(job_of(network(), train=DataLoader(DATA, 8, shuffle=True), metric=whole, maximize=True), lr=0.02)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "give loss"),
        ({"loss": cross_entropy, "batch_loss": of_model}, "give loss"),
        ({"loss": "mse"}, "give a function"),
        ({"batch_loss": [of_model, of_model], "metric": of_model}, "1 optimizers"),
        ({"batch_loss": [of_model]}, None),
        ({"loss": cross_entropy, "accumulate": 0}, "accumulate=0"),
        ({"loss": cross_entropy, "accumulate": 2.5}, "accumulate=2.5"),
        ({"loss": cross_entropy, "clip_norm": 0.0}, "clip_norm=0.0"),
        ({"loss": cross_entropy, "clip_norm": float("nan")}, "clip_norm=nan"),
        ({"loss": cross_entropy, "clip_norm": "1"}, "clip_norm='1'"),
        ({"loss": cross_entropy, "accumulate": np.int64(2), "clip_norm": np.float32(1)}, None),
        ({"loss": cross_entropy, "autocast": torch.float64}, "autocast=torch.float64"),
        ({"loss": cross_entropy, "train_loader": lambda: iter([])}, "type function, which gives no batches"),
        ({"loss": cross_entropy, "autocast": True}, "autocast=True"),
        ({"loss": cross_entropy, "maximize": True}, "metric="),
        ({"loss": cross_entropy, "metric": 3}, "metric=3"),
        ({"loss": cross_entropy, "validation_batches": 0}, "validation_batches=0"),
        ({"loss": cross_entropy, "train_loader": None}, "both loaders"),
        ({"loss": cross_entropy, "validation_loader": iter([])}, "validation loader is an iterator"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(options, says):
    model = network()
    loaders = {"train_loader": DataLoader(DATA, 8), "validation_loader": DataLoader(DATA, 8)}
    arguments = {**loaders, **options}
    if says is None:
        gs.torch.Job(model, torch.optim.SGD(model.parameters()), **arguments)
        return
    with pytest.raises(gs.JobError) as error:
        gs.torch.Job(model, torch.optim.SGD(model.parameters()), **arguments)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("batch_loss", "says"),
    [
        (lambda model, batch: {"loss": 1}, "gave dict"),
        (lambda model, batch: model(batch[0]), "shape"),
        (lambda model, batch: (of_model(model, batch), model(batch[0])), "second of a pair, gave shape"),
        (lambda model, batch: 0.5, "gave float"),
    ],
)
def test_the_message_names_a_loss_that_is_no_number(batch_loss, says):
    with pytest.raises(gs.JobError, match=says):
        job_of(network(), batch_loss=batch_loss).step(0.1)


def test_a_race_maximizes_a_metric():
    job = job_of(network(), train=DataLoader(DATA, 8, shuffle=True), metric=accuracy, maximize=True)
    result = gs.race(job, ["constant"], 60, [1e-6, 0.05])
    assert result.constant.contestant.peak == 0.05
    assert -1 <= result.constant.mean < -0.6
