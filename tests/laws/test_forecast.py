"""Forecasts of runs in progress, and alarms."""

import json
import math

import numpy as np
import pytest

import glideslope as gs
from glideslope import laws
from glideslope.cli import run as glideslope
from glideslope.laws import public_curves
from glideslope.laws.alarms import Band
from glideslope.laws.form import RELAXATION, predicted
from glideslope.laws.knots import Knots
from glideslope.laws.near_public import usual

STEPS = 8000
STEP = np.arange(100, STEPS + 1, 100)


def curve(seed=0, noise=0.001, schedule="warmup(2%) >> hold() >> cooldown(20%)", peak=1e-3, scale=1.0):
    """The rates and losses of a usual run, with noise."""
    rates = laws.Rates.of_schedule(schedule, STEPS, peak)
    return rates, scale * usual(rates, STEP) * np.exp(noise * np.random.default_rng(seed).normal(size=len(STEP)))


def upto(part, rates, loss):
    known = part * STEPS >= STEP
    return laws.Run(rates, STEP[known], loss[known])


@pytest.mark.parametrize("scale", [1.0, 0.2])
@pytest.mark.parametrize("schedule", ["warmup(2%) >> hold() >> cooldown(20%)", "warmup(2%) >> cosine(final=0.1)"])
def test_the_end_lies_in_an_interval_that_narrows(schedule, scale):
    rates, loss = curve(schedule=schedule, scale=scale)
    made = [laws.forecast(upto(part, rates, loss)) for part in (0.3, 0.6, 0.95)]
    widths = [each.high - each.low for each in made]
    assert widths[0] > widths[1] > widths[2]
    for each in made:
        assert each.low < loss[-1] < each.high
        assert not each.alarms
    assert made[1].end == pytest.approx(loss[-1], rel=0.012)
    cooldown = laws.Rates.of_schedule("warmup(160) >> hold() >> cooldown(480)", 2880, 1e-3)
    if "hold" in schedule:
        assert made[0].cooldown_now == pytest.approx(scale * usual(cooldown, np.array([2880]))[0], rel=0.02)


def test_other_peaks_and_horizons_are_judged_by_the_doubt():
    rates, loss = curve(peak=1e-4)
    others = {(other.what, round(other.value, 7)): other for other in laws.forecast(upto(0.5, rates, loss)).others}
    assert others["peak", 2e-4].odds > 0.9 > 0.1 > others["peak", 5e-5].odds
    assert others["horizon", 16000].loss < others["horizon", 4000].loss


def test_a_run_that_goes_on_as_a_longer_one():
    text = "warmup(160) >> hold() >> cooldown(20%)"
    rates, loss = curve(schedule=text)
    run = upto(0.5, rates, loss)
    whole, twice = (laws.Rates.of_schedule(text, steps, 1e-3) for steps in (STEPS, 2 * STEPS))
    now = laws.forecast(run, longer=[whole, twice])
    same, longer = [other for other in now.others if other.what == "extended"]
    assert same.loss == pytest.approx(now.end, rel=1e-4)
    assert (same.value, longer.value) == (STEPS, 2 * STEPS)
    from_the_beginning = next(other for other in now.others if other.value == 2 * STEPS and other.what == "horizon")
    assert longer.loss == pytest.approx(from_the_beginning.loss, rel=1e-3)  # a hold has no horizon
    assert longer.odds > 0.95
    with pytest.raises(gs.LawError, match="can't go on"):
        laws.forecast(run, longer=[laws.Rates.of_schedule(text, 3000, 1e-3)])


@pytest.mark.parametrize("network", public_curves.networks(), ids=lambda network: network.name)
def test_a_run_of_a_public_network_is_known_by_its_losses(network):
    theta = dict(zip(public_curves.NAMES, np.exp(network.logs).tolist(), strict=True)) | {"r": 1e-12} | RELAXATION
    rates, step = laws.Rates.of_schedule("warmup(2%) >> cosine(final=0.1)", 20_000, 1e-3), np.arange(200.0, 6001, 200)
    loss, end = (predicted(Knots.of(rates, at, 1e-3, 1000.0), theta) for at in (step, np.array([20_000.0])))
    now = laws.forecast(laws.Run(rates, step, loss))
    assert now.like.startswith(f"{network.name} (")
    assert now.end == pytest.approx(end[0], rel=0.002)
    assert now.low < end[0] < now.high


def test_too_few_losses_and_lost_ones():
    rates, loss = curve()
    with pytest.raises(gs.LawError, match="needs 3"):
        laws.forecast(upto(0.04, rates, loss))
    loss[20] = math.nan
    (alarm,) = laws.forecast(upto(0.5, rates, loss)).alarms
    assert (alarm.kind, alarm.step) == ("not finite", STEP[20])


def test_a_spike_does_not_move_the_forecast():
    rates, loss = curve()
    clean = laws.forecast(upto(0.4, rates, loss))
    loss[25] *= 2
    spiked = laws.forecast(upto(0.4, rates, loss))
    assert spiked.end == pytest.approx(clean.end, rel=1e-3)
    assert [alarm.step for alarm in spiked.alarms] == [STEP[25]]


@pytest.mark.parametrize("begin", [15, 25])
@pytest.mark.parametrize("length", [4, 8, 12])
def test_nor_does_one_that_lasts_for_many_losses(begin, length):
    rates, loss = curve()
    clean = laws.forecast(upto(0.7, rates, loss))
    level, decaying = loss.copy(), loss.copy()
    level[begin : begin + length] *= 1.5
    decaying[begin:] *= np.exp(np.exp(-np.arange(len(loss) - begin) / (length / 4)))
    for spiked in (laws.forecast(upto(0.7, rates, losses)) for losses in (level, decaying)):
        assert spiked.end == pytest.approx(clean.end, rel=0.01)
        assert spiked.alarms[0].step == STEP[begin]


def test_nor_does_one_in_progress():
    rates, loss = curve()
    clean = laws.forecast(upto(0.4, rates, loss))
    last = int(0.4 * len(STEP))
    for fallen in (np.full(4, 2.0), 1 + np.exp(-np.arange(9) / 4)):
        spiked = loss.copy()
        spiked[last - len(fallen) : last] *= fallen
        assert laws.forecast(upto(0.4, rates, spiked)).end == pytest.approx(clean.end, rel=0.01)


def test_losses_that_are_lastingly_higher_move_the_forecast():
    rates, loss = curve()
    clean = laws.forecast(upto(0.7, rates, loss))
    loss[20:] *= 1.1
    assert laws.forecast(upto(0.7, rates, loss)).end == pytest.approx(1.1 * clean.end, rel=0.02)


@pytest.mark.parametrize(
    "losses",
    [np.exp, lambda loss: 15 - loss, lambda loss: np.full(len(loss), 3.0), lambda loss: 2 * np.exp(-STEP / 900)],
)
def test_losses_unlike_those_of_public_curves_are_doubted(losses):
    rates, loss = curve()
    assert not laws.forecast(upto(0.5, rates, loss)).doubt
    assert "look at the losses" in laws.forecast(upto(0.5, rates, losses(loss))).doubt


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1e6, 1e12])
def test_losses_of_any_scale_have_a_forecast(scale):
    now = laws.forecast(upto(0.5, *curve(scale=scale)))
    assert all(0 < number < math.inf for other in now.others for number in (other.loss, other.odds + 1e-9))
    assert now.low < scale * usual(now_rates := curve()[0], np.array([float(len(now_rates))]))[0] < now.high


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("noise", [0.0005, 0.005, 0.02])
def test_clean_runs_raise_no_alarm(seed, noise):
    schedule = ("warmup(2%) >> cosine()", "warmup(2%) >> hold() >> cooldown(20%)", "constant")[seed % 3]
    rates, loss = curve(seed, noise, schedule)
    band = Band()
    assert not any(band.add(*entry) for entry in zip(STEP, loss, usual(rates, STEP), strict=True))


@pytest.mark.parametrize("seed", range(50))
def test_faults_are_found_within_a_fiftieth_of_the_run(seed):
    rates, loss = curve(seed)
    random = np.random.default_rng(seed)
    at = int(random.integers(8, len(STEP) - 3))
    fault = ("spike", "bad data", "divergence", "not a number")[seed % 4]
    size = random.uniform(0.04, 0.3)
    if fault == "spike":
        loss[at] *= 1 + size
    elif fault == "bad data":
        loss[at:] *= 1 + size
    elif fault == "divergence":
        loss[at:] *= (1 + size) ** np.arange(1, len(loss) - at + 1)
    else:
        loss[at] = math.nan
    band = Band()
    alarms = [alarm for entry in zip(STEP, loss, usual(rates, STEP), strict=True) if (alarm := band.add(*entry))]
    assert STEP[at] <= alarms[0].step <= STEP[at] + 0.02 * STEPS


def test_the_command(tmp_path, capsys):
    rates, loss = curve()
    log = tmp_path / "run.csv"
    known = STEP[:40]
    log.write_text("step,loss\n" + "\n".join(f"{a},{b}" for a, b in zip(known, loss, strict=False)))
    args = ["forecast", str(log), "--schedule", "warmup(2%) >> hold() >> cooldown(20%)", "--peak", "1e-3", "--steps"]
    assert glideslope([*args, str(STEPS), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["step"] == 4000
    assert made["low"] < loss[-1] < made["high"]
    assert made["others"][-1]["what"] == "horizon"
    assert glideslope([*args, str(STEPS), "--extend", str(2 * STEPS), "--json"]) == 0
    extended = json.loads(capsys.readouterr().out)["others"][-1]
    assert (extended["what"], extended["value"]) == ("extended", 2 * STEPS)
    assert glideslope([*args, str(STEPS), "--extend", str(2 * STEPS)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[2:-1]] == [
        "At a peak of 0.0005 from the beginning", "At a peak of 0.002 from the beginning",
        f"Over {STEPS // 2:,} updates from the beginning", f"Over {2 * STEPS:,} updates from the beginning",
        f"Extended to {2 * STEPS:,} updates",
    ]  # fmt: skip
    assert glideslope([*args, str(STEPS), "--extend", "1000"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert glideslope([*args, "100"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert glideslope([*args, str(STEPS), "--follow", "--stop-when", "1.0"]) == 3
    assert rates.peak == 1e-3


@pytest.mark.parametrize(
    ("header", "row", "status", "says"),
    [
        ("step,loss", lambda step, loss: (step, "nan"), 2, "40 losses, of which none is a number"),
        ("epoch,loss", lambda step, loss: (step / 100, loss), 0, "steps are epochs of 100 updates"),
        ("step,lr,loss", lambda step, loss: (step, 1e-2, loss), 0, "40 of 40 logged rates aren't the schedule's"),
        ("step,loss", lambda step, loss: (step, 3.0), 0, "the losses don't go as those of public curves"),
        ("step,loss", lambda step, loss: (step, "nan" if step == 3000 else loss), 0, "1 loss without a number"),
        ("step,loss", lambda step, loss: ((step - 1) % 2000 + 100, loss), 0, "begin anew once"),
    ],
)
def test_the_command_says_what_is_wrong_with_a_log(header, row, status, says, tmp_path, capsys):
    _, loss = curve()
    log = tmp_path / "run.csv"
    lines = [",".join(map(str, row(*entry))) for entry in zip(STEP[:40].tolist(), loss.tolist(), strict=False)]
    log.write_text("\n".join([header, *lines]))
    schedule = "warmup(2%) >> hold() >> cooldown(20%)"
    words = ["forecast", str(log), "--schedule", schedule, "--peak", "1e-3", "--steps", str(STEPS)]
    assert glideslope([*words, "--steps-per-epoch", "100"]) == status
    assert says in capsys.readouterr().err
