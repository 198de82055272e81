"""The scheduler in torch: rates against closed forms, what counts as an update, what a state allows."""

import copy
import io
import math
import pickle
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from torch.distributed.checkpoint.state_dict import get_state_dict
from torch.optim import SGD, AdamW
from torch.optim.lr_scheduler import LRScheduler

import glideslope as gs
from glideslope.frameworks.torch.scheduler.graph_check import check_graph_holds
from glideslope.frameworks.torch.scheduler.param_groups import as_tensors


def parameter():
    made = torch.nn.Parameter(torch.ones(3))
    made.grad = torch.ones(3)
    return made


def sgd(*rates, **options):
    return SGD([{"params": [parameter()], "lr": rate} for rate in rates or (0.5,)], **options)


def rates(optimizer):
    return [float(group["lr"]) for group in optimizer.param_groups]


def driven(optimizer, scheduler, updates):
    """The rate of the first group at each update."""
    made = []
    for _ in range(updates):
        made.append(rates(optimizer)[0])
        optimizer.step()
        scheduler.step()
    return made


def cosine(t, steps):
    return (1 + math.cos(math.pi * min(t, steps) / steps)) / 2


@pytest.mark.parametrize(
    ("schedule", "steps", "updates", "warned_at"),
    [
        ("cosine(30)", None, 300, 64),  # 30 epochs, as updates
        ("one_cycle", 3, 66, 16),
        ("warmup(5) >> cosine(45)", 3000, 300, 128),
        ("linear", 100, 110, None),
        ("multistep([30, 60], ratio=0.1)", None, 300, None),
        ("cosine(final=0.02)", 30, 300, None),
        ("constant(0, 200) >> linear(300)", None, 400, None),  # frozen at first
    ],
)
def test_a_training_that_goes_on_long_after_its_schedule_has_ended_is_said_once(schedule, steps, updates, warned_at):
    optimizer = sgd(0.5)
    scheduler = gs.torch.Scheduler(optimizer, schedule, steps=steps)
    said = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for t in range(1, updates + 1):
            driven(optimizer, scheduler, 1)
            said += [t] * (len(caught) > len(said))
    assert said == [warned_at] * (warned_at is not None)
    assert all("epochs are written 90ep" in str(one.message) for one in caught)


@pytest.mark.parametrize(
    ("schedule", "rate", "peak", "says"),
    [
        (3e-4 * gs.cosine(), 0.1, None, "is at most 0.0003 and multiplies a rate of 0.1, so the largest rate is 3e-05"),
        (3e-4 * gs.cosine(), 1.0, None, None),
        (3e-4 * gs.cosine(), 0.1, 1.0, None),
        ("0.1 * cosine", 0.1, None, None),
        (["constant(0)", "cosine"], 0.1, None, None),
    ],
)
def test_rates_in_the_place_of_factors_are_said(schedule, rate, peak, says):
    optimizer = sgd(*[rate] * (len(schedule) if isinstance(schedule, list) else 1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gs.torch.Scheduler(optimizer, schedule, steps=10, peak=peak)
    assert [says in str(one.message) for one in caught] == [True] * (says is not None)


def test_it_is_a_torch_scheduler_and_holds_its_end():
    optimizer = sgd(0.5)
    scheduler = gs.torch.Scheduler(optimizer, gs.cosine(), steps=100)
    assert isinstance(scheduler, LRScheduler)
    expected = [0.5 * cosine(t, 100) for t in range(150)]
    np.testing.assert_allclose(driven(optimizer, scheduler, 150), expected, atol=1e-15)
    assert scheduler.get_last_lr() == [0.0]
    assert scheduler.last_epoch == 150
    assert scheduler.base_lrs == [0.5]


def test_between_the_two_steps_the_rate_is_that_of_the_update_just_made():
    optimizer = sgd(0.5)
    scheduler = gs.torch.Scheduler(optimizer, gs.linear(), steps=10)
    weight = optimizer.param_groups[0]["params"][0]
    for _ in range(5):
        before = weight.detach().clone()
        optimizer.step()
        logged = scheduler.get_last_lr()[0]
        torch.testing.assert_close(before - weight, torch.full((3,), logged))
        scheduler.step()


def test_a_long_run_crosses_the_stretches_it_computes():
    optimizer = sgd(1.0)
    scheduler = gs.torch.Scheduler(optimizer, "linear", steps=3000)
    np.testing.assert_allclose(driven(optimizer, scheduler, 3000), 1 - np.arange(3000) / 3000, atol=1e-15)


def test_groups_have_their_own_rate_scale_and_schedule():
    optimizer = sgd(0.4, 0.1, 0.2)
    optimizer.param_groups[1]["lr_scale"] = 0.5
    scheduler = gs.torch.Scheduler(optimizer, [gs.linear(), gs.constant(), gs.cosine()], steps=10)
    driven(optimizer, scheduler, 5)
    assert rates(optimizer) == pytest.approx([0.2, 0.05, 0.1])
    assert scheduler.base_lrs == pytest.approx([0.4, 0.05, 0.2])


def test_a_group_added_later_is_scheduled():
    optimizer = sgd(0.4)
    scheduler = gs.torch.Scheduler(optimizer, gs.linear(), steps=10)
    driven(optimizer, scheduler, 4)
    optimizer.add_param_group({"params": [parameter()], "lr": 1.0})
    driven(optimizer, scheduler, 1)
    assert rates(optimizer) == pytest.approx([0.2, 0.5])


def test_peak_sets_the_largest_rate_and_keeps_proportions():
    optimizer = sgd(0.4, 0.1)
    scheduler = gs.torch.Scheduler(optimizer, gs.constant(), peak=2.0)
    assert rates(optimizer) == pytest.approx([2.0, 0.5])
    again = gs.torch.Scheduler(optimizer, gs.constant(), peak=2.0)
    assert scheduler.get_last_lr() == again.get_last_lr() == pytest.approx([2.0, 0.5])


def test_peak_is_the_rate_of_groups_made_without_one():
    optimizer = sgd(0.0, 0.0)
    scheduler = gs.torch.Scheduler(optimizer, "linear", steps=4, peak=2.0)
    driven(optimizer, scheduler, 1)
    assert rates(optimizer) == pytest.approx([1.5, 1.5])
    again = gs.torch.Scheduler(sgd(0.0, 0.0), "linear", steps=4, peak=2.0)
    again.load_state_dict(scheduler.state_dict())
    assert again.get_last_lr() == pytest.approx([1.5, 1.5])


def test_momentum_betas_and_weight_decay():
    cycle = gs.one_cycle()
    optimizer = sgd(0.5, momentum=0.9)
    scheduler = gs.torch.Scheduler(optimizer, cycle, steps=100, momentum=cycle.momentum())
    driven(optimizer, scheduler, 45)
    assert optimizer.param_groups[0]["momentum"] == pytest.approx(0.85)
    assert rates(optimizer) == pytest.approx([0.5])
    adam = AdamW([{"params": [parameter()]}, {"params": [parameter()], "weight_decay": 0.0}], weight_decay=0.2)
    options = {"betas": (None, gs.interpolate([0, 10], [0.9, 0.99])), "weight_decay": gs.linear()}
    scheduler = gs.torch.Scheduler(adam, gs.constant(), steps=10, **options)
    driven(adam, scheduler, 5)
    assert [group["weight_decay"] for group in adam.param_groups] == pytest.approx([0.1, 0.0])
    assert adam.param_groups[0]["betas"] == pytest.approx((0.9, 0.945))


def test_a_tensor_rate_is_written_in_place():
    rate = torch.tensor(0.5, dtype=torch.float64)
    optimizer = sgd(rate)
    scheduler = gs.torch.Scheduler(optimizer, gs.linear(), steps=10)
    driven(optimizer, scheduler, 5)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == 0.25
    last = scheduler.get_last_lr()[0]
    driven(optimizer, scheduler, 1)
    assert last.item() == 0.25  # a copy


def test_epochs_examples_and_tokens():
    optimizer = sgd(1.0)
    clock = gs.Clock(steps_per_epoch=10, examples_per_step=32)
    scheduler = gs.torch.Scheduler(optimizer, "warmup(64ex) >> linear()", steps="2ep", clock=clock)
    np.testing.assert_allclose(driven(optimizer, scheduler, 5), [0, 0.5, 1, 17 / 18, 16 / 18])


# What counts as an update.


def test_steps_without_an_update_do_not_count():
    optimizer = sgd(0.5)
    scheduler = gs.torch.Scheduler(optimizer, gs.linear(), steps=10)
    for micro_batch in range(12):
        if micro_batch % 4 == 3:
            optimizer.step()
        scheduler.step()
    assert scheduler.last_epoch == 3
    assert rates(optimizer) == pytest.approx([0.35])


@pytest.mark.parametrize("fused", [False, True])
def test_updates_that_mixed_precision_skips_do_not_count(fused):
    optimizer = AdamW([parameter()], lr=1.0, fused=fused)
    scheduler = gs.torch.Scheduler(optimizer, gs.exponential(1, ratio=0.5))
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    before = optimizer.param_groups[0]["params"][0].clone()
    for finite in (False, False, True, False, True):
        only = optimizer.param_groups[0]["params"][0]
        loss = (only * (1.0 if finite else math.inf)).sum()
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        if scheduler.last_epoch == 0:
            assert torch.equal(only, before)
    assert scheduler.last_epoch == 2
    assert rates(optimizer) == [0.25]


def test_two_schedulers_and_a_forgotten_one():
    optimizer = sgd(0.5, momentum=0.9)
    gs.torch.Scheduler(optimizer, gs.cosine(), steps=2)
    scheduler = gs.torch.Scheduler(optimizer, gs.linear(), steps=10)
    driven(optimizer, scheduler, 5)
    assert rates(optimizer) == [0.25]
    assert len(optimizer._optimizer_step_post_hooks) == 1  # the forgotten one's is gone


def test_calls_out_of_step_warn_once():
    optimizer = sgd(0.5)
    scheduler = gs.torch.Scheduler(optimizer, gs.linear(), steps=1000)
    with warnings.catch_warnings(record=True) as told:
        for _ in range(300):
            scheduler.step()
        for _ in range(5):
            optimizer.step()
        scheduler.step()
    idle, late = (str(warning.message) for warning in told)
    assert "10 times in a row without an update" in idle
    assert "after 5 updates" in late
    assert scheduler.last_epoch == 5
    assert rates(optimizer) == pytest.approx([0.4975])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        driven(optimizer, scheduler, 3)
        optimizer.step(), optimizer.step(), scheduler.step()


# States.


def saved(scheduler):
    """A state through a file that holds plain data only."""
    file = io.BytesIO()
    torch.save(scheduler.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("schedule", ["warmup(10%) >> cosine()", "wsd()", "one_cycle()", "0.3 * step(7)"])
def test_a_rebuilt_schedule_goes_on(schedule):
    whole = driven(o := sgd(0.5), gs.torch.Scheduler(o, schedule, steps=100), 100)
    scheduler = gs.torch.Scheduler(o := sgd(0.5), schedule, steps=100)
    first = driven(o, scheduler, 37)
    resumed = sgd(0.5)
    other = gs.torch.Scheduler(resumed, schedule, steps=100)
    state, optimizer_state = saved(scheduler), copy.deepcopy(o.state_dict())
    other.load_state_dict(state)
    resumed.load_state_dict(optimizer_state)
    assert first + driven(resumed, other, 63) == whole


def test_the_state_is_the_count_and_the_text():
    scheduler = gs.torch.Scheduler(sgd(0.1, 0.2), gs.wsd(), steps=100)
    state = scheduler.state_dict()
    assert len(state.pop("checksum")) == 16
    assert state == {
        "step": 0, "names": ["lr"], "schedules": ["wsd().over(100)"], "times": [0.0], "largest": 0.2,
        "bases": [{"lr": 0.1}, {"lr": 0.2}],
    }  # fmt: skip


def test_another_number_of_groups():
    scheduler = gs.torch.Scheduler(o := sgd(0.5), gs.linear(), steps=10)
    driven(o, scheduler, 5)
    more = gs.torch.Scheduler(o := sgd(0.1, 0.2, 0.3), gs.linear(), steps=10)
    more.load_state_dict(saved(scheduler))
    assert rates(o) == pytest.approx([0.05, 0.1, 0.15])
    each = gs.torch.Scheduler(sgd(0.1, 0.2), [gs.linear(), gs.cosine()], steps=10)
    with pytest.raises(gs.ScheduleError, match="lr, lr"):
        each.load_state_dict(saved(scheduler))


def test_a_longer_horizon_is_followed_where_the_past_stays():
    scheduler = gs.torch.Scheduler(o := sgd(0.5), gs.wsd("10%"), steps=100)
    driven(o, scheduler, 50)
    longer = gs.torch.Scheduler(o := sgd(0.5), gs.wsd("10%").over(100).extend(at=50, to=200))
    longer.load_state_dict(saved(scheduler))
    assert driven(o, longer, 160)[:111] == [0.5] * 111  # until a fifth of 200 is left
    assert rates(o) == [0.0]


def test_a_schedule_with_another_past_is_refused_with_the_difference():
    scheduler = gs.torch.Scheduler(o := sgd(0.5), gs.cosine(), steps=100)
    driven(o, scheduler, 50)
    longer = gs.torch.Scheduler(o := sgd(0.5), gs.cosine(), steps=200)
    with pytest.raises(gs.ScheduleError) as error:
        longer.load_state_dict(saved(scheduler))
    for part in ("update 50", "cosine().over(100)", "cosine().over(200)", ".lasting(50) >>", '{"step": 50}'):
        assert part in str(error.value)
    # Each of the two ways that it names is one.
    kept = gs.torch.Scheduler(o := sgd(0.5), "(cosine().over(100)).lasting(50) >> cosine().continued()", steps=200)
    kept.load_state_dict(saved(scheduler))
    made = driven(o, kept, 150)
    np.testing.assert_allclose(made, [0.25 * cosine(t, 150) for t in range(150)], atol=1e-12)
    longer.load_state_dict({"step": 50})
    assert longer.get_last_lr() == pytest.approx([0.5 * cosine(50, 200)])


def test_a_change_in_a_few_updates_of_the_past_is_seen():
    scheduler = gs.torch.Scheduler(sgd(0.5), "warmup(3) >> hold()", steps=10_000)
    scheduler._updates.made = 9_000
    scheduler.step()
    other = gs.torch.Scheduler(sgd(0.5), "warmup(4) >> hold()", steps=10_000)
    with pytest.raises(gs.ScheduleError, match=r"at update 1 the factor was 0\.333333, and would have been 0\.25"):
        other.load_state_dict(saved(scheduler))


@pytest.mark.filterwarnings("ignore:step")
def test_another_batch_size_leaves_the_curve_over_examples_unchanged():
    schedule, examples = "warmup(64ex) >> linear()", {}

    def go_on(state, batch, updates):
        clock = gs.Clock(examples_per_step=batch)
        scheduler = gs.torch.Scheduler(o := sgd(1.0), schedule, steps="640ex", clock=clock)
        if state:
            scheduler.load_state_dict(state)
        for _ in range(updates):
            examples[seen[0]] = rates(o)[0]
            o.step(), scheduler.step()
            seen[0] += batch
        return saved(scheduler)

    seen = [0]
    state = go_on(go_on(go_on(None, 8, 10), 16, 7), 8, 56)
    assert seen == [640]
    assert state["step"] == 73
    expected = {n: n / 64 if n < 64 else 1 - (n - 64) / 576 for n in examples}
    assert examples == pytest.approx(expected, abs=1e-12)


def test_a_function_has_no_text_and_is_not_compared():
    schedule = gs.from_function(lambda t: 1 / (1 + t))
    scheduler = gs.torch.Scheduler(o := sgd(0.5), schedule)
    driven(o, scheduler, 4)
    other = gs.torch.Scheduler(sgd(0.5), schedule)
    other.load_state_dict(saved(scheduler))
    assert other.get_last_lr() == pytest.approx([0.1])


def test_checkpoint_helpers_that_fill_an_empty_state_make_no_update():
    model = torch.nn.Linear(3, 1)
    optimizer = AdamW(model.parameters(), lr=1.0)
    for make in (gs.torch.Scheduler, gs.torch.CapturableScheduler):
        scheduler = make(optimizer, gs.linear(), steps=10)
        optimizer.state.clear()
        get_state_dict(model, optimizer)
        model(torch.ones(1, 3)).sum().backward()
        optimizer.step()
        scheduler.step()
        assert scheduler.last_epoch == 1
        assert rates(optimizer)[0] == pytest.approx(0.9)
        del scheduler


def test_each_schedule_has_its_own_position():
    def make(batch):
        o = SGD([parameter()], lr=1.0, weight_decay=0.1)
        clock = gs.Clock(examples_per_step=batch)
        rest = {"steps": "640ex", "clock": clock, "weight_decay": gs.from_function(lambda t: 1.0 + 0 * t)}
        return o, gs.torch.Scheduler(o, gs.linear(), **rest)

    o, scheduler = make(8)
    driven(o, scheduler, 40)
    resumed, other = make(16)
    other.load_state_dict(saved(scheduler))
    assert rates(resumed) == pytest.approx([0.5])
    driven(resumed, other, 10)
    assert rates(resumed) == pytest.approx([0.25])


@pytest.mark.parametrize(
    ("schedule", "steps", "made", "before", "after", "expected"),
    [
        ("hold() >> cooldown(100)", 1000, 950, {"examples_per_step": 8}, {"examples_per_step": 16}, 0.5),
        ("cosine()", 100, 50, {"examples_per_step": 8}, {"examples_per_step": 16}, 0.5),
        ("linear()", "4ep", 20, {"steps_per_epoch": 10, "examples_per_step": 8},
         {"steps_per_epoch": 20, "examples_per_step": 8}, 0.5),
    ],
)  # fmt: skip
def test_a_clock_matters_only_to_what_is_in_its_unit(schedule, steps, made, before, after, expected):
    scheduler = gs.torch.Scheduler(o := sgd(1.0), schedule, steps=steps, clock=gs.Clock(**before))
    driven(o, scheduler, made)
    other = gs.torch.Scheduler(o := sgd(1.0), schedule, steps=steps, clock=gs.Clock(**after))
    other.load_state_dict(saved(scheduler))
    assert rates(o) == pytest.approx([expected])


def test_groups_that_share_a_rate_tensor_get_their_own():
    groups = [{"params": [parameter()]}, {"params": [parameter()], "lr_scale": 0.5}]
    o = AdamW(groups, lr=torch.tensor(0.1))
    gs.torch.Scheduler(o, [gs.constant(1.0), gs.constant(0.2)], steps=10)
    assert rates(o) == pytest.approx([0.1, 0.01])
    whole = SGD([parameter()], lr=torch.tensor(1))
    driven(whole, gs.torch.Scheduler(whole, gs.linear(), steps=10), 5)
    assert rates(whole) == [0.5]


def test_python_functions_of_a_number():
    o = sgd(1.0)
    theirs = torch.optim.lr_scheduler.LambdaLR(o, lambda t: min(1.0, (t + 1) / 100))
    ours = gs.torch.Scheduler(sgd(1.0), gs.from_torch(theirs))
    assert ours.get_last_lr() == [0.01]
    table = [1.0, 0.5, 0.25]
    scheduler = gs.torch.Scheduler(o := sgd(1.0), gs.from_function(lambda t: table[t]), steps=3)
    assert driven(o, scheduler, 6) == [1.0, 0.5, 0.25, 0.25, 0.25, 0.25]
    scheduler = gs.torch.Scheduler(o := sgd(1.0), gs.from_function(lambda t: 1 - t / 100), steps=100)
    assert driven(o, scheduler, 150)[-1] == 0.0
    with pytest.raises(gs.ScheduleError, match="fails at 3: IndexError"):
        gs.torch.Scheduler(sgd(), gs.from_function(lambda t: table[t]), steps=10)


def test_accumulation_gives_no_idle_warning():
    scheduler = gs.torch.Scheduler(o := sgd(0.5), gs.linear(), steps=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for micro_batch in range(600):
            if micro_batch % 4 == 3:
                o.step()
            scheduler.step()


def test_a_copy_goes_on_with_the_copied_optimizer():
    scheduler = gs.torch.Scheduler(o := sgd(0.5), gs.linear(), steps=10)
    driven(o, scheduler, 2)
    copies = [copy.deepcopy((o, scheduler)), pickle.loads(pickle.dumps((o, scheduler)))]  # our own
    for other, copied in copies:
        for group in other.param_groups:
            group["params"][0].grad = torch.ones(3)
        assert driven(other, copied, 3) == pytest.approx([0.4, 0.35, 0.3])
    assert rates(o) == pytest.approx([0.4])
    with pytest.raises(gs.ScheduleError, match="compose, schedules with >>"):
        torch.optim.lr_scheduler.SequentialLR(o, [scheduler, gs.torch.Scheduler(o, gs.hold())], [5])


def test_an_added_group_is_scheduled_at_its_first_update():
    scheduler = gs.torch.Scheduler(o := sgd(1.0), gs.linear(), steps=100, peak=0.5)
    driven(o, scheduler, 50)
    o.add_param_group({"params": [parameter()], "lr": 1.0})
    before = o.param_groups[1]["params"][0].clone()
    o.step()
    torch.testing.assert_close(before - o.param_groups[1]["params"][0], torch.full((3,), 0.5))
    o.param_groups.pop()
    o.add_param_group({"params": [parameter()], "lr": 0.2})
    o.step(), scheduler.step()
    assert rates(o) == pytest.approx([0.24, 0.096])


def test_a_group_added_under_a_peak_leaves_the_others_alone():
    scheduler = gs.torch.Scheduler(o := sgd(1.0), "constant", steps=100, peak=0.1)
    for rate in (0.5, 0.01):
        o.add_param_group({"params": [parameter()], "lr": rate})
        driven(o, scheduler, 1)
    assert rates(o) == pytest.approx([0.1, 0.5, 0.01])
    scheduler.load_state_dict(saved(scheduler))
    assert rates(o) == pytest.approx([0.1, 0.5, 0.01])
    new = gs.torch.Scheduler(other := sgd(1.0, 0.5, 0.01), "constant", steps=100, peak=0.1)
    new.load_state_dict(saved(scheduler))
    other.load_state_dict(copy.deepcopy(o.state_dict()))
    assert rates(other) == pytest.approx([0.1, 0.5, 0.01])


def test_a_copy_has_the_updates_that_step_has_not_seen():
    scheduler = gs.torch.Scheduler(o := sgd(1.0), gs.linear(), steps=10)
    driven(o, scheduler, 2)
    o.step()
    other, copied = copy.deepcopy((o, scheduler))
    copied.step()
    assert rates(other) == pytest.approx([0.7])
    adam = AdamW([parameter()], lr=1.0)
    capturable = gs.torch.CapturableScheduler(adam, gs.linear(), steps=10)
    driven(adam, capturable, 2)
    other, copied = copy.deepcopy((adam, capturable))
    other.param_groups[0]["params"][0].grad = torch.ones(3)
    driven(other, copied, 1)
    assert rates(other) == pytest.approx([0.7])
    assert rates(adam) == pytest.approx([0.8])


def test_peak_holds_after_the_optimizer_is_loaded():
    scheduler = gs.torch.Scheduler(o := sgd(1.0, 0.5), gs.linear(), steps=10, peak=0.3)
    driven(o, scheduler, 5)
    other = gs.torch.Scheduler(new := sgd(1.0, 0.5), gs.linear(), steps=10, peak=0.6)
    other.load_state_dict(saved(scheduler))
    new.load_state_dict(copy.deepcopy(o.state_dict()))
    assert rates(new) == pytest.approx([0.3, 0.15])


def test_a_state_has_the_update_that_step_has_not_seen():
    scheduler = gs.torch.Scheduler(o := sgd(1.0), gs.linear(), steps=10)
    driven(o, scheduler, 3)
    o.step()
    assert scheduler.state_dict()["step"] == 4


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: gs.torch.Scheduler(sgd(), gs.cosine()), "steps="),
        (lambda: gs.torch.Scheduler(torch.nn.Linear(1, 1), gs.hold()), "is neither a torch optimizer"),
        (lambda: gs.torch.Scheduler(sgd(), "cosin", steps=5), "did you mean 'cosine'"),
        (lambda: gs.torch.Scheduler(sgd(), lambda t: 1.0, steps=5), "gs.from_function makes one"),
        (lambda: gs.torch.Scheduler(sgd(), None, steps=5), "schedule=None: give a schedule or its text"),
        (lambda: gs.torch.Scheduler(sgd(), [gs.cosine(), gs.cosine()], steps=5), "2 schedules of the rate for 1"),
        (lambda: gs.torch.Scheduler(sgd(), gs.cosine(), steps=5, peak=-1), "peak=-1"),
        (lambda: gs.torch.Scheduler(sgd(), gs.warmup("5ep") >> gs.hold(), steps=50), "steps_per_epoch"),
        (lambda: gs.torch.Scheduler(sgd(), gs.hold(), clock=gs.Clock(10)), "a clock needs a horizon"),
        (lambda: gs.torch.Scheduler(torch.optim.Adagrad([parameter()]), gs.hold(), momentum="constant(0.5)"), "none"),
        (lambda: gs.torch.Scheduler(sgd(), gs.hold(), momentum=gs.hold(), betas=(None, None)), "one of them"),
        (lambda: gs.torch.Scheduler(sgd(), gs.hold()).load_state_dict({"last_epoch": 3}), '{"step": updates}'),
        (lambda: gs.torch.Scheduler(sgd(), gs.hold()).load_state_dict({"step": -3}), "'step': -3"),
        (lambda: gs.torch.Scheduler(sgd(momentum=0.9), gs.hold(), betas=(None, "constant(0.9)")), "schedule of betas"),
        (lambda: gs.torch.Scheduler(sgd(momentum=0.9), "cosine", steps=9, momentum="cosine"), "comes to 1"),
    ],
)  # fmt: skip
def test_mistakes(make, says):
    with pytest.raises(gs.ScheduleError) as error:
        make()
    assert says in str(error.value)


# On the device.


def test_the_capturable_scheduler_has_the_same_values():
    cycle = gs.one_cycle()
    options = {"steps": 60, "momentum": cycle.momentum(), "peak": 0.3}
    ours, theirs = (AdamW([{"params": [parameter()]}, {"params": [parameter()], "lr": 1e-4}]) for _ in range(2))
    one, other = gs.torch.CapturableScheduler(ours, cycle, **options), gs.torch.Scheduler(theirs, cycle, **options)
    for t in range(80):
        assert rates(ours) == pytest.approx(rates(theirs), rel=1e-6)
        assert float(ours.param_groups[1]["betas"][0]) == pytest.approx(theirs.param_groups[1]["betas"][0], rel=1e-6)
        if t == 40:
            state = one.state_dict()
            assert state == other.state_dict()
            one = gs.torch.CapturableScheduler(ours, cycle, **options)
            one.load_state_dict(state)
        ours.step(), one.step(), theirs.step(), other.step()
    assert one.last_epoch == 80


def test_the_capturable_scheduler_leaves_out_skipped_updates():
    optimizer = AdamW([parameter()], lr=1.0, fused=True)
    scheduler = gs.torch.CapturableScheduler(optimizer, gs.linear(), steps=4)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    for finite in (False, True, False, True):
        optimizer.zero_grad()
        only = optimizer.param_groups[0]["params"][0]
        scaler.scale((only * (1.0 if finite else math.inf)).sum()).backward()
        scaler.step(optimizer), scaler.update(), scheduler.step()
    assert scheduler.last_epoch == 2
    assert rates(optimizer) == [0.5]
    with pytest.raises(gs.ScheduleError, match="without betas"):
        gs.torch.CapturableScheduler(sgd(momentum=0.9), gs.hold(), steps=5, momentum=gs.constant(0.5))


@pytest.mark.parametrize(
    ("make", "holds"),
    [
        (partial(torch.optim.AdamW, capturable=True), True),
        (partial(torch.optim.AdamW, capturable=True, foreach=False), True),
        (partial(torch.optim.NAdam, capturable=True), True),
        (partial(torch.optim.RMSprop, capturable=True), True),
        (torch.optim.SGD, False),
        (torch.optim.Muon, False),
    ],
)
def test_what_a_cuda_graph_holds(make, holds):
    """As captures of the same updates by an H100 went; by tensors without memory, so that it needs no GPU."""
    optimizer = make([torch.nn.Parameter(torch.ones(2, 2))], lr=0.1)
    as_tensors(optimizer.param_groups, ())
    check_graph_holds(optimizer, "cuda") if holds else _refused(optimizer)
    assert not optimizer.state


@pytest.mark.parametrize(("foreach", "places", "holds"), [(False, [0], True), (True, [0], False), (False, [1], False)])
def test_a_cuda_graph_holds_a_scheduled_momentum_only_without_foreach(foreach, places, holds):
    optimizer = torch.optim.Adam([parameter()], lr=0.1, capturable=True, foreach=foreach)
    as_tensors(optimizer.param_groups, places)
    check_graph_holds(optimizer, "cuda") if holds else _refused(optimizer)


def _refused(optimizer):
    with pytest.raises(gs.ScheduleError, match="CUDA graph"):
        check_graph_holds(optimizer, "cuda")


def test_the_capturable_scheduler_finds_loaded_and_added_groups():
    optimizer = AdamW([parameter()], lr=1.0)
    scheduler = gs.torch.CapturableScheduler(optimizer, gs.linear(), steps=10)
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    driven(optimizer, scheduler, 4)
    optimizer.add_param_group({"params": [parameter()], "lr": 1})
    driven(optimizer, scheduler, 1)
    assert rates(optimizer) == pytest.approx([0.5, 0.5])
    optimizer.step()
    scheduler.load_state_dict({"step": 0})  # the update before it is forgotten
    driven(optimizer, scheduler, 1)
    assert scheduler.last_epoch == 1


def test_tensors_stay_after_a_checkpoint_with_numbers():
    o = AdamW([parameter()], lr=0.1)
    state = copy.deepcopy(o.state_dict())
    scheduler = gs.torch.Scheduler(o, gs.linear(), steps=10)
    scheduler.to_tensors()
    o.load_state_dict(state)
    assert isinstance(o.param_groups[0]["lr"], torch.Tensor)


@pytest.mark.parametrize("before", [True, False])
def test_a_compiled_step_is_compiled_once(before):
    torch._dynamo.reset()
    optimizer = AdamW(
        [parameter() for _ in range(3)], lr=torch.tensor(0.1), betas=(torch.tensor(0.9), torch.tensor(0.99))
    )
    step = torch.compile(optimizer.step, backend="inductor") if before else None
    scheduler = gs.torch.Scheduler(o := optimizer, gs.one_cycle(), steps=200, momentum=gs.one_cycle().momentum())
    step = step or torch.compile(optimizer.step, backend="inductor")
    made = []
    with torch._dynamo.config.patch(error_on_recompile=True):
        for _ in range(200):
            made.append((rates(o)[0], float(o.param_groups[0]["betas"][0])))
            step()
            scheduler.step()
    assert scheduler.last_epoch == 200
    expected = gs.one_cycle().over(200)
    np.testing.assert_allclose([rate for rate, _ in made], [0.1 * expected(t) for t in range(200)], rtol=1e-6)
    assert min(beta for _, beta in made) == pytest.approx(0.85)
    twin = AdamW([parameter() for _ in range(3)], lr=0.1, betas=(0.9, 0.99))
    eager = gs.torch.Scheduler(twin, gs.one_cycle(), steps=200, momentum=gs.one_cycle().momentum())
    driven(twin, eager, 200)
    torch.testing.assert_close(o.param_groups[0]["params"], twin.param_groups[0]["params"], rtol=1e-4, atol=1e-5)


def test_a_compiled_step_with_floats_warns_once_and_is_converted():
    torch._dynamo.reset()
    optimizer = AdamW([parameter()], lr=0.1)
    scheduler = gs.torch.Scheduler(optimizer, gs.cosine(), steps=50)
    step = torch.compile(optimizer.step, backend="eager")
    with warnings.catch_warnings(record=True) as told:
        for _ in range(3):
            step()
            scheduler.step()
    assert ["to_tensors()" in str(warning.message) for warning in told].count(True) == 1
    scheduler.to_tensors()
    group = optimizer.param_groups[0]
    assert isinstance(group["lr"], torch.Tensor)
    assert isinstance(group["betas"][1], torch.Tensor)
    step(), scheduler.step(), step(), scheduler.step()  # with tensors: compiled anew, once
    with warnings.catch_warnings(), torch._dynamo.config.patch(error_on_recompile=True):
        warnings.simplefilter("error")
        for _ in range(20):
            step()
            scheduler.step()
    assert group["lr"].item() == pytest.approx(0.1 * cosine(25, 50))


def test_the_old_name_of_the_schedule():
    optimizer = torch.optim.SGD([parameter()], lr=0.5)
    with pytest.warns(DeprecationWarning, match="lr= is called schedule= now"):
        assert gs.torch.Scheduler(optimizer, lr="linear", steps=4).get_last_lr() == [0.5]
    with pytest.raises(gs.ScheduleError, match=r"^schedule=3: give a schedule"):
        gs.torch.Scheduler(optimizer, schedule=3, steps=4)


def test_nothing_is_left_in_the_optimizer():
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer, other = (torch.optim.SGD([weight], lr=0.1) for _ in range(2))
    gs.torch.Scheduler(optimizer, gs.linear(), steps=10)
    gs.torch.CapturableScheduler(optimizer, gs.linear(), steps=10)
    assert vars(optimizer).keys() == vars(other).keys()


@pytest.mark.parametrize("gradient", [0.0, 1.0])
@pytest.mark.parametrize("named", [False, True])
def test_a_first_update_at_a_rate_of_0_is_one_unless_a_checkpoint_fills_the_state(gradient, named):
    """torch.distributed.checkpoint calls step(closure=None) with gradients of 0."""
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.full((2,), gradient)
    optimizer = torch.optim.AdamW([weight], lr=0.1)
    scheduler = gs.torch.Scheduler(optimizer, "warmup(5) >> linear", steps=10)
    optimizer.step(**({"closure": None} if named else {}))
    scheduler.step()
    fills = named and gradient == 0
    assert scheduler.last_epoch == (0 if fills else 1)
    optimizer.step()
    scheduler.step()
    assert scheduler.last_epoch == (1 if fills else 2)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (torch.optim.SGD, r"SGD is a class: give an optimizer, SGD\(model"),
        ("sgd", "'sgd' isn't an optimizer"),
        (None, "None isn't an optimizer"),
    ],
)
def test_an_invalid_optimizer_is_refused_with_what_to_give(optimizer, message):
    with pytest.raises(gs.ScheduleError, match=message):
        gs.torch.Scheduler(optimizer, "linear", steps=10)
