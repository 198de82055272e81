"""An average of the weights in a plain loop, against closed forms and torch's own update_bn."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim.swa_utils import update_bn

import glideslope as gs

BATCHES = list(torch.randn(6, 8, 3, generator=torch.Generator().manual_seed(0)))


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))


def trained(model, average, updates=5, seed=0):
    """The weights after each update."""
    torch.manual_seed(seed)
    optimizer, weights = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), []
    for i in range(updates):
        optimizer.zero_grad()
        model(BATCHES[i % len(BATCHES)]).square().mean().backward()
        optimizer.step()
        average.update()
        weights.append(model[0].weight.detach().double().numpy().copy())
    return weights


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(["ema(0.5)", "ema(0.99)", "swa(0.5)", "swa(75%)"]), st.integers(1, 12))
def test_averaged_weights_are_the_closed_form(kind, updates):
    model = network()
    average = gs.torch.Average(model, kind, steps=updates)
    weights = trained(model, average, updates)
    if kind.startswith("ema"):
        decay, expected = float(kind[4:-1]), weights[0]
        for own in weights[1:]:
            expected = decay * expected + (1 - decay) * own
    else:
        expected = np.mean(weights[int({"swa(0.5)": 0.5, "swa(75%)": 0.75}[kind] * updates) :], axis=0)
    with average.applied(BATCHES):
        np.testing.assert_allclose(model[0].weight.detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_the_model_is_exactly_as_it_was_also_after_an_error():
    model = network()
    average = gs.torch.Average(model, "ema(0.9)")
    trained(model, average)
    model[2].eval()
    before = copy.deepcopy(model.state_dict())
    modes = [module.training for module in model.modules()]
    for error in (False, True):
        try:
            with average.applied(BATCHES) as averaged:
                assert averaged is model
                assert not any(module.training for module in model.modules())
                assert not torch.equal(model[0].weight, before["0.weight"])
                if error:
                    raise KeyError
        except KeyError:
            assert error
        torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
        assert [module.training for module in model.modules()] == modes
        assert model[1].momentum == 0.1


@pytest.mark.parametrize("form", [lambda x: x, lambda x: (x, None), lambda x: [x]])
def test_statistics_are_those_of_the_averaged_weights(form):
    """As torch's update_bn, for batches as a loader has them."""
    model = network()
    average = gs.torch.Average(model, "ema(0.9)")
    trained(model, average)
    with average.applied(map(form, BATCHES)):
        theirs, ours = copy.deepcopy(model), copy.deepcopy(model[1].state_dict())
    update_bn(BATCHES, theirs)
    torch.testing.assert_close(ours, theirs[1].state_dict())


def test_inputs_by_name():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(3)

        def forward(self, x, scale):
            return self.norm(scale * x)

    average = gs.torch.Average(model := Named(), "ema(0.9)")
    average.update()
    with average.applied([{"x": batch, "scale": torch.tensor(2.0)} for batch in BATCHES]):
        mean = model.norm.running_mean.clone()
    torch.testing.assert_close(mean, 2 * torch.cat(BATCHES).mean(0))


@pytest.mark.parametrize("kind", ["ema(0.9)", "swa(40%)"])
@pytest.mark.parametrize("stopped", [1, 3, 4])
def test_going_on_from_a_state(tmp_path, kind, stopped):
    model = network()
    whole = gs.torch.Average(model, kind, steps=8)
    trained(model, whole, stopped)
    torch.save({"model": model.state_dict(), "average": whole.state_dict()}, tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    again = network()
    again.load_state_dict(state["model"])
    average = gs.torch.Average(again, kind, steps=8)
    average.load_state_dict(state["average"])
    for own, kept in ((model, whole), (again, average)):
        trained(own, kept, 8 - stopped, seed=1)
    with whole.applied(BATCHES), average.applied(BATCHES):
        torch.testing.assert_close(model.state_dict(), again.state_dict(), rtol=0, atol=0)


def test_before_it_begins_the_weights_are_the_model_s():
    model = network()
    average = gs.torch.Average(model, "swa(75%)", steps=8)
    weights = trained(model, average, 6)
    assert not average.has_begun
    with average.applied():
        np.testing.assert_array_equal(model[0].weight.detach().numpy(), weights[-1].astype(np.float32))
    average.update()
    assert average.has_begun


def test_within_what_wraps_a_model():
    model = network()
    average = gs.torch.Average(torch.compile(nn.DataParallel(model)), "ema(0.5)")
    trained(model, average, 2)
    with average.applied(BATCHES) as averaged:
        assert averaged is model


def test_what_is_refused():
    model = network()
    for kind in ("ema", "swa(75%)"):
        average = gs.torch.Average(model, kind, steps=4)
        for _ in range(4):
            average.update()
        with (
            pytest.raises(gs.FrameworkError, match=r"give training batches .* average.applied\(train_loader\)"),
            average.applied(),
        ):
            pass
        with pytest.raises(gs.FrameworkError, match="no batches"), average.applied([]):
            pass
    for kind in ("mean", "ema(2)", 0.999, None, ["ema"]):
        with pytest.raises(gs.FrameworkError, match=r"is not an average of weights|isn't between 0 and 1"):
            gs.torch.Average(model, kind)
    for steps in (None, 0, "10", 2.5):
        with pytest.raises(gs.FrameworkError, match="give the updates of the training, which swa needs"):
            gs.torch.Average(model, "swa(75%)", steps=steps)
    with pytest.raises(gs.FrameworkError, match="no weights"):
        gs.torch.Average(nn.ReLU(), "ema(0.9)")
    state = average.state_dict()
    with pytest.raises(gs.FrameworkError, match=r"a state of swa\(75%\) from update 3, and this is ema\(0.99\)"):
        gs.torch.Average(model, "ema").load_state_dict(state)
    with pytest.raises(gs.FrameworkError, match="from update 6"):
        gs.torch.Average(model, "swa", steps=8).load_state_dict(state)
    other = gs.torch.Average(nn.Linear(2, 2), "swa", steps=4)
    with pytest.raises(gs.FrameworkError, match="of another model"):
        other.load_state_dict(state)
    assert not other.has_begun
    with pytest.raises(gs.FrameworkError, match="no state of an average"):
        other.load_state_dict({"step": 3})
