"""Losses that commands write have significant digits at any size: against the numbers of their JSON."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import glideslope as gs
from glideslope import laws
from glideslope.cli import app
from glideslope.laws.form import NAMES
from tests.laws.test_size_laws import runs

SCALES = [1e-9, 1e-4, 0.02, 1.0, 300.0]
BATCHES = (20_000, 50_000)
TEXT = "warmup(2%) >> cosine"


@pytest.fixture(scope="module")
def of_sizes():
    return laws.fit_sizes([run for batch in BATCHES for run in runs(batch=batch)])


def scaled(law, times):
    """A law over sizes whose losses are so many times as large."""
    place, move = law.place.copy(), math.log(times)
    place[0] += move
    for name in ("L0", "A", "B"):
        place[1 + NAMES.index(name)] += move
    return replace(law, place=place, shift=0.01 * times)


def called(*words):
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 0, done.output
    return done.stdout


def losses(value, name=""):
    """The numbers of an answer that are losses, whatever holds them."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in ("curve", "alarms", "shift"):
                yield from losses(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from losses(part, name)
    elif re.search("loss|interval|^low$|^high$|^end$|cooldown_", name) and value is not None:
        yield value


def written(text):
    return np.array([float(word) for word in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", text)])


@pytest.mark.parametrize("times", SCALES)
def test_every_loss_of_an_answer_is_written_to_four_digits(of_sizes, tmp_path, times):
    law = scaled(of_sizes, times)
    law.save(tmp_path / "sizes.json")
    law.at(60e6).save(tmp_path / "law.json")
    (tmp_path / "candidates.csv").write_text(f"schedule,peak,steps\n{TEXT},1e-3,4000\nlinear,1e-3,4000\n")
    rates = laws.Rates.of_schedule(TEXT, 4000, 1e-3)
    rows = [f"{step},{float(law.at(60e6).predict(rates, step)[0])!r}" for step in range(100, 2001, 100)]
    (tmp_path / "log.csv").write_text("\n".join(["step,loss", *rows]))
    schedule = ("--schedule", TEXT, "--peak", 1e-3, "--steps", 4000)
    commands = [
        ("predict", tmp_path / "law.json", TEXT, *schedule[2:], "--average", 200),
        ("design", tmp_path / "law.json", "--steps", 4000),
        ("design", tmp_path / "sizes.json", "--params", 60e6, "--tokens", 8e7),
        ("rank", tmp_path / "law.json", tmp_path / "candidates.csv"),
        ("forecast", tmp_path / "log.csv", *schedule, "--extend", 6000),
    ]
    for command in commands:
        said, answer = written(called(*command)), list(losses(json.loads(called(*command, "--json"))))
        assert len(answer) >= 3
        for loss in answer:
            assert np.abs(said / loss - 1).min() < 5e-4, (command[0], loss)
    design = laws.design(law.at(60e6), 4000)
    now = laws.forecast(laws.Run(rates, *np.loadtxt(tmp_path / "log.csv", delimiter=",", skiprows=1).T))
    for made, loss in ((design, design.simplest().loss), (now, now.end)):
        assert np.abs(written(repr(made)) / loss - 1).min() < 1e-4
    cheapest = min(design.named.values(), key=lambda one: one.loss)
    dear = cheapest.loss - design.best.loss > 0.002 * min(1, design.best.loss)
    assert design.simplest() is (design.best if dear else cheapest)
    with pytest.raises(gs.LawError, match="from 0"):
        design.simplest(-0.001)
