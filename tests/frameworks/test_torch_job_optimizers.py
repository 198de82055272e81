"""A torch job of several optimizers trains as a loop written by hand."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

import glideslope as gs
from tests.frameworks.torch_jobs import DATA, X, job_of, losses, network, same


def matrices(model):
    of = {True: [], False: []}
    for parameter in model.parameters():
        of[parameter.dim() == 2].append(parameter)
    return of[True], of[False]


@pytest.mark.parametrize("clip_norm", [None, 0.1])
def test_muon_beside_adamw_keep_their_proportions(clip_norm):
    trained = []
    for by_hand in (True, False):
        model = network()
        muon, adam = (torch.optim.Muon(matrices(model)[0], lr=0.02), torch.optim.AdamW(matrices(model)[1], lr=0.005))
        trained.append(model)
        if not by_hand:
            job = job_of(model, [muon, adam], clip_norm=clip_norm)
            losses(job, 12, lr=0.04)
            assert adam.param_groups[0]["lr"] == pytest.approx(0.01)
            continue
        muon.param_groups[0]["lr"], adam.param_groups[0]["lr"] = 0.04, 0.01
        for inputs, targets in DataLoader(DATA, 8):
            muon.zero_grad()
            adam.zero_grad()
            cross_entropy(model(inputs), targets).backward()
            if clip_norm:
                nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
            muon.step()
            adam.step()
    assert same(*trained)


def test_several_optimizers_are_restored_and_skipped_together():
    model = network()
    optimizers = [torch.optim.Muon(matrices(model)[0], lr=0.02), torch.optim.AdamW(matrices(model)[1], lr=0.001)]
    job = job_of(model, optimizers, DataLoader(DATA, 8, shuffle=True), autocast=torch.float16, accumulate=2)
    gs.check_job(job, lr=0.01, steps=7)
    losses(job, 1)
    updates = next(iter(optimizers[1].state.values()))["step"].item()
    job.scaler.update(2.0**34)
    before = [parameter.clone() for parameter in model.parameters()]
    job.step(0.01)  # with a scale that overflows at first
    assert job.scaler.get_scale() < 2.0**34
    assert not any(map(torch.equal, before, model.parameters()))
    assert {entry["step"].item() for entry in optimizers[1].state.values()} == {updates + 1}


class Closed(torch.optim.SGD):
    """An optimizer that measures a batch twice, as SAM does."""

    def step(self, closure):
        closure()
        return super().step(closure)


def without_a_rate(model):
    optimizer = torch.optim.SGD(model.parameters())
    optimizer.param_groups[0]["lr"] = None  # as Adafactor of transformers
    return [optimizer]


@pytest.mark.parametrize(
    ("optimizers", "says"),
    [
        (lambda model: [], "empty"),
        (lambda model: [torch.optim.SGD(model.parameters()), torch.optim.SGD(model.parameters())], "updated twice"),
        (lambda model: [torch.optim.SGD(model.parameters()), torch.optim.SGD(network().parameters())], "none of the"),
        (lambda model: [torch.optim.LBFGS(model.parameters())], "LBFGS.step needs a closure"),
        (lambda model: [Closed(model.parameters())], "Closed.step needs a closure"),
        (lambda model: [torch.optim.SGD(model.requires_grad_(False).parameters())], "nothing to train"),
        (without_a_rate, "SGD has lr=None"),
    ],
)
def test_optimizers_that_do_not_fit_are_refused(optimizers, says):
    model = network()
    with pytest.raises(gs.JobError, match=says):
        job_of(model, optimizers(model))


def gan():
    """The networks, and an optimizer of each."""
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    model = nn.ModuleDict({"generator": nn.Linear(2, 2), "critic": critic})
    rates = {"critic": 4e-3, "generator": 1e-3}
    return model, [torch.optim.Adam(model[name].parameters(), lr=rate) for name, rate in rates.items()]


def critic_loss(model, batch):
    real, noise = batch
    critic, fakes = model["critic"], model["generator"](noise).detach()
    return nn.functional.softplus(-critic(real)).mean() + nn.functional.softplus(critic(fakes)).mean()


def generator_loss(model, batch):
    return nn.functional.softplus(-model["critic"](model["generator"](batch[1]))).mean()


def distance(model, batch):
    """Between the means of real and of generated points."""
    return (model["generator"](batch[1]).mean(0) - batch[0].mean(0)).norm()


def test_a_gan_is_updated_in_turn_each_optimizer_by_its_loss():
    batches = [(X[i : i + 8, :2] + 3, X[i : i + 8, 2:4]) for i in range(0, 96, 8)]
    turns = [critic_loss, generator_loss]
    (model, optimizers), (by_hand, pair) = gan(), gan()
    job = job_of(model, optimizers, batches, batches, batch_loss=turns, metric=distance, clip_norm=0.5)
    for batch in batches:
        for optimizer, name, loss in zip(pair, ("critic", "generator"), turns, strict=True):
            by_hand.zero_grad()
            optimizer.param_groups[0]["lr"] = 4e-3 if name == "critic" else 1e-3
            loss(by_hand, batch).backward()
            nn.utils.clip_grad_norm_(by_hand[name].parameters(), 0.5)
            optimizer.step()
        job.step(4e-3)
    assert same(model, by_hand)
    gs.check_job(job, lr=4e-3)
    with pytest.raises(gs.JobError, match="give metric="):
        job_of(*gan(), batches, batches, batch_loss=turns)


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD, torch.optim.Adafactor])
def test_a_group_without_parameters_is_restored(kind):
    model = network()  # weights alone decay, and there is no other parameter
    weights = [parameter for parameter in model.parameters() if parameter.dim() == 2]
    job = job_of(model, kind([{"params": weights, "weight_decay": 0.1}, {"params": [], "weight_decay": 0.0}], lr=0.01))
    gs.check_job(job, lr=0.01, steps=3)


def test_a_group_that_is_added_in_a_run_is_named():
    model, added = network(), nn.Parameter(torch.ones(1))
    job = job_of(model, optimizer := torch.optim.SGD(model.parameters(), lr=0.1))
    losses(job, 3, lr=0.1)
    optimizer.add_param_group({"params": [added]})
    with pytest.raises(gs.JobError, match="has 2 parameter groups now, and had 1 when the job was made"):
        job.step(0.1)
