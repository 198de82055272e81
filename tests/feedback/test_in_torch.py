"""A feedback in a torch scheduler: measured, composed, saved, and the same on every rank."""

import io

import pytest
import torch

import glideslope as gs


def make(lr, steps=100, rate=1.0):
    weight = torch.nn.Parameter(torch.ones(1))
    weight.grad = torch.ones(1)
    optimizer = torch.optim.SGD([weight], lr=rate)
    return optimizer, gs.torch.Scheduler(optimizer, lr, steps=steps)


def rate(optimizer):
    return optimizer.param_groups[0]["lr"]


def test_a_feedback_multiplies_its_schedule():
    optimizer, scheduler = make(gs.linear() * gs.plateau(0.5, patience=1))
    for t in range(40):
        assert rate(optimizer) == pytest.approx((1 - t / 100) * 0.5 ** max(0, (t // 10 - 1) // 2))
        optimizer.step()
        scheduler.step()
        if t % 10 == 9:
            scheduler.measure(torch.tensor(3.0))


def test_a_resumed_run_is_the_same():
    def run(scheduler, optimizer, first, last):
        found = []
        for t in range(first, last):
            found.append(rate(optimizer))
            optimizer.step()
            scheduler.step()
            scheduler.measure([5.0, 4.0, 4.0, 4.0, 3.0, 3.5, 3.0][t % 7])
        return found

    lr = "cosine() * plateau(factor=0.5, patience=2) * greedy(factor=0.9, patience=1)"
    optimizer, scheduler = make(lr)
    whole = run(scheduler, optimizer, 0, 60)
    optimizer, scheduler = make(lr)
    first = run(scheduler, optimizer, 0, 23)
    file = io.BytesIO()
    torch.save(scheduler.state_dict(), file)
    file.seek(0)
    other, resumed = make(lr)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert first + run(resumed, other, 23, 60) == whole
    assert len(set(whole)) == 60
    changed = make("cosine() * plateau(factor=0.5, patience=3)")[1]
    with pytest.raises(gs.ScheduleError, match="feedbacks"):
        changed.load_state_dict(scheduler.state_dict())


def test_a_plateau_alone():
    optimizer, scheduler = make(gs.plateau(patience=0), steps=None, rate=0.2)
    scheduler.measure(1), scheduler.measure(1.0)
    assert rate(optimizer) == pytest.approx(0.02)


def test_a_refused_state_changes_nothing_and_a_bare_count_starts_anew():
    _, scheduler = make(gs.cosine() * gs.plateau(0.5, patience=0))
    scheduler.measure(1.0), scheduler.measure(1.0)
    state = scheduler.state_dict() | {"step": 5, "times": [5.0]}
    with pytest.raises(gs.ScheduleError, match="checksum doesn't match"):
        scheduler.load_state_dict(state)
    del state["checksum"]
    optimizer, other = make(gs.linear() * gs.plateau(0.5, patience=0))
    with pytest.raises(gs.ScheduleError, match="before it"):
        other.load_state_dict(state)
    other.measure(2.0)
    assert rate(optimizer) == 1.0
    other.measure(2.0)
    assert rate(optimizer) == 0.5
    other.load_state_dict({"step": 10})
    assert rate(optimizer) == 0.9
    for damaged in (
        {"feedback_states": [{}]},
        {"times": []},
        {"names": None},
        {"times": [float("nan")]},
        {"step": True},
    ):
        with pytest.raises(gs.ScheduleError):
            scheduler.load_state_dict(scheduler.state_dict() | damaged)


def test_a_feedback_without_a_text_goes_on():
    class Half(gs.Feedback):
        def init(self):
            return {"told": 0.0}

        def update(self, state, metric):
            return {"told": state["told"] + 1}

        def factor(self, state):
            return 0.5 ** state["told"]

    _, scheduler = make(gs.linear() * Half())
    scheduler.measure(1.0)
    optimizer, other = make(gs.linear() * Half())
    other.load_state_dict(scheduler.state_dict())
    assert rate(optimizer) == 0.5


def test_mistakes():
    with pytest.raises(gs.ScheduleError, match="takes no feedback"):
        gs.torch.Scheduler(torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))]), gs.hold(),
                           momentum=gs.constant(0.9) * gs.greedy())  # fmt: skip
    with pytest.raises(gs.FeedbackError, match=r"gs\.plateau"):
        make(gs.linear())[1].measure(1.0)
    with pytest.raises(gs.FeedbackError, match="detach"):
        make(gs.linear() * gs.plateau())[1].measure(torch.ones((), requires_grad=True) * 2)
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))])
    with pytest.raises(gs.ScheduleError, match="takes no feedback"):
        gs.torch.CapturableScheduler(optimizer, gs.linear() * gs.plateau(), steps=5)
