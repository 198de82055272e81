"""The critical batch that a law tells of, and the growth of a batch up to it."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

import glideslope as gs
from glideslope import laws
from glideslope.cli import run as glideslope
from glideslope.laws.size_law import Around
from glideslope.policy import as_policy

WSD = "warmup(2%) >> hold() >> cooldown(20%)"
PEAKS = np.geomspace(2.5e-4, 4e-3, 5)


def law_of(b=0.5, r=0.3, batch=128.0):
    values = (2.7, 0.8, 0.5, 0.1, 0.7, 0.2, b, 90.0, 0.3, 0.4, 0.9, r)
    fitted = tuple(laws.Fitted(f"{peak}", peak, 20_000, 100) for peak in (5e-4, 2e-3))
    parameters = dict(zip(laws.NAMES, values, strict=True))
    return laws.Law(parameters, np.zeros((12, 12)), 1e-3, 1000.0, 0.001, 0.0, fitted, batch_size=batch)


@pytest.mark.parametrize(("b", "r"), [(0.5, 0.01), (0.2, 0.5)])
def test_it_is_where_updates_and_examples_are_twice_the_least(b, r):
    law = law_of(b, r)
    critical = laws.critical_batch(law, 8000, 128, batches=(32, 512))
    small, large = (
        min(law.steps_for(critical.loss, WSD, peak, batch_size=size) for peak in PEAKS) for size in (32, 512)
    )
    by_two = (small - large) / (large / 32 - small / 512)  # s = s_min·(1 + B/b) at both
    assert critical.value == pytest.approx(by_two, rel=0.25)
    assert critical.steps == pytest.approx(small / (1 + by_two / 32), rel=0.25)


def test_more_noise_is_worth_larger_batches():
    values = [laws.critical_batch(law_of(b), 8000, 128, batches=(32, 512)).value for b in (0.1, 0.3, 0.9)]
    assert values == sorted(values)
    with pytest.raises(gs.LawError, match="had one batch"):
        laws.critical_batch(law_of(), 8000, 128, batches=(128, 128))
    with pytest.raises(gs.LawError, match="above 0"):
        laws.critical_batch(law_of(), 8000, -1, batches=(32, 512))


def test_a_growth_has_as_many_examples_and_the_loss_of_its_law():
    law, schedule = law_of(), gs.parse("warmup(2%) >> hold() >> cooldown(40%)")
    critical = laws.critical_batch(law, 8000, 64, batches=(32, 512))
    growth = laws.batch_growth(law, schedule, 8000, 1e-3, 64, critical, (32, 512))
    assert growth.base * 2 <= growth.largest <= min(critical.value, 512)
    policy = as_policy(growth.times(schedule))
    sizes = policy.batch_sizes(8000)
    assert len(sizes) == growth.steps < 8000
    assert sizes.sum() == 64 * 8000
    assert law.predict(policy.rates(8000, 1e-3), len(sizes), sizes)[0] == pytest.approx(growth.loss)
    for value in (math.nan, 100.0, 0.0):
        critical = laws.CriticalBatch(value, 3.0, 100.0)
        assert laws.batch_growth(law, schedule, 8000, 1e-3, 64, critical, (32, 512)) is None


def test_the_command_prints_both(tmp_path, capsys):
    law, place = law_of(), np.zeros(1 + 12 * 4)
    logs = np.log([law.parameters[name] for name in laws.NAMES])
    place[0], place[1:13], place[1] = math.log(1.7), logs, 0.0
    around = Around(math.log(60e6), 1e-3, 1000.0, 1e5, (2.5e4, 4e5), None)
    sizes = tuple((size, law.fitted) for size in (30e6, 120e6))
    noise = np.eye(len(place)) * 1e-6
    laws.SizeLaw(place, noise, around, 0.001, 0.002, 0.0, sizes, (math.nan,) * 2).save(tmp_path / "law.json")
    command = ["design", str(tmp_path / "law.json"), "--params", "60e6", "--tokens", "5e8", "--batch", "5e4"]
    assert glideslope(command) == 0
    out = capsys.readouterr().out
    assert "Critical batch at the end:" in out
    assert "growth(base=50000, largest=" in out
    assert glideslope([*command, "--json"]) == 0
    design = json.loads(capsys.readouterr().out)
    assert design["critical_batch"] > 1e5
    assert design["growth"]["steps"] < design["steps"] == 10_000


@pytest.mark.parametrize("batch", [32, 128, 300])
def test_a_law_of_one_batch_says_what_the_law_says_of_it(batch):
    law, lr = law_of(), 1e-3 * gs.parse(WSD).over(4000).sample(4000)
    steps = [500, 2000, 4000]
    np.testing.assert_allclose(law.at_batch(batch).predict(lr, steps), law.predict(lr, steps, batch), rtol=1e-6)
    with pytest.raises(gs.LawError, match="no batch here"):
        law.at_batch(batch).at_batch(batch)
    with pytest.raises(gs.LawError, match="above 0"):
        law.at_batch(-batch)


def test_a_design_of_one_size_has_both(tmp_path, capsys):
    law = replace(law_of(), batches=(32.0, 512.0))
    law.save(tmp_path / "law.json")
    command = ["design", str(tmp_path / "law.json"), "--steps", "8000", "--batch", "64"]
    assert glideslope(command) == 0
    out = capsys.readouterr().out
    assert glideslope([*command, "--json"]) == 0
    design = json.loads(capsys.readouterr().out)
    assert design["critical_batch"] == pytest.approx(laws.critical_batch(law, 8000, 64, batches=(32, 512)).value)
    assert f"Critical batch at the end: {design['critical_batch']:,.0f}." in out
    assert design["growth"]["policy"] in out
    policy = as_policy(design["growth"]["policy"])
    sizes, peak = policy.batch_sizes(8000), design["designed"]["peak"]
    assert len(sizes) == design["growth"]["steps"] < 8000
    assert law.predict(policy.rates(8000, peak), len(sizes), sizes)[0] == pytest.approx(design["growth"]["loss"])
    assert laws.design(law, 8000, batch=2048).warnings[-1] == "a batch of 2.05e+03 is far from those fitted, 32 to 512"
    assert laws.design(law_of(), 8000).critical is None
    assert glideslope(["design", "examples/law.json", "--steps", "8000", "--batch", "64"]) == 2
    assert "no batch_size" in capsys.readouterr().err
