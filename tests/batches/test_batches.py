"""Batch growth, its sampler, the noise scale, and rates for other batches."""

import math

import numpy as np
import pytest
import torch
from accelerate.data_loader import BatchSamplerShard
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader

import glideslope as gs

SCHEDULES = st.sampled_from([
    "linear()", "cosine()", "exponential()", "warmup(10%) >> hold(30%) >> cooldown(60%)", "step(20%, ratio=0.5)",
    "one_cycle()", "0.5 * cosine()", "constant()", "warmup(50%) >> linear()",
])  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(SCHEDULES, st.integers(1, 64), st.integers(1, 30), st.integers(5, 200), st.booleans())
def test_the_rate_over_the_batch_is_the_schedules_at_every_example(text, base, times, steps, in_multiples):
    schedule = gs.parse(text)
    growth = gs.batches.growth(schedule, base, base * times, base if in_multiples else None)
    sizes, factors, examples = growth.plan(steps)
    whole = schedule.over(steps)
    np.testing.assert_allclose(factors / sizes, [whole(n / base) / base for n in examples], atol=1e-12)
    assert sizes.sum() == steps * base
    np.testing.assert_array_equal(examples, np.concatenate([[0], np.cumsum(sizes)[:-1]]))
    assert sizes[:-1].min(initial=base) >= base
    assert sizes.max() <= base * times
    dense = np.linspace(0, steps, 10_001)
    most = np.max(whole(dense))
    assert factors.max() <= most * 1.0000001
    if in_multiples:
        assert not np.any(sizes % base)
    top = dense[np.argmax(whole(dense) >= most * (1 - 1e-9))]
    assert np.all(sizes[:-1][examples[:-1] < top * base] == base)  # never more during a warmup


def test_growth_by_hand():
    # Halved at each fifth, so doubled until the largest, then lowered.
    growth = gs.batches.growth(gs.parse("step(20%, ratio=0.5)"), base=10, largest=40).over(50)
    assert [growth.at(10 * t) for t in (0, 9, 10, 20, 30, 40)] == [
        (10, 1), (10, 1), (20, 1), (40, 1), (40, 0.5), (40, 0.25),
    ]  # fmt: skip
    assert gs.parse(str(growth)) == growth
    rates = growth.rates()
    np.testing.assert_allclose([rates(t) for t in range(19)], [1] * 18 + [0.5])


def test_plans_are_equal_where_their_arrays_are():
    one, other = (gs.batches.growth(gs.linear(), base, 40).over(50).plan() for base in (10, 20))
    again = gs.batches.growth(gs.linear(), np.int64(10), np.int32(40)).over(50).plan()
    assert one == again
    assert hash(one) == hash(again)
    assert one != other
    assert one != tuple(one)
    x = np.arange(6)
    assert gs.jax.Batches((x, x), 3) == gs.jax.Batches((x.copy(), x.copy()), 3)
    assert gs.jax.Batches((x, x), 3) != gs.jax.Batches((x, x + 1), 3)


def test_mistakes():
    for given_, match in (
        ({"base": 0}, "base=0"), ({"base": 10, "largest": 5}, "under base"), ({"base": 10, "multiple": 3}, "multiple"),
        ({"base": 1.5}, "whole number"),
    ):  # fmt: skip
        with pytest.raises(gs.BatchError, match=match):
            gs.batches.growth(gs.cosine(), **given_)
    with pytest.raises(gs.BatchError, match="follows its schedule alone"):
        gs.batches.growth(gs.cosine()) * gs.plateau()
    with pytest.raises(gs.GlideslopeError, match="without feedback"):
        gs.parse("(cosine() * plateau()) * growth(base=2, largest=4)")
    with pytest.raises(gs.ScheduleError):
        gs.batches.growth(gs.cosine()).plan()
    with pytest.raises(gs.BatchError, match="no end"):
        gs.batches.growth(gs.constant()).plan()
    growth = gs.batches.growth(gs.linear(), base=3, largest=12).over(9)
    with pytest.raises(gs.BatchError, match="shared evenly by 2"):
        gs.torch.GrowingBatches(100, growth, rank=0, ranks=2)
    with pytest.raises(gs.BatchError, match="rank"):
        gs.torch.GrowingBatches(100, growth, rank=2, ranks=2)
    with pytest.raises(gs.BatchError, match="no update of this growth ends at 4"):
        gs.torch.GrowingBatches(100, growth).load_state_dict({"examples": 4})
    with pytest.raises(gs.BatchError, match="rule"):
        gs.batches.rate_for(0.1, 1, 2, rule="cubic")
    with pytest.raises(gs.BatchError, match="other=0"):
        gs.batches.rate_for(0.1, 1, 0)


def growing(**options):
    growth = gs.batches.growth(gs.linear(), base=8, largest=64, multiple=4).over(100)
    return gs.torch.GrowingBatches(300, growth, seed=1, **options), growth


def test_each_epoch_goes_through_every_example_once():
    sampler, growth = growing()
    stream = [i for batch in sampler for i in batch]
    assert len(stream) == 800
    assert sorted(stream[:300]) == sorted(stream[300:600]) == list(range(300))
    assert stream[:300] != stream[300:600]
    assert [len(batch) for batch in sampler] == growth.plan().sizes.tolist()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_sampler_goes_on_where_it_was(workers):
    data = list(range(300))

    def parts(sampler):
        loader = DataLoader(data, batch_sampler=sampler, num_workers=workers)
        return [(batch.tolist(), part) for batch, part in sampler.parts(loader)]

    whole = parts(growing(largest_per_device=10)[0])
    sampler, _ = growing(largest_per_device=10)
    loader = DataLoader(data, batch_sampler=sampler, num_workers=workers)
    taken = []
    for batch, part in sampler.parts(loader):
        taken.append((batch.tolist(), part))
        if len(taken) == 37:
            break
    done = [i for i, (_, part) in enumerate(taken) if part.last][-1] + 1
    state = sampler.state_dict()
    resumed, _ = growing(largest_per_device=10)
    resumed.load_state_dict(state)
    assert done < 37  # the last update is half accumulated
    assert state["examples"] == sum(len(batch) for batch, _ in taken[:done])
    assert len(resumed) == len(whole) - done
    assert taken[:done] + parts(resumed) == whole
    assert len(resumed) == 0


def test_ranks_share_every_batch_and_accumulated_parts_weigh_one():
    whole = growing()[0]
    shares = [growing(rank=rank, ranks=4, largest_per_device=6)[0] for rank in range(4)]
    by_update = [[[] for _ in shares] for _ in whole.plan.sizes]
    for rank, sampler in enumerate(shares):
        update, weight = 0, 0.0
        for batch, part in sampler.parts(list(sampler)):
            assert len(batch) <= 6
            by_update[update][rank] += batch
            weight += part.weight
            if part.last:
                assert weight == pytest.approx(1)
                assert part.factor == whole.plan.factors[update]
                update, weight = update + 1, 0.0
    for batch, shared in zip(whole, by_update, strict=True):
        assert len({len(share) for share in shared}) == 1
        assert [i for share in shared for i in share] == batch


def test_a_loader_that_divides_the_shares_once_more_is_refused():
    batches, growth = growing(rank=0, ranks=2)
    loader = DataLoader(range(300), batch_sampler=BatchSamplerShard(batches, 2, 0, even_batches=False))
    with pytest.raises(gs.BatchError, match=r"has a BatchSamplerShard .* before Accelerate's prepare"):
        next(batches.parts(loader))
    shares = [len(batch) for batch, _ in batches.parts(DataLoader(range(300), batch_sampler=batches))]
    assert shares == [size // 2 for size in growth.plan().sizes]


def test_a_grown_training_in_a_plain_loop():
    """One update of accumulated parts is the update of the whole batch; the scheduler follows the plan."""
    torch.manual_seed(0)
    x, y = torch.randn(300, 5), torch.randn(300, 1)
    weights = []
    for largest in (None, 10):
        sampler, growth = growing(largest_per_device=largest)
        model = nn.Linear(5, 1)
        nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scheduler = gs.torch.Scheduler(optimizer, growth)
        rates = []
        for batch, part in sampler.parts(DataLoader(range(300), batch_sampler=sampler)):
            (part.weight * nn.functional.mse_loss(model(x[batch]), y[batch])).backward()
            if part.last:
                rates.append(optimizer.param_groups[0]["lr"])
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
        np.testing.assert_allclose(rates, 0.1 * growth.plan().factors)
        weights.append(model.weight.detach())
    torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-6)


def test_the_noise_scale_of_a_known_noise():
    """Loss (w - x)²/2 has gradients w - x an example: G = w - E x, and Σ the covariance of x."""
    random_state = np.random.default_rng(0)
    spread = np.array([1.0, 2.0, 0.5])
    model = nn.Linear(1, 3, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.3], [0.0], [0.4]]))
    batches = [
        (torch.ones(256, 1), torch.tensor(random_state.normal(0, spread, (256, 3)), dtype=torch.float32))
        for _ in range(200)
    ]
    measured = gs.torch.gradient_norms(model, lambda out, x: 0.5 * (out - x).square().sum(1).mean(), batches)
    assert measured[2] == (32, 256)
    found = gs.batches.noise_scale(*measured)
    expected = (spread**2).sum() / 0.25
    assert found.gradient == pytest.approx(0.25, rel=0.1)
    assert found.trace == pytest.approx((spread**2).sum(), rel=0.05)
    assert found.interval[0] < expected < found.interval[1]
    assert found.critical_batch_size == round(found.value)
    assert found.value == pytest.approx(expected, rel=0.1)
    assert all(parameter.grad is None for parameter in model.parameters())
    with pytest.raises(gs.BatchError, match="can't be measured yet"):
        gs.batches.noise_scale([4.0], [0.5], (1, 8))
    with pytest.raises(gs.BatchError, match="small batch and the large one"):
        gs.batches.noise_scale([4.0], [0.5], (8, 8))
    with pytest.raises(gs.BatchError, match="finite"):
        gs.batches.noise_scale([math.nan], [0.5], (1, 8))
    with pytest.raises(gs.BatchError, match="split into 3"):
        gs.torch.gradient_norms(model, nn.functional.mse_loss, batches[:1], parts=3)
    with pytest.raises(gs.BatchError, match="one process"):
        gs.torch.rank_gradient_norms(model.parameters(), 8)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64, torch.complex64])
def test_gradient_norms_of_weights_of_any_kind(dtype):
    """Loss |w|² · mean x has gradients 2 · w · mean x."""
    model = nn.Module()
    model.weight = nn.Parameter(torch.tensor([3.0, 4.0]).to(dtype) * (1j if dtype.is_complex else 1))
    model.forward = lambda x: model.weight.abs().square().sum() * x
    batches = [(torch.ones(4), torch.tensor([1.0, 1.0, 3.0, 3.0]))]
    measured = gs.torch.gradient_norms(model, lambda out, x: (out * x).mean(), batches, parts=2)
    assert measured == (pytest.approx([100 * (1 + 9) / 2]), pytest.approx([100 * 4]), (2, 4))


@given(st.floats(1e-6, 10), st.integers(1, 10_000), st.integers(1, 10_000), st.floats(1, 1e5))
def test_rates_for_other_batches(lr, batch, other, noise):
    assert gs.batches.rate_for(lr, batch, other) == pytest.approx(lr * other / batch)
    assert gs.batches.rate_for(lr, batch, other, "square_root") == pytest.approx(lr * math.sqrt(other / batch))
    most = lr * (1 + noise / batch)
    found = gs.batches.rate_for(lr, batch, other, noise_scale=noise)
    assert found == pytest.approx(most / (1 + noise / other))
    assert gs.batches.rate_for(found, other, batch, noise_scale=noise) == pytest.approx(lr)


def test_other_schedules_beside_a_growth_are_in_the_same_examples():
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0, weight_decay=1.0)
    growth = gs.batches.growth(gs.linear(), base=100, largest=400)
    scheduler = gs.torch.Scheduler(optimizer, growth, steps=1000, weight_decay="cosine")
    _, factors, examples = growth.plan(1000)
    found = []
    for _ in examples:
        group = optimizer.param_groups[0]
        found.append((group["lr"], group["weight_decay"]))
        group["params"][0].grad = torch.zeros(1)
        optimizer.step()
        scheduler.step()
    whole = gs.cosine().over(1000)
    np.testing.assert_allclose(found, [(f, whole(n / 100)) for f, n in zip(factors, examples, strict=True)], rtol=1e-9)
    same = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0, weight_decay=1.0)
    other = gs.torch.Scheduler(same, growth, steps=900, weight_decay="cosine")
    with pytest.raises(gs.ScheduleError, match="growth"):
        other.load_state_dict(scheduler.state_dict())
    two = [{"params": [nn.Parameter(torch.ones(1))]} for _ in range(2)]
    with pytest.raises(gs.ScheduleError, match="one growth"):
        gs.torch.Scheduler(torch.optim.SGD(two, lr=1.0), [growth, gs.batches.growth(gs.linear(), 100, 200)], steps=9)
    with pytest.raises(gs.ScheduleError, match="plain schedules only"):
        gs.torch.Scheduler(torch.optim.SGD(two, lr=1.0), [growth, "cosine * plateau"], steps=9)
