"""What a guard makes of an optimizer's state that is finite and wrong, and of single batches that are bad."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.feedback.test_guard_answers import Small

STEPS = 120


def run(disturb=lambda loop, t: {}, steps=STEPS, **options):
    """A loop; `disturb` changes it before an update, and gives arguments of its step."""
    loop = Small("constant * guard()", steps=steps, **options)
    for t in range(steps):
        loop.step(**disturb(loop, t))
    return loop


def same(one, other):
    torch.testing.assert_close(one.model.state_dict(), other.model.state_dict(), rtol=0, atol=0)


@given(st.integers(25, 99), st.floats(2, 8))
@settings(max_examples=4, deadline=None, derandomize=True)
def test_squares_of_gradients_that_are_damaged_go_back(place, exponent):
    def enlarge(loop, t):
        if t == place:
            for state in loop.optimizer.state.values():
                state["exp_avg_sq"].mul_(10**exponent)
        return {}

    loop = run(enlarge)
    [event] = loop.guard.events
    # Gradients since the damage are those of other weights, so they aren't used again.
    assert (event.kind, event.answer, event.back_to) == ("state grows", "back", place)
    assert place <= event.update < place + 20


@given(st.integers(30, 99), st.sampled_from([-10.0, 5.0, 1000.0]), st.booleans())
@settings(max_examples=6, deadline=None, derandomize=True)
def test_momentum_that_is_enlarged_goes_back_at_once_wherever_the_snapshots_are(place, factor, is_adam):
    """It would have decayed at the next snapshot, and have moved the weights until then."""

    def optimizer(weights):
        return torch.optim.Adam(weights, lr=1e-3) if is_adam else torch.optim.SGD(weights, lr=1e-3, momentum=0.9)

    def enlarge(loop, t):
        if t == place:
            for state in loop.optimizer.state.values():
                state["exp_avg" if is_adam else "momentum_buffer"].mul_(factor)
        return {}

    def missing(loop, t):
        return {"spoil": lambda model: model.zero_grad()} if t == place else {}

    loop = run(enlarge, optimizer=optimizer)
    [event] = loop.guard.events
    assert (event.kind, event.answer, event.update, event.back_to) == ("state grows", "back", place, place)
    same(loop, run(missing, optimizer=optimizer))


@pytest.mark.parametrize(
    "change",
    [
        lambda loop: [weight.data.mul_(1.001) for weight in loop.model.parameters()],
        lambda loop: [state["exp_avg"].mul_(0.5) for state in loop.optimizer.state.values()],
    ],
)
def test_what_a_loop_changes_itself_is_left_as_it_is(change):
    """Weights that are held within bounds, and momentum that is reset, aren't damage."""

    def once(loop, t):
        if t == 53:
            change(loop)
        return {}

    assert run(once).guard.events == []


def test_updates_of_muon_are_made_again():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4, bias=False), torch.nn.Tanh(), torch.nn.Linear(4, 1, bias=False))

    def reverse(loop, t):
        if t == 47:
            for state in loop.optimizer.state.values():
                state["momentum_buffer"].mul_(-100)
        return {}

    loop = run(reverse, model=model, optimizer=lambda weights: torch.optim.Muon(weights, lr=1e-3))
    [event] = loop.guard.events
    assert (event.kind, event.answer, event.back_to) == ("state grows", "back", 47)


@pytest.mark.parametrize("factor", [3.0, 15.0])
def test_gradients_that_become_larger_explain_a_larger_state(factor):
    def larger(loop, t):
        return {"spoil": lambda model: [weight.grad.mul_(factor) for weight in model.parameters()]} if t > 50 else {}

    loop = run(larger)
    assert loop.answers == []

    def look_each_time(loop, t):  # a look that finds nothing changes nothing, to the last bit
        if t > 25:
            loop.guard._history._is_from_outside()
        return larger(loop, t)

    same(loop, run(look_each_time))


@given(st.integers(40, 99))
@settings(max_examples=4, deadline=None, derandomize=True)
def test_a_bad_batch_leaves_no_trace(place):
    """Its loss is far above the level, and its gradient larger than any of late, but not so large as to be refused."""

    def bad(loop, t):
        return {"scale": 5.0} if t == place else {}

    def missing(loop, t):
        return {"spoil": lambda model: model.zero_grad()} if t == place else {}

    loop = run(bad)
    assert loop.answers == [("spike", "refused")]
    same(loop, run(missing))


def test_outliers_lower_no_rate_and_end_no_training():
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(900, 16, 1, generator=generator)
    noise[20::30, 0] += 12.0
    loop = Small("constant * guard()", lambda weights: torch.optim.SGD(weights, lr=0.05), steps=900)
    x, model = loop.x, copy.deepcopy(loop.model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

    def updated(network, stepper, t):
        loss = (network(x) - x.sum(1, keepdim=True) - noise[t]).square().mean()
        stepper.zero_grad()
        loss.backward()
        stepper.step()
        return loss

    for t in range(900):
        loss = updated(loop.model, loop.optimizer, t)
        loop.scheduler.step()
        loop.guard.step(loss)
        updated(model, optimizer, t)

    def error(network):
        with torch.no_grad():
            return (network(x) - x.sum(1, keepdim=True)).square().mean().item()

    assert "lowered" not in {answer for _, answer in loop.answers}
    assert loop.answers
    assert error(loop.model) < error(model)
