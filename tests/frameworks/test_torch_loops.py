"""Training loops as people have them, in torch: updates, base rates, groups, and who else writes a rate."""

import copy
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import schedulefree
import torch
from torch import nn
from torch.distributed.optim import PostLocalSGDOptimizer
from torch.optim import SGD, AdamW, lr_scheduler

import glideslope as gs

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from histories import Clipped, ClippedTwice, Lookahead, Sam, wrong


def parameter():
    weight = nn.Parameter(torch.ones(2, 2))
    weight.grad = torch.ones(2, 2)
    return weight


def updated(optimizer, scheduler, times):
    for _ in range(times):
        for group in optimizer.param_groups:
            for weight in group["params"]:
                weight.grad = torch.ones_like(weight)
        optimizer.step()
        scheduler.step()


def rates(optimizer):
    return [float(group["lr"]) for group in optimizer.param_groups]


def test_random_histories_follow_the_closed_form():
    assert wrong(range(100)) == {}


# An update counted twice.


@pytest.fixture
def sibling():
    """Another instance of the parent, for which torch hooks the parent's step."""
    return AdamW([parameter()])


@pytest.mark.parametrize("kind", [Clipped, ClippedTwice])
@pytest.mark.parametrize("scheduled", [gs.torch.Scheduler, gs.torch.CapturableScheduler])
def test_a_step_that_calls_its_parents_is_one_update(sibling, kind, scheduled):
    optimizer = kind([parameter()], lr=1.0)
    scheduler = scheduled(optimizer, gs.linear(), steps=10)
    updated(optimizer, scheduler, 4)
    assert scheduler.last_epoch == 4
    assert rates(optimizer) == pytest.approx([0.6])


def test_a_step_that_failed_leaves_the_count_right(sibling):
    class Failing(Clipped):
        fails = False

        def step(self, closure=None):
            super().step(closure)
            if self.fails:
                raise RuntimeError

    optimizer = Failing([parameter()], lr=1.0)
    scheduler = gs.torch.Scheduler(optimizer, gs.linear(), steps=10)
    updated(optimizer, scheduler, 2)
    optimizer.fails = True
    for _ in range(3):
        with pytest.raises(RuntimeError):
            optimizer.step()
    optimizer.fails = False
    updated(optimizer, scheduler, 2)
    assert scheduler.last_epoch == 4


class Nested(AdamW):
    """A step that only calls its parent's."""

    def step(self, closure=None):
        return super().step(closure)


@pytest.mark.parametrize("rule", ["lars", "lamb"])
def test_what_hangs_on_updates_sees_each_once(sibling, rule):
    def trained(kind):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 2, bias=False))
        optimizer = kind(gs.torch.groups(model, lr=0.1, weight_decay=0.1, merge=False))
        ratios = []
        gs.torch.Monitor(model, optimizer, every=1, to=ratios.append)
        balance = gs.torch.Balance(model, optimizer, probe=3)
        gs.torch.trust_ratio(optimizer, rule)
        for _ in range(6):
            optimizer.zero_grad()
            model(torch.ones(4, 3)).square().sum().backward()
            optimizer.step()
        return [weight.tolist() for weight in model.parameters()], balance.multipliers, ratios

    plain, nested = trained(AdamW), trained(Nested)
    assert nested == plain
    assert [measured.update for measured in plain[2]] == [0, 1, 2, 3, 4]


def test_monitors_and_balances_work_for_as_long_as_the_optimizer():
    model = nn.Linear(2, 2, bias=False)
    optimizer = SGD(gs.torch.groups(model, lr=0.1, merge=False))
    told = []
    gs.torch.Monitor(model, optimizer, every=1, to=told.append)
    gs.torch.Balance(model, optimizer, probe=2)  # nobody holds either
    for _ in range(4):
        model.weight.grad = torch.ones(2, 2)
        optimizer.step()
    assert len(told) == 3  # the last is told at the next
    assert optimizer.param_groups[0]["balance"]["updates"] == 4
    monitor = gs.torch.Monitor(model, optimizer, every=1)
    monitor.remove()
    optimizer.step()
    assert monitor.read() is None


# A base rate taken from a decayed one.


@pytest.mark.parametrize("order", ["load, make", "make, load", "make, scheduler, load"])
@pytest.mark.parametrize("key", ["lr", "weight_decay"])
def test_a_state_without_initial_values_goes_on_from_the_right_base(order, key):
    options = {"steps": 100} if key == "lr" else {"steps": 100, "weight_decay": "linear"}

    def new():
        return AdamW([parameter()], lr=0.1, weight_decay=0.1)

    optimizer = new()
    scheduler = gs.torch.Scheduler(optimizer, "linear", **options)
    updated(optimizer, scheduler, 50)
    saved, kept = copy.deepcopy(optimizer.state_dict()), scheduler.state_dict()
    for group in saved["param_groups"]:
        del group[f"initial_{key}"]
    optimizer = new()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if order == "load, make":
            optimizer.load_state_dict(saved)
        scheduler = gs.torch.Scheduler(optimizer, "linear", **options)
        if order == "make, load":
            optimizer.load_state_dict(saved)
        scheduler.load_state_dict(kept)
        if order == "make, scheduler, load":
            optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0][key] == pytest.approx(0.05)
    updated(optimizer, scheduler, 10)
    assert optimizer.param_groups[0][key] == pytest.approx(0.04)


@pytest.mark.parametrize("order", ["load, make", "make, load", "scheduler only"])
def test_a_checkpoint_that_replaces_a_new_rate_warns(order):
    optimizer = AdamW([parameter()], lr=0.1)
    scheduler = gs.torch.Scheduler(optimizer, "linear", steps=100)
    updated(optimizer, scheduler, 50)
    saved, kept = copy.deepcopy(optimizer.state_dict()), scheduler.state_dict()
    optimizer = AdamW([parameter()], lr=0.2)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        if order == "load, make":
            optimizer.load_state_dict(saved)
        scheduler = gs.torch.Scheduler(optimizer, "linear", steps=100)
        if order == "make, load":
            optimizer.load_state_dict(saved)
        scheduler.load_state_dict(kept)
    (only,) = told
    assert "0.1" in str(only.message)
    assert "0.2" in str(only.message)
    assert rates(optimizer) == pytest.approx([0.05])


def test_an_unknown_base_rate_warns():
    optimizer = AdamW([parameter()], lr=0.1)
    scheduler = gs.torch.Scheduler(optimizer, "linear", steps=100)
    updated(optimizer, scheduler, 50)
    saved = copy.deepcopy(optimizer.state_dict())
    del saved["param_groups"][0]["initial_lr"]
    optimizer = AdamW([parameter()], lr=0.1)
    optimizer.load_state_dict(saved)
    scheduler = gs.torch.Scheduler(optimizer, "linear", steps=100)
    with pytest.warns(UserWarning, match="neither state has a base rate: the schedule multiplies 0.05"):
        scheduler.load_state_dict({"step": 50})
    fresh = gs.torch.Scheduler(AdamW([parameter()], lr=0.1), "linear", steps=100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fresh.load_state_dict({"step": 50})
    assert fresh.get_last_lr() == pytest.approx([0.05])


# A list of schedules, and values that are elsewhere.


@pytest.mark.parametrize(
    ("change", "right"),
    [
        (lambda groups: groups.pop(1), [1.0, 0.1]),
        (lambda groups: groups.reverse(), [0.1, 0.5, 1.0]),
        (lambda groups: groups.insert(0, groups.pop()), [0.1, 1.0, 0.5]),
        (lambda groups: groups.insert(0, {**groups[0], "params": [parameter()]}), [0.1, 1.0, 0.5, 0.1]),  # a new one
        (lambda groups: groups.__setitem__(0, dict(groups[0])), [1.0, 0.5, 0.1]),
        (lambda groups: groups.__setitem__(slice(0, 3), [dict(g) for g in reversed(groups)]), [0.1, 0.5, 1.0]),
        (lambda groups: groups[1].update(params=[parameter()]), [1.0, 0.5, 0.1]),
    ],
)
def test_each_schedule_stays_with_its_group(change, right):
    optimizer = SGD([{"params": [parameter()]} for _ in range(3)], lr=1.0)
    lr = [gs.constant(1.0), gs.constant(0.5), gs.constant(0.1)]
    scheduler = gs.torch.Scheduler(optimizer, lr, steps=10)
    updated(optimizer, scheduler, 1)
    change(optimizer.param_groups)
    updated(optimizer, scheduler, 2)
    assert scheduler.get_last_lr() == pytest.approx(right)
    filtered = [group for group in optimizer.param_groups if group is not optimizer.param_groups[0]]
    optimizer.param_groups = filtered
    updated(optimizer, scheduler, 1)
    assert scheduler.get_last_lr() == pytest.approx(right[1:])


def test_a_replaced_rate_is_written_where_it_is():
    optimizer = SGD([{"params": [parameter()], "lr": torch.tensor(1.0)}, {"params": [parameter()], "lr": 1.0}])
    scheduler = gs.torch.Scheduler(optimizer, "linear", steps=10)
    first, second = optimizer.param_groups
    first["lr"] = double = first["lr"].double()
    second["lr"] = single = torch.tensor(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        updated(optimizer, scheduler, 3)
    assert first["lr"] is double
    assert second["lr"] is single
    assert rates(optimizer) == pytest.approx([0.7, 0.7])
    capturable = SGD([parameter()], lr=torch.tensor(1.0))
    scheduler = gs.torch.CapturableScheduler(capturable, "linear", steps=10)
    capturable.param_groups[0]["lr"] = capturable.param_groups[0]["lr"].double()
    updated(capturable, scheduler, 3)
    assert rates(capturable) == pytest.approx([0.7])


# Updates that don't go through a hooked step.


class Holder:
    """A wrapper that is no torch optimizer."""

    def __init__(self, inner):
        self.whatever_its_name = inner

    @property
    def param_groups(self):
        return self.whatever_its_name.param_groups

    def step(self):
        self.whatever_its_name.step()


class LocalAverager:
    step = 0

    def average_parameters(self, params):
        pass


def schedule_free(inner):
    wrapper = schedulefree.ScheduleFreeWrapper(inner)
    wrapper.train()
    return wrapper


@pytest.mark.parametrize(
    "wrap", [Lookahead, Holder, lambda o: Holder(Lookahead(o)), lambda o: PostLocalSGDOptimizer(o, LocalAverager()),
             schedule_free]
)  # fmt: skip
def test_the_optimizer_inside_a_wrapper_is_counted(wrap):
    wrapper = wrap(SGD([parameter()], lr=1.0))
    scheduler = gs.torch.Scheduler(wrapper, "linear", steps=10)
    updated(wrapper, scheduler, 3)
    assert scheduler.last_epoch == 3
    assert scheduler.get_last_lr() == pytest.approx([0.7])


@pytest.mark.parametrize("name", ["Lookahead", "TRAC", "OrthoGrad", "ScheduleFreeWrapper"])
def test_wrappers_of_pytorch_optimizer(name):
    library = pytest.importorskip("pytorch_optimizer")
    wrapper = getattr(library, name)(SGD([parameter()], lr=1.0))
    if hasattr(wrapper, "train"):
        wrapper.train()
    scheduler = gs.torch.Scheduler(wrapper, "linear", steps=10)
    updated(wrapper, scheduler, 3)
    assert scheduler.get_last_lr() == pytest.approx([0.7])


def test_sam_makes_its_updates_with_the_optimizer_inside():
    library = pytest.importorskip("pytorch_optimizer")
    weight = parameter()
    for optimizer in (Sam([{"params": [weight], "lr": 1.0}]), library.SAM([weight], SGD, lr=1.0)):
        scheduler = gs.torch.Scheduler(optimizer, "warmup(5) >> linear", steps=10)
        for _ in range(7):
            weight.grad = torch.ones(2, 2)
            optimizer.first_step()
            optimizer.second_step()
            scheduler.step()
        assert scheduler.last_epoch == 7
        assert scheduler.get_last_lr() == pytest.approx([0.6])


class Unhooked:
    """An optimizer of somebody's own, with groups and nothing else of torch's."""

    def __init__(self):
        self.param_groups = [{"params": [parameter()], "lr": 1.0}]
        self.defaults = {}

    def step(self):
        pass


def test_what_cannot_be_counted_is_refused_with_the_way_out():
    with pytest.raises(gs.ScheduleError, match='count="step"'):
        gs.torch.Scheduler(Unhooked(), "linear", steps=10)
    optimizer = Unhooked()
    scheduler = gs.torch.Scheduler(optimizer, "linear", steps=10, count="step")
    updated(optimizer, scheduler, 3)
    assert scheduler.get_last_lr() == pytest.approx([0.7])
    again = gs.torch.Scheduler(Unhooked(), "linear", steps=10, count="step")
    again.load_state_dict(scheduler.state_dict())
    assert again.get_last_lr() == pytest.approx([0.7])
    optimizer.param_groups.append({"params": [parameter()], "lr": 2.0})
    updated(optimizer, scheduler, 1)
    assert rates(optimizer) == pytest.approx([0.6, 1.2])
    hooked = SGD([parameter()], lr=1.0)
    scheduler = gs.torch.Scheduler(hooked, "linear", steps=10, count="step")
    updated(hooked, scheduler, 5)
    state = copy.deepcopy(hooked.state_dict())
    del state["param_groups"][0]["initial_lr"]
    hooked.load_state_dict(state)
    assert rates(hooked) == pytest.approx([0.5])
    updated(hooked, scheduler, 1)
    assert rates(hooked) == pytest.approx([0.4])
    with pytest.raises(gs.ScheduleError, match="count='call'"):
        gs.torch.Scheduler(optimizer, "linear", steps=10, count="call")


def test_an_optimizer_that_makes_no_update_warns_at_the_tenth_call():
    optimizer = SGD([parameter()], lr=1.0)
    scheduler = gs.torch.Scheduler(optimizer, "linear", steps=100)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(9):
            scheduler.step()
        assert not told
        for _ in range(500):
            scheduler.step()
    assert len(told) == 1
    assert 'count="step"' in str(told[0].message)
    assert told[0].filename == __file__


# A feedback that is never told.


@pytest.mark.parametrize("lr", ["hold * plateau(patience=0)", "hold * greedy(patience=0)", "hold * guard"])
def test_a_feedback_without_measurements_warns_by_the_end(lr):
    optimizer = SGD([parameter()], lr=1.0)
    scheduler = gs.torch.Scheduler(optimizer, lr, steps=20)
    with pytest.warns(UserWarning, match="got no"):
        updated(optimizer, scheduler, 20)
    without_end = gs.torch.Scheduler(SGD([parameter()], lr=1.0), "constant * plateau(patience=2)")
    with pytest.warns(UserWarning, match=r"got no measurement in 1000 updates.*scheduler\.measure"):
        updated(without_end.optimizer, without_end, 1000)


def test_a_feedback_with_measurements_gives_no_warning():
    model = nn.Linear(1, 1)
    optimizer = SGD(model.parameters(), lr=0.1)
    scheduler = gs.torch.Scheduler(optimizer, "hold * plateau * guard", steps=20)
    guard = gs.torch.Guard(model, scheduler)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(30):
            updated(optimizer, scheduler, 1)
            guard.step(1.0)
            if i == 15:
                scheduler.measure(1.0)
        resumed = gs.torch.Scheduler(SGD([parameter()], lr=0.1), "hold * plateau * guard", steps=40)
        state = scheduler.state_dict() | {"schedules": ["hold().over(40)"]}
        del state["checksum"]
        resumed.load_state_dict(state)


@pytest.mark.parametrize("metric", [0.3, torch.tensor(0.3), np.float32(0.3), 3])
def test_a_metric_given_to_step_is_refused(metric):
    with_feedback = gs.torch.Scheduler(SGD([parameter()], lr=1.0), gs.constant() * gs.plateau())
    with pytest.raises(gs.FeedbackError, match=r"scheduler\.measure"):
        with_feedback.step(metric)
    without = gs.torch.Scheduler(SGD([parameter()], lr=1.0), gs.constant())
    if isinstance(metric, int):
        without.step(metric)  # an epoch, as torch's schedulers once took
    else:
        with pytest.raises(gs.FeedbackError, match=r"scheduler\.measure"):
            without.step(metric)


# Two that write the same rate.


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("rate", [1.0, torch.tensor(1.0)])
@pytest.mark.parametrize(
    "other",
    [
        lambda o: lr_scheduler.ExponentialLR(o, 0.9),
        lambda o: lr_scheduler.ChainedScheduler([lr_scheduler.ExponentialLR(o, 0.9)]),
        lambda o: gs.torch.Scheduler(o, "cosine", steps=50),
    ],
)
def test_two_schedulers_warn_once(other, rate, before):
    optimizer = SGD([parameter()], lr=rate)
    ours = gs.torch.Scheduler(optimizer, "linear", steps=50)
    theirs = other(optimizer)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(10):
            optimizer.step()
            for scheduler in (theirs, ours) if before else (ours, theirs):
                scheduler.step()
    said = [w for w in told if "this scheduler had set" in str(w.message)]
    number = 2 if isinstance(theirs, gs.torch.Scheduler) else 1  # each of ours says it
    assert 1 <= len(said) <= number


@pytest.mark.parametrize("key", ["lr", "momentum", "weight_decay"])
def test_a_value_changed_by_hand_warns(key):
    optimizer = SGD([parameter()], lr=1.0, momentum=0.9, weight_decay=0.1)
    scheduler = gs.torch.Scheduler(optimizer, "linear", steps=10, momentum="constant(0.5)", weight_decay="linear")
    updated(optimizer, scheduler, 2)
    optimizer.param_groups[0][key] = 0.3
    with pytest.warns(UserWarning, match="is 0.3, and this scheduler had set"):
        updated(optimizer, scheduler, 1)


def test_a_second_phase_while_the_first_scheduler_is_held():
    head, body = parameter(), parameter()
    optimizer = SGD([head], lr=1.0)
    first = gs.torch.Scheduler(optimizer, "linear", steps=4)
    updated(optimizer, first, 4)
    optimizer.add_param_group({"params": [body], "lr": 0.5})
    second = gs.torch.Scheduler(optimizer, "linear", steps=4)
    seen = []
    optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(rates(o)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        updated(optimizer, second, 2)
        optimizer.param_groups[0] = dict(optimizer.param_groups[0])
        first.state_dict(), first.read_groups()
        updated(optimizer, second, 1)
    np.testing.assert_allclose(seen, [[1.0, 0.5], [0.75, 0.375], [0.5, 0.25]])


def test_a_rate_set_for_a_new_phase_is_not_ignored_in_silence():
    optimizer = SGD([parameter()], lr=1.0)
    updated(optimizer, gs.torch.Scheduler(optimizer, "linear", steps=8), 4)
    optimizer.param_groups[0]["lr"] = 0.01
    second = gs.torch.Scheduler(optimizer, "linear", steps=4)
    with pytest.warns(UserWarning, match="rate was 0.01 when this scheduler was made, and their initial_lr is 1"):
        updated(optimizer, second, 1)
    del optimizer.param_groups[0]["initial_lr"]
    optimizer.param_groups[0]["lr"] = 0.01
    third = gs.torch.Scheduler(optimizer, "linear", steps=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        updated(optimizer, third, 1)
    assert rates(optimizer) == pytest.approx([0.0075])


@pytest.mark.parametrize("order", ["optimizer", "step, optimizer", "optimizer, step"])
def test_a_peak_is_the_peak_whatever_is_loaded(order):
    saved = SGD([parameter()], lr=0.2)
    scheduler = gs.torch.Scheduler(saved, "constant", steps=4)
    optimizer = SGD([parameter()], lr=0.1)
    scheduler = gs.torch.Scheduler(optimizer, "constant", steps=4, peak=0.5)
    for what in order.split(", "):
        if what == "step":
            scheduler.load_state_dict({"step": 2})
        else:
            optimizer.load_state_dict(copy.deepcopy(saved.state_dict()))
    assert rates(optimizer) == pytest.approx([0.5])


@pytest.mark.parametrize("marked", [True, False])
def test_copies_in_another_order_are_recognised(marked):
    optimizer = SGD([{"params": [parameter()], "lr": rate} for rate in (1.0, 2.0, 3.0)], lr=1.0)
    lr = ["constant(1)", "constant(0.5)", "constant(0.25)"] if marked else "constant(0.5)"
    scheduler = gs.torch.Scheduler(optimizer, lr, steps=4)
    before = rates(optimizer)
    left_out = () if marked else ("initial_lr",)
    copies = [{key: value for key, value in group.items() if key not in left_out} for group in optimizer.param_groups]
    optimizer.param_groups = copies[::-1]
    updated(optimizer, scheduler, 1)
    assert rates(optimizer) == pytest.approx(before[::-1])
    only = optimizer.param_groups[1]
    optimizer.param_groups[1] = {key: value for key, value in only.items() if key != "initial_lr"}
    updated(optimizer, scheduler, 1)
    assert rates(optimizer) == pytest.approx(before[::-1])


def test_other_writes_at_any_point_of_the_loop_warn():
    def new(number=2):
        optimizer = SGD([{"params": [parameter()]} for _ in range(number)], lr=1.0)
        return optimizer, gs.torch.Scheduler(optimizer, gs.linear() * gs.plateau(), steps=10)

    optimizer, scheduler = new()
    updated(optimizer, scheduler, 1)
    optimizer.step()
    optimizer.param_groups[1]["lr"] = 0.1  # between the update and step()
    with pytest.warns(UserWarning, match="this scheduler had set"):
        scheduler.step()
    optimizer, scheduler = new()
    updated(optimizer, scheduler, 1)
    optimizer.param_groups[1]["lr"] = 0.1
    with pytest.warns(UserWarning, match="this scheduler had set"):
        scheduler.measure(1.0)
    optimizer, scheduler = new()
    updated(optimizer, scheduler, 10)
    optimizer.param_groups[0]["lr"] = 0.1  # after the end it is somebody else's
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()


def test_a_step_that_catches_what_its_parents_raises_is_counted(sibling):
    class Stubborn(AdamW):
        fails = 0

        def step(self, closure=None):
            try:
                super().step(self._fail if self.fails else None)
            except ArithmeticError:
                self.fails -= 1

        def _fail(self):
            raise ArithmeticError

    optimizer = Stubborn([parameter()], lr=1.0)
    scheduler = gs.torch.Scheduler(optimizer, "linear", steps=10)
    for _ in range(3):
        optimizer.fails = 1
        updated(optimizer, scheduler, 2)
    assert scheduler.last_epoch == 6


def test_successors_and_changed_base_rates_give_no_warning():
    optimizer = SGD([parameter()], lr=1.0)
    gs.torch.trust_ratio(optimizer, "lars")  # which sets the weight decay to 0 during the step
    first = gs.torch.Scheduler(optimizer, "linear", steps=10, weight_decay="constant")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        updated(optimizer, first, 3)
        second = gs.torch.Scheduler(optimizer, "cosine", steps=10)  # a second phase; the first is stepped no more
        updated(optimizer, second, 3)
        optimizer.param_groups[0]["initial_lr"] = 0.5
        second.read_groups()
        updated(optimizer, second, 1)
        optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        updated(optimizer, second, 1)


# States from elsewhere.


@pytest.mark.parametrize("step", [np.int64(5), torch.tensor(5), np.array(5), 5.0, True, -1, 2.5, "5", None, [5]])
def test_the_step_of_a_state(step):
    scheduler = gs.torch.Scheduler(SGD([parameter()], lr=1.0), "linear", steps=10)
    if step is not None and not isinstance(step, bool | str | list) and step == 5:
        scheduler.load_state_dict({"step": step})
        assert scheduler.get_last_lr() == pytest.approx([0.5])
        assert type(scheduler.state_dict()["step"]) is int
    else:
        with pytest.raises(gs.ScheduleError, match="isn't a state of this scheduler"):
            scheduler.load_state_dict({"step": step})
        assert scheduler.get_last_lr() == [1.0]


def test_a_state_through_json_without_infinities():
    def new():
        return gs.torch.Scheduler(
            SGD([parameter()], lr=1.0), "linear * plateau(patience=1) * plateau(mode=max)", steps=10
        )

    scheduler = new()
    updated(scheduler.optimizer, scheduler, 4)
    text = json.dumps(scheduler.state_dict()).replace("-Infinity", "null").replace("Infinity", "null")
    other = new()
    other.load_state_dict({key: tuple(v) if isinstance(v, list) else v for key, v in json.loads(text).items()})
    assert other.state_dict() == scheduler.state_dict()
    broken = scheduler.state_dict()
    broken["feedback_states"] = [{**broken["feedback_states"][0], "0.factor": None}]
    with pytest.raises(gs.ScheduleError, match="damaged"):
        other.load_state_dict(broken)


def test_numbers_of_other_libraries():
    optimizer = SGD([parameter()], lr=1.0)
    scheduler = gs.torch.Scheduler(optimizer, "linear", steps=np.int64(10), peak=np.float32(2.0))
    updated(optimizer, scheduler, 5)
    assert rates(optimizer) == pytest.approx([1.0])


def test_of_two_horizons_none_is_taken_in_silence():
    def new(lr, **options):
        return gs.torch.Scheduler(SGD([parameter()], lr=1.0), lr, **options)

    whole = gs.linear().over(1000)
    for lr in (whole, str(whole), whole * gs.plateau(), gs.constant(), f"{whole} * growth(base=2, largest=4)"):
        if lr == gs.constant():
            new(lr, steps=500)
            continue
        with pytest.raises(gs.ScheduleError, match="has a horizon of its own, and steps=500 is another"):
            new(lr, steps=500)
        new(lr, steps=1000)
        new(lr)


# Guards.


def test_guards_with_one_folder_keep_to_their_own(tmp_path):
    guards = []
    for value in (1.0, 2.0):
        model = nn.Linear(1, 1, bias=False)
        nn.init.constant_(model.weight, value)
        optimizer = SGD(model.parameters(), lr=0.0)
        scheduler = gs.torch.Scheduler(optimizer, "constant * guard(every=5)", steps=100)
        guards.append((model, optimizer, scheduler, gs.torch.Guard(model, scheduler, folder=tmp_path)))
    for update in range(8):
        for _, optimizer, scheduler, guard in guards:
            updated(optimizer, scheduler, 1)
            guard.step(float("nan") if update == 7 else 1.0)
    assert [guard.events[0].back_to for *_, guard in guards] == [5, 5]
    assert [model.weight.item() for model, *_ in guards] == [1.0, 2.0]


def test_gradient_norms_leave_buffers_as_they_were():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    before = copy.deepcopy(model.state_dict())
    good, bad = (torch.randn(8, 2), torch.randn(8, 2)), (torch.randn(7, 2), torch.randn(7, 2))
    with pytest.raises(gs.BatchError):
        gs.torch.gradient_norms(model, nn.functional.mse_loss, [good, bad], parts=2)
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    gs.torch.gradient_norms(model, nn.functional.mse_loss, [good], parts=2)
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
