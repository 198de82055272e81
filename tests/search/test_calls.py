"""What a search counts, compares and names: updates, results, schedules without a text, failing calls of a job."""

import math
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import glideslope as gs
from glideslope.search.runs.contestant import Contestant, Run
from glideslope.search.trials import Trials
from glideslope.views.curves import Curve


class Counting:
    """Gradient descent on a quadratic that counts each call of its step, and grows once, for a guard to find."""

    def __init__(self, seed=0, bad=()):
        self.w, self.made, self.drawn, self.bad = 10.0, 0, 0, bad

    def step(self, lr):
        self.made += 1
        self.drawn += 1
        loss = self.w**2 / 2 + 0.01 * math.sin(self.drawn)
        self.w -= lr * self.w
        return math.nan if self.drawn in self.bad else loss

    def skip(self):
        self.drawn += 1

    def evaluate(self):
        return self.w**2 / 2

    def state(self):
        return self.w, self.drawn

    def restore(self, state):
        self.w, self.drawn = state


def test_updates_that_a_guard_took_back_are_counted():
    job = Counting(bad=(70, 90))
    raced = gs.race(job, ["linear * guard"], 124, [0.1])
    guarded = next(s.runs[0] for s in raced.standings if s.contestant.schedule != gs.constant())
    assert guarded.events
    assert guarded.made > len(guarded.losses) == 124
    assert raced.updates == job.made
    assert Run.remembered(guarded.plain()).made == guarded.made


def optimized(seed, optimizer=None):
    torch.manual_seed(seed)
    x = torch.randn(128, 6)
    model = nn.Linear(6, 2)
    data = TensorDataset(x, (x @ torch.randn(6, 2)).argmax(1))
    job = gs.torch.Job(
        model, gs.torch.automatic(optimizer or "momentum", model.parameters(), lr=0.1), nn.CrossEntropyLoss(),
        DataLoader(data, 16, shuffle=True), DataLoader(data, 128),
    )  # fmt: skip
    step, job.made = job.step, 0

    def counted(lr, **controls):
        counts[0] += 1
        return step(lr, **controls)

    job.step = counted
    return job


counts = [0]


@pytest.mark.parametrize(
    ("steps", "options"),
    [
        (1000, {"schedules": ["linear", "one_cycle", "hold() >> cooldown(20%)"], "optimizers": ["adagrad"]}),
        (400, {"optimizers": ["adagrad", "prodigy"], "averages": ["ema(0.9)"]}),
        (260, {"optimizers": ["adagrad"]}),
    ],
)
def test_the_bound_holds_with_whatever_enters(steps, options):
    counts[0] = 0
    memory = {}
    tuned = gs.tune(optimized, steps, memory=memory, **options)
    assert tuned.search_updates <= 2 * steps
    assert counts[0] == tuned.search_updates + steps
    again = gs.tune(optimized, steps, memory=memory, **options)
    assert again.search_updates == tuned.search_updates
    assert again.final == tuned.final


def test_an_optimizer_that_a_job_ignores_is_named():
    def deaf(seed, optimizer=None):
        return optimized(seed)

    with pytest.raises(gs.JobError, match=r"optimizer='prodigy' trains exactly as the one made without \(SGD\)"):
        gs.race(deaf, ["linear"], 20, [0.1], optimizers=["prodigy"])
    with pytest.raises(gs.JobError, match="trains exactly"):
        gs.race(lambda seed, optimizer=None: Counting(), ["linear"], 20, [0.1], optimizers=["prodigy"])
    names = {s.contestant.optimizer for s in gs.race(optimized, ["linear"], 20, [0.1], optimizers=["sgd"]).standings}
    assert names == {None, "sgd"}  # of momentum's type, with other options


class Callable(nn.Module):
    """A module that is a job, and can be called."""

    def __init__(self):
        super().__init__()
        self.layer, self.data = nn.Linear(2, 1), torch.ones(4, 2)

    def forward(self, x):
        return self.layer(x)

    def step(self, lr):
        loss = self(self.data).square().mean()
        self.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in self.parameters():
                parameter -= lr * parameter.grad
        return loss.detach()

    def evaluate(self):
        return self(self.data).square().mean().detach()  # a tensor of no dimension

    def state(self):
        return {name: value.clone() for name, value in self.state_dict().items()}

    def restore(self, state):
        self.load_state_dict(state)


def test_a_job_that_can_be_called_is_a_job():
    raced = gs.race(Callable(), ["linear"], np.int64(20), [np.float64(0.05)], seed=np.int64(0), evaluations=np.int64(2))
    assert all(type(standing.mean) is float for standing in raced.standings)
    gs.check_job(Callable(), lr=0.01)
    assert gs.find(Callable(), steps=np.int32(20)).suggestion > 0
    with pytest.raises(gs.SearchError, match=r"steps=20\.5: give a whole number"):
        gs.race(Callable(), ["linear"], 20.5, [0.1])


class Halves(gs.Feedback):
    """A feedback without a text, nor a hash."""

    __hash__ = None

    def __eq__(self, other):
        return self is other

    def init(self):
        return {"factor": 1.0}

    def update(self, state, metric):
        return {"factor": state["factor"] / 2}

    def factor(self, state):
        return state["factor"]


def test_what_has_no_text_is_searched():
    schedules = [gs.constant() * Halves(), gs.from_function(lambda t: math.exp(-t)), gs.from_function(lambda t: 0.5)]
    memory = {}
    with pytest.warns(UserWarning, match="without a text form"):
        raced = gs.race(Counting(), schedules, 40, [0.1], evaluations=4, memory=memory)
    names = [standing.contestant.name for standing in raced.standings]
    assert len(set(names)) == 4
    assert len(memory) == 4
    halved = next(s.runs[0] for s in raced.standings if "Halves" in s.contestant.name)
    assert halved.scales == ((10, 0.5), (20, 0.25), (30, 0.125))
    job = Counting()
    with pytest.warns(UserWarning, match="without a text form"):
        again = gs.race(job, schedules, 40, [0.1], evaluations=4, memory=memory)
    assert job.made == 6  # the same objects are remembered
    assert again == raced
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tuned = gs.tune(Counting(), 300, schedules=[schedules[0], schedules[1], "linear"])
    assert tuned.final_loss < 1


def test_one_text_is_one_curve():
    for text in ("linear.over(1000)", "warmup(10) >> linear.over(1000)", "2 * cosine.over(300)", "linear(1000)",
                 "linear", "hold() >> cooldown(20%)"):  # fmt: skip
        shown = Curve.of(gs.parse(text), 500, 0.2, gs.Clock()).rates
        np.testing.assert_array_equal(shown, Contestant(gs.parse(text), 0.2).rates(500), err_msg=text)
        np.testing.assert_array_equal(shown, 0.2 * gs.parse(text).sample(500), err_msg=text)
    assert Contestant(gs.linear().over(1000), 1.0).rates(500)[-1] == 0.501
    grown = gs.parse("linear.over(1000) * growth(base=10, largest=40)")
    plan = Contestant(grown, 1.0)
    sizes, rates = plan.controls(500)["batch_size"], plan.rates(500)
    assert sizes.sum() == 5000
    assert rates[-1] / sizes[-1] == pytest.approx(0.05, rel=0.02)  # the factor of a batch of 10 at half the horizon


def test_equal_results_are_equal():
    one, other = (gs.race(Counting(), ["linear"], 30, [0.1, 1e200]) for _ in range(2))
    assert one == other
    assert one.standings[0].runs[0] == other.standings[0].runs[0]
    assert one != gs.race(Counting(), ["linear"], 30, [0.2, 1e200])
    assert gs.find(Counting(), steps=20) == gs.find(Counting(), steps=20)
    assert gs.find(Counting(), steps=20) != gs.find(Counting(), steps=21)


class Failing(Counting):
    call, at, error = "step", 37, RuntimeError("boom\n  twice")

    def _fail(self, call):
        if self.call == call and self.made >= self.at:
            raise self.error

    def step(self, lr):
        loss = super().step(lr)
        self._fail("step")
        return loss

    def evaluate(self):
        self._fail("evaluate")
        return super().evaluate()

    def restore(self, state):
        self._fail("restore")
        super().restore(state)


@pytest.mark.parametrize("call", ["step", "evaluate", "restore"])
def test_a_failing_call_is_named(call):
    job = type("Named", (Failing,), {"call": call})()
    with pytest.raises(gs.JobError, match=f"the job's {call} failed .*: RuntimeError: boom twice") as raised:
        gs.race(job, ["linear"], 100, [0.1])
    assert isinstance(raised.value.__cause__, RuntimeError)
    if call == "step":
        assert "at update 31 of linear() at 0.1" in str(raised.value)


def test_interrupts_and_lost_numbers_pass():
    with pytest.raises(KeyboardInterrupt):
        gs.race(type("Stopped", (Failing,), {"error": KeyboardInterrupt()})(), ["linear"], 100, [0.1])
    overflowing = type("Overflowing", (Failing,), {"error": OverflowError()})()
    assert math.isinf(gs.race(overflowing, ["linear"], 100, [0.1]).standings[-1].mean)
    unmeasurable = type("Unmeasurable", (Failing,), {"call": "evaluate", "error": OverflowError()})()
    assert math.isinf(gs.race(unmeasurable, ["linear"], 100, [0.1]).standings[-1].mean)

    class Silent(Counting):
        def step(self, lr):
            super().step(lr)

    with pytest.raises(gs.JobError, match=r"step failed at update 1 .* must give a number"):
        gs.find(Silent())

    def stops(progress):
        raise LookupError("of the watcher")

    with pytest.raises(LookupError):  # what the watcher raises is no failure of the job
        gs.find(Counting(), watch=stops)


def test_a_torch_job_that_fails_is_named():
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    loader = DataLoader(TensorDataset(torch.randn(9, 2), torch.randn(9, 1)), 4)
    job = gs.torch.Job(model, torch.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss(), loader, loader)
    with pytest.raises(gs.JobError, match=r"step failed at update 3 .*more than 1 value per channel"):
        gs.find(job, steps=20)

    class Failing(torch.optim.SGD):
        def step(self, closure=None):
            raise TypeError("\x1b[1mno\x1b[0m closure")

    model = nn.Linear(2, 1)
    failing = gs.torch.Job(model, Failing(model.parameters()), nn.MSELoss(), loader, loader)
    with pytest.raises(gs.JobError, match=r"step failed at update 1 .*TypeError: no closure"):  # without its colours
        Trials(failing)


class Aliased:
    """A hand-written job whose state holds the weights themselves, or leaves the optimizer's state out."""

    def __init__(self, forgets):
        torch.manual_seed(0)
        self.model = torch.nn.Linear(3, 1)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)
        self.forgets = forgets
        self.random = torch.Generator().manual_seed(0)

    def step(self, lr):
        self.optimizer.param_groups[0]["lr"] = lr
        x = torch.randn(8, 3, generator=self.random)
        loss = ((self.model(x) - x.sum(1, keepdim=True)) ** 2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def evaluate(self):
        return float(((self.model.weight - 1) ** 2).sum())

    def state(self):
        weights = self.model.state_dict()
        if self.forgets == "the optimizer":
            weights = {name: weight.clone() for name, weight in weights.items()}
        return weights, self.random.get_state()

    def restore(self, state):
        self.model.load_state_dict(state[0])
        self.random.set_state(state[1])


@pytest.mark.parametrize("forgets", ["to copy", "the optimizer"])
def test_a_job_that_is_not_restored_is_refused(forgets):
    with pytest.raises(gs.JobError, match="restore doesn't go back"):
        gs.race(Aliased(forgets), ["linear"], 20, [0.1])


class Averaging(Counting):
    """It validates an average of its weights that `restore` leaves as it is, or validates on other data each time."""

    def __init__(self, draws):
        super().__init__()
        self.average, self.random, self.draws = self.w, np.random.default_rng(0), draws

    def step(self, lr):
        loss = super().step(lr)
        self.average += 0.1 * (self.w - self.average)
        return loss

    def evaluate(self):
        return self.w**2 / 2 + self.random.normal() if self.draws else self.average**2 / 2


def test_a_validation_that_is_not_restored_is_refused_where_there_are_no_estimates():
    with pytest.raises(gs.JobError, match=r"untrained validation loss \S+ came again as .*state\(\) copy all"):
        gs.tune(Averaging(draws=False), 100)
    assert gs.tune(Averaging(draws=True), 100).final_loss < 10


@pytest.mark.parametrize("arguments", [(["linear"], 0.1), (["linear"], "0.1"), ("linear", [0.1]), (gs.linear(), [0.1])])
def test_arguments_that_are_no_lists_are_refused(arguments):
    schedules, peaks = arguments
    with pytest.raises(gs.SearchError, match=r"(schedules|peaks)=.*: give a list, as \["):
        gs.race(Aliased("to copy"), schedules, 20, peaks)


@pytest.mark.parametrize("name", ["schedules", "optimizers", "averages", "also", "constant_peaks"])
@pytest.mark.parametrize("value", ["linear", 3, gs.linear()])
def test_a_search_is_given_lists(name, value):
    with pytest.raises(gs.SearchError, match=f"{name}=.*: give a list, as"):
        gs.tune(Aliased("to copy"), 100, **{name: value})
    if name in ("optimizers", "averages"):
        with pytest.raises(gs.SearchError, match=f"{name}=.*: give a list, as"):
            gs.race(Aliased("to copy"), ["linear"], 20, [0.1], **{name: value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"also": [("momentum", 0.8, 0.9)]}, "also has .*: give texts"),
        ({"steps": "100"}, "steps='100': give a number"),
        ({"overhead": None}, "overhead=None: give a number"),
        ({"guard": True}, r"guard=True: give glideslope.guard\(\)"),
        ({"memory": "runs"}, "memory='runs': give a dict"),
        ({"executor": 4}, "executor=4: give one of concurrent.futures"),
    ],
)
def test_a_search_says_what_an_argument_must_be(options, message):
    with pytest.raises(gs.SearchError, match=message):
        gs.tune(Aliased("to copy"), **{"steps": 100, **options})


def test_the_order_of_arguments_before_is_refused():
    with pytest.raises(gs.SearchError, match=r"race\(job, schedules, steps, peaks\)"):
        gs.race(Aliased("to copy"), ["linear"], [0.1], 20)


def test_an_optimizer_over_other_parameters_is_refused():
    model = torch.nn.Linear(1, 1)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(4, 1), torch.ones(4, 1)))
    with pytest.raises(gs.JobError, match="none of the model's parameters"):
        gs.torch.Job(model, torch.optim.SGD(torch.nn.Linear(1, 1).parameters()), torch.nn.MSELoss(), data, data)
