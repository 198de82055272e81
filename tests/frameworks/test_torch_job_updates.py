"""A torch job trains as a loop written by hand: clipping, autocast, accumulation."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import glideslope as gs
from tests.frameworks.torch_jobs import DATA, X, Y, job_of, losses, network, same


@pytest.mark.parametrize("clip_norm", [None, 0.05])
@pytest.mark.parametrize("autocast", [None, torch.bfloat16])
@pytest.mark.parametrize("accumulate", [1, 4])
def test_a_job_trains_bit_for_bit_as_a_loop_by_hand(clip_norm, autocast, accumulate):
    model, by_hand = network(), network()
    job = job_of(model, clip_norm=clip_norm, autocast=autocast, accumulate=accumulate)
    optimizer = torch.optim.AdamW(by_hand.parameters(), lr=0.01)
    batches = [batch for _ in range(2) for batch in DataLoader(DATA, 8)]
    for update in range(24 // accumulate):
        optimizer.zero_grad()
        total = 0.0
        for inputs, targets in batches[update * accumulate : (update + 1) * accumulate]:
            with torch.autocast("cpu", autocast, enabled=autocast is not None):
                loss = cross_entropy(by_hand(inputs), targets) / accumulate
            loss.backward()
            total += loss.item()
        if clip_norm is not None:
            norm = nn.utils.clip_grad_norm_(by_hand.parameters(), clip_norm)
            assert norm > clip_norm
        optimizer.step()
        assert float(job.step(0.01)) == pytest.approx(total, rel=1e-6)
    assert same(model, by_hand)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_evaluation_is_in_the_precision_of_the_training(dtype):
    job = job_of(network(), autocast=dtype)
    with torch.no_grad(), torch.autocast("cpu", dtype):
        expected = [cross_entropy(job.model(x), y) * len(x) for x, y in DataLoader(DATA, 20)]
    assert job.evaluate() == pytest.approx(float(sum(expected)) / 96, rel=1e-6)
    assert job.evaluate() != job_of(network()).evaluate()


def test_float16_has_a_scaler_whose_gradients_are_clipped_unscaled():
    model, by_hand = network(), network()
    job = job_of(model, autocast=torch.float16, clip_norm=0.05)
    optimizer, scaler = torch.optim.AdamW(by_hand.parameters(), lr=0.01), torch.amp.GradScaler("cpu")
    for inputs, targets in DataLoader(DATA, 8):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.float16):
            loss = cross_entropy(by_hand(inputs), targets)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(by_hand.parameters(), 0.05)
        scaler.step(optimizer)
        scaler.update()
        job.step(0.01)
    assert same(model, by_hand)


def test_an_update_is_over_all_its_units_where_micro_batches_differ_in_size():
    model, by_hand = network(), network()
    loader = DataLoader(TensorDataset(X[:22], Y[:22]), 8)  # 8, 8 and 6 examples
    job = job_of(model, torch.optim.SGD(model.parameters(), lr=0.5), loader, accumulate=3)
    loss = cross_entropy(by_hand(X[:22]), Y[:22])
    loss.backward()
    torch.optim.SGD(by_hand.parameters(), lr=0.5).step()
    assert float(job.step(0.5)) == pytest.approx(loss.item(), rel=1e-6)
    for ours, theirs in zip(model.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


@given(st.lists(st.integers(1, 9), min_size=6, max_size=12), st.integers(1, 6), st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_padded_text_counts_by_tokens_however_it_is_divided(lengths, size, accumulate):
    torch.manual_seed(0)
    embedding = nn.Embedding(9, 9)
    sequences = [torch.randint(1, 9, (n,), generator=torch.Generator().manual_seed(i)) for i, n in enumerate(lengths)]

    def padded(batch):
        ids = nn.utils.rnn.pad_sequence(batch, batch_first=True)
        return {"input_ids": ids, "labels": ids.masked_fill(ids == 0, -100)}

    def batch_loss(model, batch):
        logits = model(batch["input_ids"]).flatten(0, 1)
        labels = batch["labels"].flatten()
        return cross_entropy(logits, labels, reduction="sum"), (labels != -100).sum()

    loader = DataLoader(sequences, size, collate_fn=padded)
    optimizer = torch.optim.SGD(embedding.parameters(), lr=1.0)
    job = job_of(embedding, optimizer, loader, loader, batch_loss=batch_loss, accumulate=accumulate)
    logits, tokens = embedding.weight.detach().double(), torch.cat(sequences)
    assert job.evaluate() == pytest.approx(cross_entropy(logits[tokens], tokens).item(), rel=1e-5)
    used = torch.cat([sequences[i % len(sequences)] for i in _examples_of(len(sequences), size, accumulate)])
    # The gradient of the cross entropy in closed form: the softmax less the indicator, averaged over tokens.
    gradient = torch.zeros(9, 9, dtype=torch.float64)
    gradient.index_add_(0, used, logits[used].softmax(1) - nn.functional.one_hot(used, 9))
    assert float(job.step(0.1)) == pytest.approx(cross_entropy(logits[used], used).item(), rel=1e-5)
    expected = logits - 0.1 * gradient / len(used)
    torch.testing.assert_close(embedding.weight.detach().double(), expected, rtol=1e-5, atol=1e-6)


def _examples_of(number, size, batches):
    """The examples in the first batches of a loader that goes round."""
    epoch = [range(i, min(i + size, number)) for i in range(0, number, size)]
    return [i for batch in range(batches) for i in epoch[batch % len(epoch)]]


def trained_by_hand(model, loader, updates):
    batches = itertools.chain.from_iterable(itertools.repeat(loader))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for inputs, targets in itertools.islice(batches, updates):
        optimizer.zero_grad()
        cross_entropy(model(inputs), targets).backward()
        optimizer.step()


@pytest.mark.parametrize("resumable", [False, True])
def test_the_order_and_the_dropout_are_those_of_a_loop_from_the_same_seed(resumable):
    models = []
    for by_hand in (True, False):
        model = nn.Sequential(network(), nn.Dropout(0.5))  # the seed is set here
        loader = DataLoader(DATA, 8, shuffle=True)
        if by_hand:
            trained_by_hand(model, loader, 30)  # of 12 an epoch
        else:
            losses(job_of(model, train=gs.torch.resumable(loader) if resumable else loader), 30)
        models.append(model)
    assert same(*models)


def test_a_loss_without_a_gradient_or_a_complex_one_is_named():
    for loss, says in (
        (lambda outputs, targets: cross_entropy(outputs, targets).detach(), "no gradient.* detached"),
        (lambda outputs, targets: cross_entropy(outputs, targets) * (1 + 1j), r"complex.* \.real"),
    ):
        for accumulate in (1, 2):
            with pytest.raises(gs.JobError, match=says):
                job_of(network(), loss=loss, accumulate=accumulate).step(0.01)
