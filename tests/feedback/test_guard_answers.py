"""The graded answers of a guard in a torch loop, and what they rest on."""

import copy
import math
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import glideslope as gs
from glideslope.feedback import Places, Ring
from glideslope.feedback.ring import APART
from glideslope.feedback.steady_growth import SteadyGrowth
from glideslope.feedback.trial import Trial
from glideslope.frameworks.torch.feedback.copies import Copy, tensors
from glideslope.frameworks.torch.feedback.snapshots import Health
from glideslope.search.runs.protection import not_finite

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from reliability import KINDS

torch.set_num_threads(1)


class Small:
    """A loop on two layers; its pieces may be changed between the calls."""

    def __init__(self, schedule="constant * guard()", optimizer=None, model=None, steps=1000, **options):
        torch.manual_seed(0)
        self.model = model or nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        self.optimizer = (optimizer or (lambda w: torch.optim.AdamW(w, lr=0.01)))(self.model.parameters())
        self.scheduler = gs.torch.Scheduler(self.optimizer, schedule, steps=steps)
        self.guard = gs.torch.Guard(self.model, self.scheduler, **options)
        self.x = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))

    def step(self, scale=1.0, spoil=lambda model: None, closure=False):
        def loss():
            self.optimizer.zero_grad()
            value = (self.model(self.x) - scale * self.x.sum(1, keepdim=True)).square().mean()
            value.backward()
            spoil(self.model)
            return value

        value = self.optimizer.step(loss) if closure else loss()
        if not closure:
            self.optimizer.step()
        self.scheduler.step()
        self.guard.step(value)

    @property
    def answers(self):
        return [(event.kind, event.answer) for event in self.guard.events]


def scaled(scaler, spoil, updates):
    """A loop with a gradient scaler, in which something is spoilt before update 20."""
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = gs.torch.Scheduler(optimizer, "constant * guard(every=5)")
    guard = gs.torch.Guard(model, scheduler, scaler=scaler)
    for update in range(updates):
        if update == 20:
            spoil(model)
        loss = model(torch.ones(1, 1)).square().mean()
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        guard.step(loss)
    return model, scheduler, guard


def spoil_gradient(model):
    next(model.parameters()).grad[0] = math.nan


@pytest.mark.parametrize("closure", [False, True])
@pytest.mark.parametrize("fused", [False, True])
def test_an_update_without_a_finite_gradient_touches_nothing(closure, fused):
    loop = Small(optimizer=lambda weights: torch.optim.AdamW(weights, lr=0.01, fused=fused))
    for _ in range(30):
        loop.step(closure=closure)
    before = copy.deepcopy((loop.model.state_dict(), loop.optimizer.state_dict()["state"]))
    loop.step(spoil=spoil_gradient, closure=closure)
    torch.testing.assert_close((loop.model.state_dict(), loop.optimizer.state_dict()["state"]), before, rtol=0, atol=0)
    assert loop.answers == [("not finite", "refused")]
    assert loop.scheduler.last_epoch == 31
    assert next(loop.model.parameters()).grad is not None


def test_labels_far_too_large_are_refused_and_damaged_weights_go_back():
    loop = Small()
    for _ in range(30):
        loop.step()
    before = copy.deepcopy(loop.model.state_dict())
    loop.step(scale=1000.0)
    torch.testing.assert_close(loop.model.state_dict(), before)
    with torch.no_grad():
        for weight in loop.model.parameters():
            weight.mul_(30)
    loop.step()
    assert loop.answers == [("spike", "refused"), ("weights grow", "back")]
    assert max(weight.abs().max().item() for weight in loop.model.parameters()) < 3


def test_statistics_are_repaired_and_a_mask_of_infinities_is_left_alone():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    model.register_buffer("mask", torch.tensor([0.0, -math.inf]))
    loop = Small(model=model)
    for _ in range(12):
        loop.step()
    weights = copy.deepcopy(dict(model.named_parameters()))
    model[1].running_var.fill_(math.nan)
    for _ in range(9):
        loop.step()
    assert loop.answers == [("weights not finite", "repaired")]
    assert model[1].running_var.isfinite().all()
    assert model.mask.tolist() == [0.0, -math.inf]
    assert any(not torch.equal(weights[name], weight) for name, weight in model.named_parameters())


@pytest.mark.parametrize("cut", [0, 10, 40, None])
def test_of_damaged_files_an_older_one_is_taken(tmp_path, cut):
    loop = Small(folder=tmp_path)
    for _ in range(40):
        loop.step()
    files = sorted(tmp_path.rglob("*.pt"), key=lambda file: int(file.stem.partition("-")[2]))
    made = [int(file.stem.partition("-")[2]) for file in files]
    for file in files[-2:]:
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content if cut is None else content[:cut])
    with torch.no_grad():
        loop.model[0].weight.fill_(math.nan)
    loop.step()
    [event] = loop.guard.events
    assert event.back_to == made[-3]
    assert loop.model[0].weight.isfinite().all()
    for file in tmp_path.rglob("*.pt"):
        file.write_bytes(b"")
    with torch.no_grad():
        loop.model[0].weight.fill_(math.nan)
    with pytest.raises(gs.DivergenceError, match="no snapshot can be read"):
        loop.step()


def test_damage_in_the_last_update_is_found():
    loop = Small("cosine * guard()", steps=33)
    for _ in range(32):
        loop.step()
    for state in loop.optimizer.state.values():
        state["exp_avg"].fill_(math.nan)
    loop.step()
    assert all(weight.isfinite().all() for weight in loop.model.parameters())


def test_a_bad_place_in_each_epoch_is_expected_and_a_good_batch_there_is_forgotten():
    loop = Small(steps_per_epoch=7)
    for t in range(70):
        loop.step(spoil=spoil_gradient if t % 7 == 4 and t < 50 else lambda model: None)
    assert [event.update for event in loop.guard.events] == [4, 11, 18, 53]
    assert loop.scheduler.last_epoch == 70


@given(st.integers(2, 120), st.data())
@settings(max_examples=100, deadline=None)
def test_the_length_of_an_epoch_is_inferred(length, data):
    place = data.draw(st.integers(0, length - 1))
    places = Places()
    for epoch in range(3):
        assert places.following(0) is None
        places.note(epoch * length + place)
    assert places.length == length
    assert places.following(2 * length + place + 1) == 3 * length + place


@given(st.integers(1, 6), st.integers(1, 9), st.integers(1, 60))
@settings(max_examples=100, deadline=None)
def test_a_ring_keeps_the_last_two_and_older_ones(kept, every, number):
    dropped = []
    ring = Ring(gs.guard(kept=kept), dropped.append, every=every)
    for i in range(number):
        ring.wait(i * every, {"level": 0.0}, i)
        ring.keep()
    held = sorted(set(range(number)) - set(dropped))
    assert len(held) == min(kept, number)
    assert held[-1] == number - 1
    assert kept < 3 or held[-2:] == [*range(max(number - 2, 0), number)]
    assert all(b - a <= 2 * APART for a, b in pairwise(held))


@pytest.mark.parametrize(("end", "every"), [(40, 5), (1500, 5), (6000, 20), (10**6, 50), (math.inf, 50)])
def test_snapshots_are_a_300th_of_the_training_apart(end, every):
    assert gs.guard().spacing(end) == every
    assert gs.guard(every=7).spacing(end) == 7


@given(st.floats(-100, 100), st.floats(0.01, 10), st.floats(0, 5), st.integers(21, 1000))
@settings(max_examples=100, deadline=None)
def test_a_trial_tells_a_step_of_the_loss_from_none(level, spread, step, seen):
    before = {"level": level, "spread": spread, "high": level + 10 * spread, "low": level, "seen": float(seen)}
    trial = Trial(before)
    while not trial.is_over:
        trial.take(level + step * spread)
    assert trial.is_worse == (step > 1.5) or abs(step - 1.5) < 1e-6


@pytest.mark.parametrize("every", [5, 20, 50])
@given(st.floats(0.0005, 0.01), st.integers(0, 9), st.data())
@settings(max_examples=20, deadline=None)
def test_growth_at_any_rate_is_seen_at_any_spacing(every, rate, first, data):
    growth, made = SteadyGrowth(), [first]
    while made[-1] < 5000:
        made.append(made[-1] + every * data.draw(st.sampled_from([1, 1, 1, 2])))
    found = []
    for t in made:
        growth.take(t, 3.0 * math.exp(rate * t))
        found += [t] if growth.is_found() else []
    assert found
    assert found[0] <= max(1.5 * math.log(2) / rate, 10 * 2 * every) + first + 2 * every


@given(st.lists(st.tuples(st.integers(-500, 10_000), st.floats(1e-30, 1e30)), max_size=40))
@settings(max_examples=100, deadline=None)
def test_norms_at_any_time_raise_nothing(gaps):
    growth, made = SteadyGrowth(), 0
    for gap, norm in gaps:  # also of a training that went back
        made = max(made + gap, 0)
        growth.take(made, norm)
        growth.is_found()


def test_weights_that_begin_at_zero_may_grow_and_damaged_ones_at_the_start_go_back():
    model = nn.Linear(3, 1)
    nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
    loop = Small(model=model, optimizer=lambda weights: torch.optim.SGD(weights, lr=0.1))
    for _ in range(30):
        loop.step()
    assert not loop.answers
    loop = Small()
    loop.step()
    before = loop.model[0].weight.detach().clone()
    with torch.no_grad():
        for weight in loop.model.parameters():
            weight.mul_(30)
    for _ in range(6):
        loop.step()
    assert loop.answers[0] == ("weights grow", "back")
    assert (loop.model[0].weight - before).abs().max() < 0.2


@pytest.mark.parametrize("scale", [0.0, 1e-40, 1e-30, math.inf])
def test_a_lost_scale_is_set_back(scale):
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    model, scheduler, guard = scaled(scaler, lambda model: scaler._scale.fill_(scale), updates=40)
    assert guard.events
    assert scaler.get_scale() == 1024
    assert scheduler.last_epoch >= 30
    assert model.weight.isfinite().all()


def test_updates_that_mixed_precision_skips_for_ever_are_a_divergence():
    scaler = torch.amp.GradScaler("cpu")
    model, _, guard = scaled(scaler, lambda model: model.weight.data.fill_(math.inf), updates=60)
    assert [event.kind for event in guard.events] == ["not finite"]
    assert math.isfinite(model.weight.item())
    assert scaler.get_scale() > 1


OPTIMIZERS = {
    "momentum": lambda weights: torch.optim.SGD(weights, lr=0.05, momentum=0.9, weight_decay=0.01),
    "AdamW": lambda weights: torch.optim.AdamW(weights, lr=0.01),
    "fused": lambda weights: torch.optim.AdamW(weights, lr=0.01, fused=True),
    "tensor": lambda weights: torch.optim.Adam(weights, lr=torch.tensor(0.01)),
    "RMSprop": lambda weights: torch.optim.RMSprop(weights, lr=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("damaged", ["weights", "moments", "both"])
def test_damage_from_outside_costs_no_update_before_it(name, damaged):
    """The weights are those of a loop that leaves out the updates with the damage, to the last bit."""

    def run(spoilt):
        loop = Small("cosine * guard()", OPTIMIZERS[name], steps=120)
        for t in range(90):
            if t == 57 and spoilt:
                spoil(loop)
            loop.step(spoil=loop.model.zero_grad if t in left_out and not spoilt else lambda model: None)
        return loop

    def spoil(loop):
        if damaged != "moments":
            with torch.no_grad():
                loop.model[0].weight.mul_(100)  # which saturates, and the loss is hardly another
        if damaged != "weights":
            for state in loop.optimizer.state.values():
                next(moment for name, moment in state.items() if name != "step").fill_(math.nan)

    left_out = range(0)
    spoilt = run(spoilt=True)
    [event] = spoilt.guard.events
    assert event.answer == "back"
    assert event.back_to in (57, 58)  # where the optimizer is damaged, that update's gradient was a good one
    left_out = range(event.back_to, event.update + 1)
    expected = run(spoilt=False)
    torch.testing.assert_close(spoilt.model.state_dict(), expected.model.state_dict(), rtol=0, atol=0)
    for ours, theirs in zip(spoilt.optimizer.state.values(), expected.optimizer.state.values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def wide():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 11_000, bias=False), nn.Tanh(), nn.Linear(11_000, 1, bias=False))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_one_number_far_back_in_a_large_gradient_is_left_out_when_the_updates_are_made_again(value):
    def run(spoil, t_spoilt):
        loop = Small(optimizer=lambda weights: torch.optim.AdamW(weights, lr=1e-3), model=wide())
        for t in range(70):
            loop.step(spoil=spoil if t in t_spoilt else lambda model: None)
        return loop

    def spoil(model):
        model[0].weight.grad[-1, -1] = value

    spoilt = run(spoil, [57])
    [event] = spoilt.guard.events
    assert event.answer == "back"
    assert event.update == event.back_to == 58  # the loss there is the first that isn't finite
    expected = run(lambda model: model.zero_grad(), [57, 58])
    torch.testing.assert_close(spoilt.model.state_dict(), expected.model.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.SparseAdam])
def test_one_number_far_back_in_a_sparse_gradient(optimizer):
    torch.manual_seed(0)
    model = nn.Embedding(3000, 32, sparse=True)
    stepped = optimizer(model.parameters(), lr=0.01)
    scheduler = gs.torch.Scheduler(stepped, "constant * guard()", steps=1000)
    guard = gs.torch.Guard(model, scheduler)
    for t in range(120):
        stepped.zero_grad()
        loss = (model(torch.randint(0, 3000, (272, 4))) - 1).square().mean()
        loss.backward()
        if t == 81:
            model.weight.grad._values()[-1] = math.nan
        stepped.step()
        scheduler.step()
        guard.step(loss)
    [event] = guard.events
    assert event.answer == "back"
    assert 81 < event.back_to <= event.update  # what was good since is made again
    assert model.weight.isfinite().all()


def test_a_part_of_a_gradient_that_grows_is_no_spike_of_the_whole():
    loop = Small(model=wide(), optimizer=lambda weights: torch.optim.AdamW(weights, lr=1e-4))  # the loss stays calm

    def shrink(model):
        model[0].weight.grad[:1365].mul_(1e-4)
        for weight in list(model.parameters())[1:]:
            weight.grad.mul_(1e-4)

    for t in range(60):
        loop.step(spoil=shrink if t < 50 else lambda model: None)
    assert loop.answers == []


@pytest.mark.parametrize(("norm", "kind"), [(math.nan, "not finite"), (torch.tensor(math.inf), "not finite"),
                                            (1e9, "spike")])  # fmt: skip
def test_the_norm_that_a_loop_has_is_not_computed_again(norm, kind, monkeypatch):
    loop = Small()
    monkeypatch.setattr("glideslope.frameworks.torch.feedback.refusal.foreach_norm", None)
    for t in range(40):
        loop.guard.take_norm(torch.tensor(1.0) if t < 30 or t > 30 else norm)
        before = copy.deepcopy(loop.model.state_dict())
        loop.step(spoil=spoil_gradient if t == 30 and kind == "not finite" else lambda model: None,
                  scale=1000.0 if t == 30 and kind == "spike" else 1.0)  # fmt: skip
        if t == 30:
            torch.testing.assert_close(loop.model.state_dict(), before)
    assert loop.answers == [(kind, "refused")]


@pytest.mark.parametrize("habit", ["clamps", "writes over gradients"])
def test_updates_that_are_not_all_of_it_are_not_made_again(habit):
    loop = Small("constant * guard()")
    for t in range(60):
        if t == 50:
            loop.model[0].weight.data.fill_(math.nan)
        loop.step()
        with torch.no_grad():
            if habit == "clamps":
                loop.model[0].weight.clamp_(-1, 1)
            elif loop.model[0].weight.grad is not None:
                loop.model[0].weight.grad.zero_()
    [event] = loop.guard.events
    assert event.answer == "back"
    assert event.back_to < 49
    assert loop.model[0].weight.isfinite().all()


def test_where_the_updates_themselves_lose_the_training_the_last_few_are_undone():
    loop = Small("constant * guard()", lambda weights: torch.optim.SGD(weights, lr=0.01))
    for _ in range(40):
        loop.step()
    loop.optimizer.param_groups[0]["lr"] = 1e30
    with pytest.warns(UserWarning, match="moves it too"):
        loop.step()
    loop.step()
    event = loop.guard.events[-1]
    assert event.answer == "back"
    assert event.back_to == 40  # the update with that rate is number 40
    assert all(weight.abs().max() < 10 for weight in loop.model.parameters())


@given(st.lists(st.floats(width=32, allow_nan=True), min_size=1, max_size=8), st.booleans())
@settings(max_examples=100, deadline=None)
def test_the_health_of_a_training_is_that_of_its_numbers(values, trained):
    weight, other = torch.ones(3), torch.tensor(values)
    parts = {"model": {"weight": other if trained else weight}, "optimizer": [weight if trained else other]}
    finite, norm = Health([tensor for _, tensor in tensors(parts)], [other if trained else weight]).read()
    assert finite == all(map(math.isfinite, values))
    if finite and trained:
        assert norm == pytest.approx(float(np.linalg.norm(np.float64(values))), rel=1e-5, abs=1e-18) or norm == math.inf


def test_a_copy_into_an_older_one_is_as_a_new_one():
    def tree(value, size=2):
        channels_last = torch.full((1, 2, 2, 2), value).to(memory_format=torch.channels_last)
        return {
            "a": [torch.full((size,), value), 1.0, torch.full((2,), value, dtype=torch.float16)],
            "b": {"c": torch.full((), value), "d": np.float32(value), "e": (torch.tensor([1]), channels_last)},
        }

    def check(copy, value, size=2):
        torch.testing.assert_close(copy.tree(), copied_by_torch(tree(value, size)), rtol=0, atol=0)

    def copied_by_torch(tree):
        return {**tree, "b": {**tree["b"], "d": float(tree["b"]["d"])}}

    old = Copy(tree(1.0))
    memory = old.tree()["a"][0].data_ptr()
    check(old, 1.0)
    new = Copy(live := tree(2.0), old)
    assert new.tree()["a"][0].data_ptr() == memory
    live["a"][0].fill_(9.0)
    check(new, 2.0)
    check(Copy(tree(3.0, size=5), new), 3.0, 5)
    assert new.tree()["b"]["e"][1].is_contiguous(memory_format=torch.channels_last)


@given(st.lists(st.floats(allow_nan=True, width=32), min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_arrays_that_are_not_finite_are_found(values):
    expected = frozenset() if all(map(math.isfinite, values)) else frozenset({".a.0"})
    assert not_finite({"a": [torch.tensor(values)], "b": math.nan, "c": torch.tensor([1])}) == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in KINDS if name.startswith("guard-") and name != "guard-searches"])
def test_a_few_disturbed_trainings(name):
    _, tally, _ = KINDS[name]
    assert tally(1).shown == ()


def test_a_bad_batch_in_each_epoch_leaves_no_trace_in_the_statistics_of_batches():
    """They are those of a loop without these batches; the first three are repaired from a snapshot and fade."""
    batches = torch.randn(300, 16, 4, generator=torch.Generator().manual_seed(0)).cumsum(1)

    def statistics(guarded):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        scheduler = gs.torch.Scheduler(optimizer, "constant * guard()" if guarded else "constant", steps=300)
        guard = gs.torch.Guard(model, scheduler) if guarded else None
        for i, x in enumerate(batches):
            if i % 3 == 1 and not guarded:
                continue
            loss = model(x * math.inf if i % 3 == 1 else x).sub(1).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            if guard is not None:
                guard.step(loss)
        return model[1].running_mean, model[1].running_var, model[0].weight.detach()

    torch.testing.assert_close(statistics(guarded=True), statistics(guarded=False), rtol=1e-5, atol=1e-6)
