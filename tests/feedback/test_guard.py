"""A guard: trainings that are disturbed end as if they hadn't been, in a search and in a plain torch loop."""

import copy
import math
import random

import jax
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import glideslope as gs
from glideslope.feedback import VERDICTS
from glideslope.search.contestant import Contestant, Run, read
from glideslope.search.trials import Trials

STEPS, PEAK = 3000, 0.1


@pytest.fixture(scope="module")
def digits():
    torch.set_num_threads(1)
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.data))
    return torch.tensor(data.data[order] / 16, dtype=torch.float32), torch.tensor(data.target[order])


class Digits:
    """A network on the digits, whose rate is 30 times too large for 50 attempted updates from each of some places on,
    and which meets a batch of NaN."""

    def __init__(self, data, seed=0, places=(), nan=None):
        torch.manual_seed(seed)
        self.x, self.y = data
        self.model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=PEAK, momentum=0.9, weight_decay=1e-2)
        self.made = self.drawn = self.left = 0
        self.places, self.nan = set(places), nan

    def batch(self):
        epoch, place = divmod(self.drawn, 18)
        chosen = np.random.default_rng([1, epoch]).permutation(1200)[64 * place : 64 * place + 64]
        x, y = self.x[chosen], self.y[chosen]
        self.drawn += 1
        return (torch.full_like(x, math.nan) if self.drawn == self.nan else x), y

    def loss(self):
        x, y = self.batch()
        return nn.functional.cross_entropy(self.model(x), y)

    def disturbance(self):
        if self.made in self.places:
            self.places.remove(self.made)
            self.left = 50
        self.left -= self.left > 0
        return 30.0 if self.left else 1.0

    def step(self, lr):
        self.optimizer.param_groups[0]["lr"] = lr * self.disturbance()
        self.made += 1
        loss = self.loss()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def skip(self):
        self.drawn += 1

    @torch.no_grad()
    def evaluate(self):
        return nn.functional.cross_entropy(self.model(self.x[1200:]), self.y[1200:]).item()

    def state(self):
        return copy.deepcopy((self.model.state_dict(), self.optimizer.state_dict(), self.made, self.drawn))

    def restore(self, state):
        model, optimizer, self.made, self.drawn = copy.deepcopy(state)
        self.model.load_state_dict(model)
        self.optimizer.load_state_dict(optimizer)


def run(job, schedule, memory=None):
    trials = Trials(job, memory={} if memory is None else memory)
    return trials.run(Contestant(read(schedule), PEAK), STEPS, stage="test")


def places_for(seed):
    factors = gs.cosine().over(STEPS).sample(STEPS)
    return random.Random(seed).sample([t for t in range(100, STEPS) if factors[t] > 0.3], 10)


@pytest.mark.parametrize("seed", range(3))
def test_a_disturbed_training_ends_as_an_undisturbed_one_with_a_guard_and_is_lost_without(digits, seed):
    undisturbed = run(Digits(digits, seed), "cosine").final_loss
    assert undisturbed < 0.2
    places = places_for(seed)
    lost = run(Digits(digits, seed, places), "cosine").final_loss
    assert lost > 2
    guarded = run(Digits(digits, seed, places), "cosine * guard()")
    assert guarded.final_loss == pytest.approx(undisturbed, rel=0.03)
    assert 5 <= len(guarded.events) <= 30
    for event in guarded.events:
        assert event.back_to <= event.update
        assert any(place - 50 <= event.update <= place + 150 for place in places)


def test_a_batch_of_nan_is_skipped_on_replay(digits):
    undisturbed = run(Digits(digits), "cosine").final_loss
    assert run(Digits(digits, nan=700), "cosine").final_loss == math.inf
    memory = {}
    guarded = run(Digits(digits, nan=700), "cosine * guard()", memory)
    assert guarded.final_loss == pytest.approx(undisturbed, rel=0.03)
    [event] = guarded.events
    assert (event.update, event.kind, event.back_to, event.skipped) == (699, "not finite", 650, True)
    assert math.isnan(event.loss)
    rates, losses = guarded.curve
    assert len(losses) == STEPS
    assert np.isfinite(losses).all()
    factors = rates / (PEAK * gs.cosine().over(STEPS).sample(STEPS))
    np.testing.assert_allclose(factors[[649, 650, 745, 760]], [1, 0.1, 0.1, 1])
    [data] = memory.values()
    again = Run.remembered(data)
    assert again.events[0].back_to == 650
    np.testing.assert_array_equal(again.curve[0], rates)


def test_a_training_that_is_lost_at_every_rate_stops_with_a_diagnosis(digits):
    class Lost(Digits):
        def step(self, lr):
            return super().step(lr) * (math.nan if self.made > 500 else 1)

    ended = run(Lost(digits), "cosine * guard(times=2)")
    assert ended.final_loss == math.inf
    assert len(ended.events) == 2
    assert "lost 3 times near update 500" in ended.problem
    assert "batch or the model" in ended.problem


def loop(digits, schedule, seed=0, **disturbed):
    """A plain torch loop."""
    job = Digits(digits, seed, **disturbed)
    scheduler = gs.torch.Scheduler(job.optimizer, schedule, steps=STEPS)
    guard = gs.torch.Guard(job.model, scheduler) if "guard" in str(schedule) else None
    for _ in range(STEPS):
        scheduled = job.optimizer.param_groups[0]["lr"]
        job.optimizer.param_groups[0]["lr"] = scheduled * job.disturbance()
        job.made += 1
        loss = job.loss()
        job.optimizer.zero_grad()
        loss.backward()
        job.optimizer.step()
        scheduler.step()
        if guard:
            guard.step(loss)
    return job.evaluate(), guard


def test_a_plain_loop_that_is_disturbed(digits):
    undisturbed, _ = loop(digits, "cosine")
    places = places_for(0)
    lost, _ = loop(digits, "cosine", places=places)
    assert not lost < 2
    final, guard = loop(digits, "cosine * guard()", places=places)
    assert final == pytest.approx(undisturbed, rel=0.03)
    assert len(guard.events) >= 5


def test_a_plain_loop_that_meets_a_batch_of_nan(digits, tmp_path):
    assert math.isnan(loop(digits, "cosine", nan=700)[0])
    final, guard = loop(digits, "cosine * guard()", nan=700)
    assert final == pytest.approx(loop(digits, "cosine")[0], rel=0.03)
    assert [(event.update, event.back_to) for event in guard.events] == [(699, 650)]


def small(folder=None, schedule="constant * guard(every=5, rest=10)"):
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = gs.torch.Scheduler(optimizer, schedule, steps=1000)
    guard = gs.torch.Guard(model, scheduler, folder=folder)

    def step(loss=None, norm=0.0):
        value = ((model(torch.ones(1, 1)) - 1) ** 2).mean()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        scheduler.step()
        guard.step(value if loss is None else loss, norm)

    return model, optimizer, scheduler, guard, step


@pytest.mark.parametrize("on_disk", [False, True])
def test_weights_and_momentum_go_back(tmp_path, on_disk):
    model, optimizer, scheduler, guard, step = small(tmp_path / "snapshots" if on_disk else None)
    for _ in range(10):
        step()
    weights = copy.deepcopy(model.state_dict())
    momentum = optimizer.state[model.weight]["momentum_buffer"].clone()
    for _ in range(3):
        step()
    step(norm=torch.tensor(math.inf))
    torch.testing.assert_close(model.state_dict(), weights)
    torch.testing.assert_close(optimizer.state[model.weight]["momentum_buffer"], momentum)
    assert guard.events[0].kind == "not finite"
    assert scheduler.last_epoch == 14  # the position goes on
    found = []
    for _ in range(12):
        found.append(optimizer.param_groups[0]["lr"])
        step()
    assert found == pytest.approx([0.01] * 10 + [0.1] * 2)
    if on_disk:
        assert len(list((tmp_path / "snapshots").iterdir())) == 3


def test_a_lowered_rate_is_saved_with_the_scheduler():
    _, optimizer, scheduler, _, step = small()
    step()
    step(math.nan)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)
    _, other, resumed, _, _ = small()
    resumed.load_state_dict(scheduler.state_dict())
    assert other.param_groups[0]["lr"] == pytest.approx(0.01)


def test_every_schedule_is_lowered_by_the_one_guard():
    parts = [{"params": [nn.Parameter(torch.ones(1))], "lr": rate} for rate in (1.0, 0.5)]
    optimizer = torch.optim.SGD(parts)
    scheduler = gs.torch.Scheduler(optimizer, ["constant * guard()", "constant"])
    guard = gs.torch.Guard(nn.Linear(1, 1), scheduler)
    optimizer.step(), scheduler.step(), guard.step(math.inf)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1, 0.05])


def test_mistakes():
    with pytest.raises(gs.FeedbackError, match="two guards on one run"):
        gs.cosine() * gs.guard() * gs.guard(factor=0.5)
    with pytest.raises(gs.ScheduleError, match="two guards on one run"):
        gs.parse("guard() * guard()")
    model, _, scheduler, _, _ = small()
    with pytest.raises(gs.FeedbackError, match="two guards on one run"):
        gs.torch.Guard(model, scheduler)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(gs.FeedbackError, match=r"no schedule here has a guard.*gs\.guard\(\)"):
        gs.torch.Guard(model, gs.torch.Scheduler(optimizer, "cosine * plateau", steps=10))
    with pytest.raises(gs.FeedbackError, match="every=0"):
        gs.guard(every=0)
    with pytest.raises(gs.FeedbackError, match="kept"):
        gs.guard(kept=1.5)
    two = [{"params": [nn.Parameter(torch.ones(1))]} for _ in range(2)]
    with pytest.raises(gs.FeedbackError, match="two guards on one run"):
        gs.torch.Scheduler(torch.optim.SGD(two, lr=0.1), ["constant * guard()", "constant * guard()"])
    lost = small(schedule="constant * guard(times=1)")[4]
    lost(math.nan)
    with pytest.raises(gs.DivergenceError, match="lost 2 times"):
        lost(math.nan)


def test_a_guard_is_the_same_under_jit():
    guard = gs.guard()
    losses = [1 + 0.1 * math.sin(t) for t in range(60)] + [5.0, 1.0, 1.5, 1.5, 1.5, 1.0, math.nan]
    state = guard.init()
    traced = jax.tree.map(np.float32, guard.init())
    update = jax.jit(guard.update)
    for loss in losses:
        state, traced = guard.update(state, loss), update(traced, np.float32(loss))
        for name, value in state.items():
            np.testing.assert_allclose(traced[name], value, rtol=1e-4, err_msg=name)
    assert VERDICTS[int(state["verdict"])] == "not finite"


def test_steady_growth_is_seen_and_noise_is_not():
    guard, random_state = gs.guard(), np.random.default_rng(0)

    def verdicts(losses):
        state, found = guard.init(), []
        for loss in losses:
            state = guard.update(state, float(loss))
            found.append(state["verdict"])
        return found

    noisy = 2 * np.exp(-np.arange(20_000) / 3000) + 0.3 + 0.1 * random_state.standard_t(10, 20_000)
    assert not any(verdicts(noisy))
    growing = np.concatenate([noisy[:10_000], noisy[9_999] + 0.002 * np.arange(2000)])
    growing[10_000:] += 0.1 * random_state.standard_normal(2000)
    found = verdicts(growing)
    assert not any(found[:10_000])
    first = next(i for i, verdict in enumerate(found) if verdict)
    assert (VERDICTS[int(found[first])], first < 10_800) == ("growth", True)


def test_a_resumed_guard_goes_on_as_it_was():
    def run(step, scheduler, updates):
        rates = []
        for update in updates:
            rates.append(scheduler.optimizer.param_groups[0]["lr"])
            step(math.nan if update == 30 else 1.0)
        return rates

    schedule = "constant * guard(every=5, rest=20)"
    _, _, scheduler, _, step = small(schedule=schedule)
    whole = run(step, scheduler, range(80))
    _, _, first, _, step = small(schedule=schedule)
    begun = run(step, first, range(40))
    saved = first.state_dict()
    _, _, resumed, guard, step = small(schedule=schedule)
    resumed.load_state_dict(saved)
    assert begun + run(step, resumed, range(40, 80)) == whole
    assert not guard.events
    step(math.nan)
    assert guard.events[0].back_to >= 40  # a snapshot of the loaded training, not of the one before


def test_what_is_saved_stays_as_it_was():
    _, _, scheduler, _, step = small()
    step()
    saved = scheduler.state_dict()
    before = copy.deepcopy(saved)
    step(math.nan)
    assert saved == before


def test_updates_that_mixed_precision_skips_for_ever_are_a_divergence():
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = gs.torch.Scheduler(optimizer, "constant * guard(every=5)")
    scaler = torch.amp.GradScaler("cpu")
    guard = gs.torch.Guard(model, scheduler, scaler=scaler)
    for update in range(60):
        if update == 20:
            with torch.no_grad():
                model.weight.fill_(math.inf)
        loss = model(torch.ones(1, 1)).square().mean()
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        guard.step(loss)
    assert [event.kind for event in guard.events] == ["not finite"]
    assert math.isfinite(model.weight.item())
    assert scaler.get_scale() > 1


def test_buffers_that_are_not_saved_go_back_and_files_of_dropped_snapshots_are_gone(tmp_path):
    model, _, _, guard, step = small(tmp_path)
    model.register_buffer("seen", torch.zeros(1), persistent=False)
    guard.resumed()
    for i in range(30):
        model.seen += math.nan if i in (20, 22, 24) else 1
        step(math.nan if i in (20, 22, 24) else None)
    assert math.isfinite(model.seen.item())
    assert len(list(tmp_path.iterdir())) <= 3


def test_what_a_guard_cannot_use():
    step = small()[4]
    with pytest.raises(gs.FeedbackError, match="give one number"):
        step(torch.ones(2))
    with pytest.raises(gs.FeedbackError, match="give one number"):
        step("x")
    _, optimizer, _, _, step = small()
    step()
    optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))]})
    with pytest.raises(gs.FeedbackError, match="make the guard anew"):
        step(math.nan)
