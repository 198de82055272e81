"""A guard: trainings that are disturbed end as if they hadn't been, in a search and in a plain torch loop."""

import copy
import math
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import torch
from torch import nn

import glideslope as gs
from glideslope.feedback import VERDICTS
from glideslope.search.runs.contestant import Run

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from guard import PEAK, STEPS, Disturbed, looped, places_for, searched

torch.set_num_threads(1)


@pytest.mark.parametrize("seed", range(3))
def test_a_disturbed_training_ends_as_an_undisturbed_one_with_a_guard_and_is_lost_without(seed):
    undisturbed = searched(Disturbed(seed), "cosine").final_loss
    assert undisturbed < 0.2
    places = places_for(seed)
    lost = searched(Disturbed(seed, places), "cosine").final_loss
    assert lost > 2
    guarded = searched(Disturbed(seed, places), "cosine * guard()")
    assert guarded.final_loss == pytest.approx(undisturbed, rel=0.03)
    assert 5 <= len(guarded.events) <= 30
    assert len(guarded.losses) == STEPS
    for event in guarded.events:
        assert event.back_to <= event.update
        assert any(place - 50 <= event.update <= place + 150 for place in places)


def test_a_batch_of_nan_is_skipped_on_replay():
    undisturbed = searched(Disturbed(), "cosine").final_loss
    assert searched(Disturbed(nan=700), "cosine").final_loss == math.inf
    memory = {}
    guarded = searched(Disturbed(nan=700), "cosine * guard()", memory)
    assert guarded.final_loss == pytest.approx(undisturbed, rel=0.03)
    [event] = guarded.events
    assert (event.update, event.kind, event.back_to, event.skipped) == (699, "not finite", 650, True)
    assert math.isnan(event.loss)
    rates, losses = guarded.curve
    assert len(losses) == STEPS
    assert np.isfinite(losses).all()
    factors = rates / (PEAK * gs.cosine().over(STEPS).sample(STEPS))
    np.testing.assert_allclose(factors, 1)  # a bad batch is no fault of the rate
    assert (event.answer, event.factor) == ("skipped", 1.0)
    [data] = memory.values()
    again = Run.remembered(data)
    assert again.events[0].back_to == 650
    np.testing.assert_array_equal(again.curve[0], rates)


def test_a_training_that_is_lost_at_every_rate_stops_with_a_diagnosis():
    class Lost(Disturbed):
        def step(self, lr):
            return super().step(lr) * (math.nan if self.made > 500 else 1)

    ended = searched(Lost(), "cosine * guard(times=2)")
    assert ended.final_loss == math.inf
    assert len(ended.events) == 2
    assert "lost 3 times near update 500" in ended.problem
    assert "batch or the model" in ended.problem


def test_a_plain_loop_that_is_disturbed():
    undisturbed, _ = looped(Disturbed(), "cosine")
    places = places_for(0)
    lost, _ = looped(Disturbed(places=places), "cosine")
    assert not lost < 2
    final, guard = looped(Disturbed(places=places), "cosine * guard()")
    assert final == pytest.approx(undisturbed, rel=0.03)
    assert len(guard.events) >= 5


@pytest.mark.slow
def test_a_plain_loop_that_meets_a_batch_of_nan():
    assert math.isnan(looped(Disturbed(nan=700), "cosine")[0])
    final, guard = looped(Disturbed(nan=700), "cosine * guard()")
    assert final == pytest.approx(looped(Disturbed(), "cosine")[0], rel=0.03)
    [event] = guard.events
    assert (event.update, event.back_to, event.answer) == (699, 699, "refused")


def small(folder=None, schedule="constant * guard(every=5, rest=10)"):
    torch.manual_seed(0)  # the same weights for each training of a test
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
    assert [(event.kind, event.answer, event.factor) for event in guard.events] == [("not finite", "back", 1.0)]
    assert scheduler.last_epoch == 14  # the position goes on
    assert optimizer.param_groups[0]["lr"] == 0.1
    step(norm=math.inf), step(math.nan)  # at the same place again: by now the rate may be at fault
    assert guard.events[-1].answer == "lowered"
    torch.testing.assert_close(model.state_dict(), weights)
    found = []
    for _ in range(12):
        found.append(optimizer.param_groups[0]["lr"])
        step()
    assert found == pytest.approx([0.01] * 10 + [0.1] * 2)
    if on_disk:
        assert len(list((tmp_path / "snapshots").rglob("*.pt"))) == 3


def test_a_lowered_rate_is_saved_with_the_scheduler():
    _, optimizer, scheduler, _, step = small()
    step()
    for _ in range(3):
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
    for _ in range(3):
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


def test_buffers_that_are_not_saved_go_back_and_files_of_dropped_snapshots_are_gone(tmp_path):
    model, _, _, guard, step = small(tmp_path)
    model.register_buffer("seen", torch.zeros(1), persistent=False)
    guard.resumed()
    for i in range(30):
        model.seen += math.nan if i in (20, 22, 24) else 1
        step(math.nan if i in (20, 22, 24) else None)
    assert math.isfinite(model.seen.item())
    assert len(list(tmp_path.rglob("*.pt"))) <= 3


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
