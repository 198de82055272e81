"""Multipliers of layers: by name, by depth, by width, balanced; in torch, JAX and Keras."""

import csv
import io
import math
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import glideslope as gs

keras = pytest.importorskip("keras")


class Backwards(nn.Module):
    """Uses its layers in another order than it names them, one weight as a function's argument."""

    def __init__(self):
        super().__init__()
        self.a_last = nn.Linear(4, 2)
        self.norm = nn.BatchNorm1d(4)
        self.scale = nn.Parameter(torch.ones(4))
        self.z_first = nn.Linear(8, 4)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        return self.a_last(torch.relu(self.norm(self.dropout(self.z_first(x))) * self.scale))


def test_depth_is_the_order_of_use():
    model = Backwards()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    found = gs.layers.by_depth(model, torch.ones(3, 8), 0.5)
    assert [(layer.name, layer.multiplier) for layer in found.layers] == [
        ("z_first", 0.125), ("norm", 0.25), ("scale", 0.5), ("a_last", 1.0),
    ]  # fmt: skip
    found = gs.layers.by_depth(model, torch.ones(3, 8), 0.5, smaller="output")
    assert [layer.multiplier for layer in found.layers] == [1.0, 0.5, 0.25, 0.125]
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training


def test_a_transformer_in_order():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.Sequential(nn.Embedding(11, 8), nn.TransformerEncoder(layer, 2), nn.Linear(8, 11, bias=False))
    model[2].weight = model[0].weight  # tied: where it is used first
    names = [own.name for own in gs.layers.by_depth(model, torch.zeros(1, 5, dtype=torch.long), 0.9).layers]
    assert names[0] == "0"
    attention = [name for name in names if "self_attn" in name and "out_proj" not in name]
    assert attention == ["1.layers.0.self_attn", "1.layers.1.self_attn"]
    assert names.index("1.layers.0.linear2") < names.index("1.layers.1.linear1")


def test_depth_in_jax_and_keras():
    params = {"a_last": {"w": jnp.ones((4, 2))}, "z_first": {"b": jnp.ones(4), "w": jnp.ones((8, 4))}}

    @jax.jit
    def apply(params, x):
        cast = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)  # not a use
        hidden = jax.nn.relu(x @ cast["z_first"]["w"] + cast["z_first"]["b"])
        return hidden @ cast["a_last"]["w"]

    found = gs.layers.by_depth((apply, params), jnp.ones((1, 8)), 0.5)
    assert [(layer.name, layer.multiplier) for layer in found.layers] == [("z_first", 0.5), ("a_last", 1.0)]

    inputs = keras.Input((8,))
    last, first = keras.layers.Dense(2, name="a_last"), keras.layers.Dense(4, name="z_first")
    model = keras.Model(inputs, last(keras.layers.BatchNormalization(name="norm")(first(inputs))))
    found = gs.layers.by_depth(model, np.ones((1, 8)), 0.5)
    assert [layer.name.rpartition("/")[2] for layer in found.layers] == ["z_first", "norm", "a_last"]
    assert [layer.multiplier for layer in found.layers] == [0.25, 0.5, 1.0]


@given(st.floats(1e-3, 1), st.floats(1e-3, 10), st.integers(1, 12))
def test_discriminative_is_geometric_from_low_to_high(low, high, layers):
    rule = gs.layers.discriminative(low, high)
    found = np.array([rule(k, layers) for k in range(1, layers + 1)])
    expected = np.geomspace(low, high, layers) if layers > 1 else [low]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_names():
    model = nn.ModuleDict({"embedding": nn.Embedding(5, 4), "body": nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)),
                           "head": nn.Linear(4, 2)})  # fmt: skip
    found = gs.layers.by_name(model, {"body": 0.5, "*.bias": 2, "embed*": 0, "body.1": 3}).by_parameter
    assert found == {
        "embedding.weight": 0, "body.0.weight": 0.5, "body.0.bias": 2, "body.1.weight": 3, "body.1.bias": 3,
        "head.weight": 1, "head.bias": 2,
    }  # fmt: skip
    with pytest.raises(gs.LayerError, match=r"'embeding' matches no layer \(did you mean 'embedding'"):
        gs.layers.by_name(model, {"embeding": 0.1})
    for wrong in (-1, math.nan, math.inf, "1"):
        with pytest.raises(gs.LayerError, match="a number from 0"):
            gs.layers.by_name(model, {"head": wrong})


def test_other_mistakes():
    model = Backwards()
    model.left_out = nn.Linear(3, 3)
    with pytest.raises(gs.LayerError, match="doesn't use left_out"):
        gs.layers.by_depth(model, torch.ones(3, 8), 0.5)
    model.left_out.requires_grad_(False)
    assert len(gs.layers.by_depth(model, torch.ones(3, 8), 0.5).layers) == 4
    with pytest.raises(gs.LayerError, match="smaller='top'"):
        gs.layers.by_depth(model, torch.ones(3, 8), 0.5, smaller="top")
    with pytest.raises(gs.LayerError, match="decay=2"):
        gs.layers.by_depth(model, torch.ones(3, 8), 2)
    with pytest.raises(gs.LayerError, match="give a torch module"):
        gs.layers.by_depth({"w": np.ones(3)}, torch.ones(1), 0.5)
    with pytest.raises(gs.LayerError, match="without parameters"):
        gs.layers.parameters(nn.ReLU())
    with pytest.raises(gs.LayerError, match="aren't of this model"):
        gs.torch.groups(nn.Linear(2, 2), gs.layers.by_name(model, {}), lr=0.1)
    with pytest.raises(gs.LayerError, match="differ in more than width"):
        gs.layers.by_width(nn.Linear(2, 2), nn.Linear(2, 2, bias=False))
    both = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    optimizer = torch.optim.SGD(both.parameters(), lr=0.1)
    with pytest.raises(gs.LayerError, match="merge=False"):
        gs.torch.Balance(both, optimizer)
    with pytest.raises(gs.LayerError, match="no layer moved"):
        gs.layers.balance({"a": 0.0})
    with pytest.raises(gs.LayerError, match="rule='lion'"):
        gs.torch.trust_ratio(torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1), "lion")


def test_groups_split_weight_decay_and_train_at_their_rates():
    model = Backwards()
    multipliers = gs.layers.by_depth(model, torch.ones(3, 8), 0.5)
    groups = gs.torch.groups(model, multipliers, lr=0.4, weight_decay=0.1)
    decayed = {id(p) for group in groups if group["weight_decay"] for p in group["params"]}
    assert decayed == {id(p) for p in model.parameters() if p.dim() > 1}
    optimizer = torch.optim.SGD(groups, lr=0.4)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    for name, parameter in model.named_parameters():
        decay = 0.1 if parameter.dim() > 1 else 0.0
        expected = before[name] - 0.4 * multipliers.of(name) * (1 + decay * before[name])
        torch.testing.assert_close(parameter.detach(), expected)
    assert len(gs.torch.groups(model, multipliers, lr=1, merge=False)) == 4
    assert len(gs.torch.groups(model, lr=1)) == 1


def test_optax_updates_are_scaled_by_layer():
    params = {"embed": jnp.arange(3.0), "head": jnp.ones((2, 2))}
    multipliers = gs.layers.by_name(params, {"embed": 0.1, "head": 10})
    gradient = jax.tree.map(lambda leaf: leaf + 1, params)
    plain = optax.adamw(0.5, weight_decay=0.1)
    tree, rates = gs.jax.labels(params, multipliers)
    by_label = optax.multi_transform({k: optax.adamw(0.5 * m, weight_decay=0.1) for k, m in rates.items()}, tree)
    scaled = optax.chain(plain, gs.jax.scale_by_layer(multipliers))
    expected, _ = plain.update(gradient, plain.init(params), params)
    expected = {"embed": 0.1 * expected["embed"], "head": 10 * expected["head"]}
    for transformation in (by_label, scaled):
        found, _ = jax.jit(transformation.update)(gradient, transformation.init(params), params)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-5)
    with pytest.raises(gs.LayerError, match="no multiplier for other"):
        scaled.init({"other": jnp.ones(1)})


@pytest.mark.parametrize(
    "make", [lambda: keras.optimizers.SGD(0.1, momentum=0.9),
             lambda: keras.optimizers.AdamW(0.1, weight_decay=0.1),
             lambda: keras.optimizers.Muon(0.1, adam_weight_decay=0.2, exclude_layers=["first"])],
)  # fmt: skip
def test_keras_rates_by_layer(make):
    def trained(multiplied):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="first"), keras.layers.Dense(1)])
        optimizer = make()
        if multiplied:
            gs.keras.layerwise(optimizer, gs.layers.by_name(model, {"first": 0.1}))
        model.compile(optimizer, loss="mse")
        before = [np.array(weight) for weight in model.get_weights()]
        model.train_on_batch(np.ones((2, 4)), np.ones((2, 1)))
        return [after - was for after, was in zip(model.get_weights(), before, strict=True)]

    for plain, scaled, multiplier in zip(trained(False), trained(True), (0.1, 0.1, 1, 1), strict=True):
        np.testing.assert_allclose(scaled, multiplier * plain, rtol=1e-4, atol=1e-7)
    optimizer = make()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    gs.keras.layerwise(optimizer, gs.layers.by_name(model, {}))
    with pytest.raises(gs.LayerError, match="already"):
        gs.keras.layerwise(optimizer, gs.layers.by_name(model, {}))


def test_layers_join_one_after_the_other():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 1))
    groups = gs.torch.groups(model, lr=0.1, weight_decay=0.1, merge=False)
    schedules = gs.layers.unfreezing("linear", 3, every="25%")
    optimizer = torch.optim.AdamW(groups)
    scheduler = gs.torch.Scheduler(optimizer, [schedules[group["layer"]] for group in groups], steps=20)
    moved = []
    for _ in range(20):
        before = [layer.weight.detach().clone() for layer in model]
        model(torch.randn(8, 4)).square().mean().backward()
        optimizer.step()
        scheduler.step()
        moved.append([not torch.equal(layer.weight, was) for layer, was in zip(model, before, strict=True)])
    assert moved == [[t >= 10, t >= 5, True] for t in range(20)]


def logistic(seed=0, hidden=5):
    torch.manual_seed(seed)
    layers = [part for _ in range(hidden) for part in (nn.Linear(16, 16), nn.Sigmoid())]
    return nn.Sequential(*layers, nn.Linear(16, 2))


def test_balanced_layers_move_alike():
    model = logistic()
    optimizer = torch.optim.SGD(gs.torch.groups(model, lr=0.01, merge=False))
    scheduler = gs.torch.Scheduler(optimizer, "constant")
    monitor = gs.torch.Monitor(model, optimizer, every=1)
    balance = gs.torch.Balance(model, optimizer, probe=10)
    x, y = torch.randn(256, 16), torch.randint(2, (256,))
    spreads = []
    for _ in range(15):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        scheduler.step()
        ratios = list(monitor.read().by_layer.values())
        spreads.append(max(ratios) / min(ratios))
    assert min(spreads[:10]) > 30
    assert max(spreads[10:]) < 1.3
    multipliers = list(balance.multipliers.values())
    assert multipliers == sorted(multipliers, reverse=True)  # larger near the input
    assert math.prod(multipliers) == pytest.approx(1)
    scales = [group["lr"] / 0.01 for group in optimizer.param_groups]
    assert scales == pytest.approx(multipliers)


def test_the_monitor_measures_what_moved(tmp_path):
    model = logistic()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    told, scalars = [], []

    class Writer:
        def add_scalar(self, *arguments):
            scalars.append(arguments)

    file = tmp_path / "ratios.csv"
    monitors = [gs.torch.Monitor(model, optimizer, every=2, to=to)
                for to in (told.append, gs.torch.to_csv(file), gs.torch.to_tensorboard(Writer()))]  # fmt: skip
    expected = []
    for _ in range(5):
        before = [[p.detach().clone() for p in layer.parameters()] for layer in model if isinstance(layer, nn.Linear)]
        model(torch.randn(8, 16)).square().mean().backward()
        optimizer.step()
        after = [list(layer.parameters()) for layer in model if isinstance(layer, nn.Linear)]
        norm = lambda parts: math.sqrt(sum(p.detach().square().sum().item() for p in parts))  # noqa: E731
        expected.append(
            [
                norm([p - q for p, q in zip(new, old, strict=True)]) / norm(old)
                for new, old in zip(after, before, strict=True)
            ]
        )
    assert [ratios.update for ratios in told] == [0, 2]  # the last is told when it is read
    for monitor in monitors:
        monitor.read()
    assert [ratios.update for ratios in told] == [0, 2, 4]
    for ratios in told:
        np.testing.assert_allclose(list(ratios.by_layer.values()), expected[ratios.update], rtol=1e-4)
    with file.open() as rows:
        read = list(csv.DictReader(rows))
    assert [int(row["update"]) for row in read] == [0] * 6 + [2] * 6 + [4] * 6
    np.testing.assert_allclose([float(row["ratio"]) for row in read[:6]], expected[0], rtol=1e-4)
    assert len(scalars) == 18
    assert scalars[0][0] == "update ratio/0"
    assert "█" in str(told[0])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64, torch.complex64])
def test_the_monitor_measures_weights_of_any_kind(dtype):
    torch.manual_seed(0)
    model = nn.ParameterList([torch.randn(3, 5, dtype=dtype), torch.randn(4)])
    monitor = gs.torch.Monitor(model, optimizer := torch.optim.SGD(model.parameters(), lr=0.125), every=1)
    before = [weight.detach().clone() for weight in model]
    sum(weight.abs().sum() for weight in model).backward()
    optimizer.step()
    pairs = [(np.asarray(p.detach().to(torch.complex128)), np.asarray(q.to(torch.complex128)))
             for p, q in zip(model, before, strict=True)]  # fmt: skip
    expected = [np.linalg.norm(p - q) / np.linalg.norm(q) for p, q in pairs]
    np.testing.assert_allclose(list(monitor.read().by_layer.values()), expected, rtol=1e-4)


@pytest.mark.parametrize("rule", ["lars", "lamb"])
def test_trust_ratios_are_those_of_optax(rule):
    random_state = np.random.default_rng(0)
    start = random_state.normal(size=(4, 3)).astype(np.float32)
    weight = nn.Parameter(torch.tensor(start))
    if rule == "lars":
        theirs = optax.lars(0.5, momentum=0.9, trust_coefficient=0.001)
        optimizer = torch.optim.SGD([weight], lr=0.5, momentum=0.9)
    else:
        theirs = optax.lamb(0.5, weight_decay=0.01, eps=1e-8)
        optimizer = torch.optim.AdamW([weight], lr=0.5, weight_decay=0.01)
    gs.torch.trust_ratio(optimizer, rule)
    params = jnp.asarray(start)
    state = theirs.init(params)
    for gradient in random_state.normal(size=(5, 4, 3)).astype(np.float32):
        weight.grad = torch.tensor(gradient)
        optimizer.step()
        updates, state = theirs.update(jnp.asarray(gradient), state, params)
        params = optax.apply_updates(params, updates)
        np.testing.assert_allclose(weight.detach().numpy(), params, rtol=2e-4, atol=1e-5)


def test_lars_with_weight_decay_is_the_papers():
    random_state = np.random.default_rng(0)
    w, bias = random_state.normal(size=(4, 3)), random_state.normal(size=3)
    weights = [nn.Parameter(torch.tensor(w)), nn.Parameter(torch.tensor(bias))]
    optimizer = torch.optim.SGD(weights, lr=0.5, momentum=0.9, weight_decay=0.1)
    handles = gs.torch.trust_ratio(optimizer, "lars", coefficient=0.02)
    velocity = np.zeros_like(w)
    for gradient in random_state.normal(size=(4, 4, 3)):
        weights[0].grad, weights[1].grad = torch.tensor(gradient), torch.tensor(gradient[0])
        optimizer.step()
        local = 0.02 * np.linalg.norm(w) / (np.linalg.norm(gradient) + 0.1 * np.linalg.norm(w))
        velocity = 0.9 * velocity + local * (gradient + 0.1 * w)
        w = w - 0.5 * velocity
        np.testing.assert_allclose(weights[0].detach().numpy(), w)
    assert optimizer.param_groups[0]["weight_decay"] == 0.1
    for handle in handles:
        handle.remove()
    zero = nn.Parameter(torch.zeros(2, 2))
    optimizer = torch.optim.SGD([zero], lr=1.0)
    gs.torch.trust_ratio(optimizer, "lamb")
    zero.grad = torch.ones(2, 2)
    optimizer.step()
    assert zero.tolist() == [[-1.0] * 2] * 2  # a norm of 0 has a ratio of 1


def wide(width):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4, bias=False)
    )


def moved(width, rule):
    """How far each layer's output moves in three updates of Adam, root mean square over its coordinates."""
    model = wide(width)
    multipliers = gs.layers.by_width(wide(32), model) if rule else None
    if rule:
        gs.torch.rescale(model, multipliers)
    optimizer = torch.optim.Adam(gs.torch.groups(model, multipliers, lr=0.01))
    x, y = torch.randn(64, 8), torch.randint(4, (64,))

    def outputs():
        found = []
        with torch.no_grad():
            value = x
            for part in model:
                value = part(value)
                if isinstance(part, nn.Linear):
                    found.append(value)
        return found

    before = outputs()
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return [(after - was).square().mean().sqrt().item() for after, was in zip(outputs(), before, strict=True)]


def test_coordinates_move_alike_at_every_width():
    narrow, plain, transferred = moved(32, False), moved(2048, False), moved(2048, True)
    for layer in (1, 2):
        assert plain[layer] > 8 * narrow[layer]  # the one rate is too large for the wide model
        assert 0.4 < transferred[layer] / narrow[layer] < 2.5
    assert 0.5 < transferred[0] / narrow[0] < 2


def test_widths_for_sgd():
    found = gs.layers.by_width(wide(16), wide(64), rule="sgd").by_parameter
    assert found == {"0.weight": 4, "0.bias": 4, "2.weight": 1, "2.bias": 4, "4.weight": 0.25}
    embedding = gs.layers.by_width(nn.Embedding(9, 4), nn.Embedding(9, 16), rule="sgd")
    assert embedding.by_parameter == {"weight": 4}
    kernels = [{"dense": {"kernel": np.ones((8, n))}, "out": {"kernel": np.ones((n, 2))}} for n in (4, 16)]
    assert gs.layers.by_width(*kernels).by_parameter == {"dense.kernel": 1, "out.kernel": 0.25}


def balanced(**options):
    model = logistic()
    optimizer = torch.optim.SGD(gs.torch.groups(model, lr=0.01, merge=False, weight_decay=0.01))
    balance = gs.torch.Balance(model, optimizer, **options)
    x, y = torch.randn(256, 16, generator=torch.Generator().manual_seed(1)), torch.arange(256) % 2

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        return [group["lr"] for group in optimizer.param_groups]

    return model, optimizer, balance, step


@pytest.mark.parametrize("at", [3, 7, 12])
def test_a_resumed_balance_is_the_same(at):
    model, optimizer, balance, step = balanced(probe=5, every=10, limit=2.0)
    for _ in range(at):
        step()
    weights, state = {k: v.clone() for k, v in model.state_dict().items()}, io.BytesIO()
    torch.save(optimizer.state_dict(), state)
    expected = [step() for _ in range(20)]
    assert max(balance.multipliers.values()) <= 2.0
    other, theirs, resumed, again = balanced(probe=5, every=10, limit=2.0)
    for _ in range(2):  # of a run that is given up
        again()
    state.seek(0)
    other.load_state_dict(weights)
    theirs.load_state_dict(torch.load(state, weights_only=True))
    np.testing.assert_allclose([again() for _ in range(20)], expected, rtol=1e-9)
    assert resumed.multipliers == pytest.approx(balance.multipliers)


@pytest.mark.parametrize("before", [False, True])
def test_a_scheduler_follows_a_balance_made_before_or_after_it(before):
    _, optimizer, balance, step = balanced(probe=3)
    scheduler = gs.torch.Scheduler(optimizer, "constant") if before else None
    for _ in range(4):
        step()
    if not before:
        scheduler = gs.torch.Scheduler(optimizer, "constant")
    rates = step()
    with warnings.catch_warnings(action="ignore" if before else "error"):  # the rates are as the balance has set them
        scheduler.step()
    layers = [group["name"] for group in optimizer.param_groups]
    expected = [0.01 * balance.multipliers[layer] for layer in layers]
    assert rates == pytest.approx(expected)
    assert scheduler.get_last_lr() == pytest.approx(expected)


def test_a_group_that_is_added_later_keeps_its_rate():
    _, alone, balance, step = balanced(probe=3, every=6)
    _, optimizer, other, step_beside = balanced(probe=3, every=6)
    scheduler = gs.torch.Scheduler(optimizer, "constant")
    optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))], "lr": 0.5})
    for _ in range(10):
        expected = step()
        assert step_beside() == pytest.approx([*expected, 0.5])
        scheduler.step()
    assert other.multipliers == pytest.approx(balance.multipliers)
    optimizer.load_state_dict(optimizer.state_dict())  # whose groups are after equally many updates
    assert alone.param_groups[0]["balance"]["updates"] == optimizer.param_groups[0]["balance"]["updates"] == 10


def test_a_layer_of_zeros_is_balanced_when_it_has_moved():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1, bias=False))
    nn.init.zeros_(model[1].weight)
    optimizer = torch.optim.SGD(gs.torch.groups(model, lr=0.01, merge=False))
    monitor, balance = gs.torch.Monitor(model, optimizer, every=1), gs.torch.Balance(model, optimizer, probe=3)
    for i in range(3):
        optimizer.zero_grad()
        (model(torch.ones(8, 4)) - 1).square().mean().backward()
        optimizer.step()
        assert math.isnan(monitor.read().by_layer["1"]) == (i == 0)
    assert max(balance.multipliers.values()) < 100


def test_lars_scales_what_a_closure_makes():
    moved = []
    for closed in (False, True):
        weight = nn.Parameter(torch.full((2, 2), 2.0))
        optimizer = torch.optim.SGD([weight], lr=1.0, weight_decay=0.1)
        gs.torch.trust_ratio(optimizer, "lars", coefficient=0.1)

        def gradient(weight=weight, optimizer=optimizer):
            optimizer.zero_grad()
            loss = 5 * weight.sum()
            loss.backward()
            return loss

        if closed:
            optimizer.step(gradient)
        else:
            gradient()
            optimizer.step()
        assert optimizer.param_groups[0]["weight_decay"] == 0.1
        moved.append(2 - weight[0, 0].item())
    assert moved == pytest.approx([0.2, 0.2], rel=1e-5)


def test_a_monitor_sees_the_step_that_a_trust_ratio_makes():
    layer = nn.Linear(2, 2, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    monitor = gs.torch.Monitor(layer, optimizer, every=1)
    gs.torch.trust_ratio(optimizer, "lamb")
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert monitor.read().by_layer["weight"] == pytest.approx(0.5)


def test_widths_of_other_layouts():
    attention = [
        {"query": {"kernel": np.ones((4, h, 8)), "bias": np.ones((h, 8))}, "out": {"kernel": np.ones((h, 8, 4))}}
        for h in (2, 8)
    ]
    found = gs.layers.by_width(*attention)
    assert found.by_parameter == {"query.kernel": 1, "query.bias": 1, "out.kernel": 0.25}
    transposed = gs.layers.by_width(nn.ConvTranspose2d(4, 3, 2), nn.ConvTranspose2d(16, 3, 2))
    assert transposed.by_parameter["weight"] == 0.25

    class Positions(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.positions, self.norm = nn.Parameter(torch.ones(7, width)), nn.LayerNorm(width)

    assert set(gs.layers.by_width(Positions(4), Positions(16)).by_parameter.values()) == {1}
    tied = [nn.Sequential(nn.Embedding(5, n), nn.Linear(n, 5, bias=False)) for n in (4, 16)]
    for model in tied:
        model[1].weight = model[0].weight
    with pytest.raises(gs.LayerError, match=r"0\.weight and 1\.weight are one tensor"):
        gs.layers.by_width(*tied)


def test_depth_in_recurrent_layers_branches_and_casts():
    inputs = keras.Input((5, 3))
    hidden = keras.layers.LSTM(4, return_sequences=True, name="z")(inputs)
    outputs = keras.layers.Dense(1, name="a")(keras.layers.GRU(3, name="m")(hidden))
    names = [layer.name for layer in gs.layers.by_depth(keras.Model(inputs, outputs), np.ones((1, 5, 3)), 0.5).layers]
    assert [name.split("/")[0] for name in names] == ["z", "m", "a"]
    params = {"a_out": jnp.ones((3, 3)), "z_in": jnp.ones((3, 3))}

    def apply(params, x):
        def branch(params):
            return x @ params["z_in"] @ params["a_out"]

        return jax.lax.cond(x.sum() > 0, branch, branch, jax.tree.map(lambda leaf: 0.5 * leaf, params))

    assert [layer.name for layer in gs.layers.by_depth((apply, params), jnp.ones((1, 3)), 0.5).layers] == [
        "z_in", "a_out",
    ]  # fmt: skip

    class Casting(nn.Module):
        def __init__(self):
            super().__init__()
            self.head, self.first = nn.Linear(3, 1), nn.Linear(3, 3)

        def forward(self, x):
            return self.head(self.first(x.to(self.head.weight)[:, : self.head.weight.size(1)]))

    assert [layer.name for layer in gs.layers.by_depth(Casting(), torch.ones(1, 3), 0.5).layers] == ["first", "head"]


def test_unfreezing_says_what_it_needs():
    multipliers = gs.layers.by_name(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), {"0": 0.1})
    with pytest.raises(gs.LayerError, match="layers=2"):
        gs.layers.unfreezing(gs.linear(), multipliers, every="25%")
    for layers in ("3", 2.5, None, True):
        with pytest.raises(gs.LayerError, match="whole number of layers"):
            gs.layers.unfreezing(gs.linear(), layers, every="25%")
    with pytest.raises(gs.ScheduleError, match="'25%'"):
        gs.layers.unfreezing(gs.linear(), 3, every=0.25)
    for driven in (gs.linear() * gs.plateau(), "linear * plateau", "linear * growth(8, 64)"):
        with pytest.raises(gs.LayerError, match="without what multiplies it"):
            gs.layers.unfreezing(driven, 3, every="25%")
    assert gs.layers.unfreezing(gs.linear(), np.int64(3), every="25%") == gs.layers.unfreezing(gs.linear(), 3, "25%")
