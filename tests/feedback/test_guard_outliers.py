"""A guard among many outliers, and where the losses are on another level for good."""

import numpy as np
import pytest
import torch

import glideslope as gs
from glideslope.feedback import VERDICTS, Places
from tests.feedback.test_guard_answers import Small


def losses(seed, count, part):
    """Losses about 1, of which a part is an outlier; and which are."""
    random = np.random.default_rng(seed)
    outliers = random.random(count) < part
    return np.where(outliers, 10 ** random.uniform(3, 6, count), random.normal(1, 0.1, count)), outliers


@pytest.mark.parametrize("begins_with_one", [False, True])
@pytest.mark.parametrize("part", [0.05, 0.2, 1 / 3])
@pytest.mark.parametrize("seed", range(5))
def test_outliers_move_neither_the_level_nor_the_deviations(seed, part, begins_with_one):
    values, outliers = losses(seed, 400, part)
    values[0], outliers[0] = (1e5, True) if begins_with_one else (1.0, False)
    guard = gs.guard()
    state = guard.init()
    for value in values:
        state = guard.update(state, float(value))
    good = values[~outliers]
    assert state["level"] == pytest.approx(np.median(good), abs=0.4)
    assert state["spread"] < 10 * np.abs(good - np.median(good)).mean()
    assert guard.update(state, 30.0)["rough"] == 1 + state["rough"]


def test_losses_that_rise_at_first_and_stay_are_no_outliers():
    guard = gs.guard()
    state = guard.init()
    for value in [1.0] * 4 + [50.0] * 60:
        state = guard.update(state, value)
    assert (state["level"], VERDICTS[int(state["verdict"])], state["rough"]) == (pytest.approx(50), "calm", 0)


def test_a_loss_of_0_among_the_first_is_no_level():
    random = np.random.default_rng(0)
    guard = gs.guard()
    state = guard.init()
    found = set()
    for value in random.random(500) * (random.random(500) < 0.5):
        state = guard.update(state, float(value))
        found.add(VERDICTS[int(state["verdict"])])
    assert found == {"calm"}


def test_another_level_of_the_loss_for_good_is_accepted():
    """A constant that is added to the loss changes no gradient: the training goes on, and isn't stopped."""
    torch.manual_seed(0)
    loop = Small("constant * guard()", lambda weights: torch.optim.SGD(weights, lr=0.05))
    random = torch.Generator().manual_seed(1)
    for t in range(700):
        noise = 0.05 * torch.randn((), generator=random).item()
        loop.optimizer.zero_grad()
        loss = (loop.model(loop.x) - loop.x.sum(1, keepdim=True)).square().mean()
        loss.backward()
        loop.optimizer.step()
        loop.scheduler.step()
        loop.guard.step(loss.item() + noise + (3.0 if t >= 300 else 0.0))
    assert "accepted" in [event.answer for event in loop.guard.events]
    assert loop.guard.events[-1].update < 500
    assert loop.guard.state["level"] == pytest.approx(3.0, abs=0.1)
    assert loop.optimizer.param_groups[0]["lr"] == 0.05


def test_places_that_bad_batches_have_by_chance_are_expected_ever_less():
    random = np.random.default_rng(0)
    bad = random.random(3000) < 1 / 3
    places, wrong = Places(), []
    for drawn in range(3000):
        if places.following(drawn) == drawn and not bad[drawn]:
            wrong.append(drawn)
            places.forget(drawn)
        elif bad[drawn]:
            places.note(drawn)
    assert len(wrong) < 20


def test_outliers_in_a_third_of_the_batches_cost_only_these():
    """Against a loop that leaves exactly these out."""

    def run(schedule):
        random = np.random.default_rng(3)
        torch.manual_seed(0)
        model = torch.nn.Linear(8, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
        scheduler = gs.torch.Scheduler(optimizer, schedule, steps=600)
        guard = gs.torch.Guard(model, scheduler) if "guard" in schedule else None
        for _ in range(600):
            x = torch.tensor(random.normal(size=(16, 8)), dtype=torch.float32)
            y = x.sum(1, keepdim=True) + torch.tensor(random.normal(size=(16, 1)), dtype=torch.float32)
            is_far = random.random() < 1 / 3
            if is_far:
                y[0] *= 1000
            optimizer.zero_grad()
            loss = (model(x) - y).square().mean()
            loss.backward()
            if is_far and guard is None:
                optimizer.zero_grad()
            optimizer.step()
            scheduler.step()
            if guard:
                guard.step(loss)
        return (model.weight - 1).square().sum().item() + model.bias.square().item()

    assert run("cosine * guard()") < run("cosine") + 0.05  # it begins at 8
