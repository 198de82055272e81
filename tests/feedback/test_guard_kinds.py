"""What a guard goes back with, where its snapshots are, and what it holds to be lost."""

import copy
import math
import shutil
import sys
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

import glideslope as gs
from glideslope.frameworks.torch.feedback import snapshots
from tests.feedback.test_guard_answers import Small

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from faults.disturbed import Loop, undisturbed


def spoil_weights(loop, value=math.nan):
    with torch.no_grad():
        loop.model[0].weight.fill_(value)


def averaged(value=None):
    """The averages, ours and torch's, of a training whose weights are damaged once; and the answers of its guard."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    average, torchs = gs.torch.Average(model, "ema(0.9)"), AveragedModel(model)
    loop = Small(model=model, beside=[torchs])
    for t in range(80):
        if t == 50 and value is not None:
            spoil_weights(loop, value)
        loop.step()
        average.update()
        torchs.update_parameters(model)
    ours = average.state_dict()["weights"]["averaged"]
    return ours["module.0.weight"], torchs.module[0].weight.detach(), loop.answers


@pytest.mark.parametrize(("value", "kind"), [(math.nan, "not finite"), (1e30, "weights grow")])
def test_averages_of_the_weights_go_back_with_them(value, kind):
    calm, disturbed = averaged(), averaged(value)
    assert calm[2] == []
    assert disturbed[2] == [(kind, "back")]
    for one, other in zip(calm[:2], disturbed[:2], strict=True):
        torch.testing.assert_close(one, other, atol=0.2, rtol=0)


def test_what_has_no_state_cannot_go_back():
    with pytest.raises(gs.FeedbackError, match=r"\{'a': 1\} has no state_dict and load_state_dict"):
        Small(beside=[{"a": 1}])


def test_snapshots_that_cannot_be_written_are_kept_in_memory(tmp_path, monkeypatch):
    loop = Small(folder=tmp_path)
    for _ in range(40):
        loop.step()

    def full(path, content):
        raise gs.FileError(f"{path} can't be written: No space left on device")

    monkeypatch.setattr(snapshots, "write_atomically", full)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for _ in range(80):
            loop.step()
    [warning] = warned
    assert str(warning.message).endswith("No space left on device: this snapshot is kept in memory")
    spoil_weights(loop)
    loop.step()
    [event] = loop.guard.events
    assert event.back_to > 100


def test_the_snapshots_of_another_model_and_of_a_folder_that_is_gone_are_left_aside(tmp_path):
    loop, other = Small(folder=tmp_path / "one"), Small(folder=tmp_path / "other", model=nn.Linear(3, 1))
    for _ in range(70):
        loop.step(), other.step()
    newest = max((tmp_path / "one").rglob("*.pt"), key=lambda file: file.stat().st_mtime_ns)
    shutil.copy(next((tmp_path / "other").rglob("*.pt")), newest)
    spoil_weights(loop)
    loop.step()
    shutil.rmtree(tmp_path / "one")
    for _ in range(50):
        loop.step()
    spoil_weights(loop)
    loop.step()
    first, second = loop.guard.events
    assert first.back_to < int(newest.stem.partition("-")[2])
    assert second.back_to > 70
    assert loop.model[0].weight.isfinite().all()


class Noisy:
    """Classes with noisy labels, whose loss falls by no more than a few of its deviations."""

    def __init__(self, labels):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
        optimizer = torch.optim.Adam(self.model.parameters(), lr=0.01)
        scheduler = gs.torch.Scheduler(optimizer, "cosine * guard()", steps=600)
        self.guard = gs.torch.Guard(self.model, scheduler)
        generator = torch.Generator().manual_seed(1)
        teacher = torch.randn(8, 4, generator=generator)
        for t in range(600):
            x = torch.randn(16, 8, generator=generator)
            noise = torch.rand(16, 4, generator=generator).log().neg().log().neg()
            y = labels(t, (x @ teacher + noise).argmax(1))
            if t == 400 and labels is unchanged_but_lost:
                self.model.load_state_dict(self.begun)
            if t == 0:
                self.begun = copy.deepcopy(self.model.state_dict())
            loss = nn.functional.cross_entropy(self.model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            self.guard.step(loss)
        x = torch.randn(4096, 8, generator=generator)
        noise = torch.rand(4096, 4, generator=generator).log().neg().log().neg()
        with torch.no_grad():
            self.loss = nn.functional.cross_entropy(self.model(x), (x @ teacher + noise).argmax(1)).item()


def unchanged(t, y):
    return y


def unchanged_but_lost(t, y):
    return y


def wrong_for_a_while(t, y):
    return (y + 1) % 4 if 300 <= t < 330 else y


def test_weights_as_at_the_beginning_and_a_while_of_wrong_labels_cost_little():
    calm = Noisy(unchanged)
    assert calm.guard.events == []
    for labels in (unchanged_but_lost, wrong_for_a_while):
        disturbed = Noisy(labels)
        assert disturbed.guard.events
        assert disturbed.loss < 1.03 * calm.loss


@pytest.mark.parametrize(
    ("kind", "optimizer", "batch"), [("regression", "RMSprop", 64), ("exact regression", "AdamW", 32)]
)
def test_a_label_far_off_from_the_first_updates_on(kind, optimizer, batch):
    places = {9, 15, 200, 700}

    def far_off(t, x, y):
        hit = torch.zeros(len(y), 1)
        hit[0] = float(t in places)
        return x, y + 500.0 * hit

    loop = Loop(kind, optimizer, 0, batch=far_off, batch_size=batch)
    loss = loop.run()
    assert places <= {event.update for event in loop.events if event.answer == "refused"}
    assert loss < 1.01 * undisturbed(kind, optimizer, 0, batch, missing=frozenset(loop.missing))
