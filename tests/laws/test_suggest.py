"""Starts from published laws and recipes."""

import json

import pytest

import glideslope as gs
from glideslope import laws
from glideslope.cli import run as glideslope


def by_name(**request):
    return {source.name: source for source in laws.suggest(**request).sources}


def test_published_laws_have_the_values_of_their_papers():
    sources = by_name(params=1e9, tokens=1e11)
    assert sources["Step Law"].peak == pytest.approx(1.79 * 1e9**-0.713 * 1e11**0.307)
    assert sources["Step Law"].batch == pytest.approx(0.58 * 1e11**0.571)
    assert sources["DeepSeek LLM"].peak == pytest.approx(0.3118 * 6e20**-0.125)
    assert sources["Kaplan et al."].peak == pytest.approx(3.48e-4, rel=0.01)
    assert sources["GPT-3 175B"].peak == 6e-5


def test_what_is_nearest_comes_first_and_a_source_far_away_says_so():
    near = laws.suggest(params=7e9, task="finetune", method="lora")
    assert near.sources[0].far == 0
    assert near.low <= near.peak <= near.high
    far = laws.suggest(params=1e13, task="finetune", method="lora")
    assert any("beyond" in warning for warning in far.warnings)
    assert all(source.citation and source.far > 1 for source in far.sources)


def test_linear_scaling_goes_with_the_batch():
    one, four = (by_name(params=2.5e7, task="vision", optimizer="sgd", batch=batch) for batch in (256, 1024))
    assert four["ResNet-50"].peak == pytest.approx(4 * one["ResNet-50"].peak)


@pytest.mark.parametrize("method", ["mup", "completep"])
def test_a_tuned_peak_is_carried_over(method):
    start = laws.suggest(params=1e9, method=method, tuned_peak=4e-3)
    assert [start.peak, start.low, start.high] == pytest.approx([4e-3] * 3)
    assert start.sources[0].batch is None
    assert any("tuned width over width" in warning for warning in start.warnings)


@pytest.mark.parametrize(
    "wrong",
    [
        {"params": -1},
        {"params": 1e9, "task": "audio"},
        {"params": 1e9, "tokens": 0.0},
        {"params": 1e9, "optimizer": "sgd"},
        {"params": 1e9, "method": "mup"},
        {"params": 1e9, "method": "mup", "tuned_peak": -1e-3},
        {"params": 1e9, "method": "completep", "tuned_peak": 1e-3, "task": "vision"},
        {"params": 1e9, "tuned_peak": 1e-3},
    ],
)
def test_requests_that_have_no_answer(wrong):
    with pytest.raises(gs.LawError):
        laws.suggest(**wrong)


def test_the_command(capsys):
    args = ["suggest", "--optimizer", "adamw", "--params", "7e9", "--task", "finetune", "--method", "lora"]
    assert glideslope([*args, "--batch-tokens", "500e3", "--tokens", "50e6", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["low"] <= made["peak"] <= made["high"]
    assert any("fit" in line for line in made["plan"])
    assert glideslope(["suggest", "--params", "7e9", "--method", "mup", "--tuned-peak", "4e-3"]) == 0
    assert "as tuned" in capsys.readouterr().out
    assert glideslope(["suggest", "--params", "7e9", "--task", "x"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_batch_larger_than_the_run_is_refused():
    with pytest.raises(gs.LawError, match="an update or more"):
        laws.suggest(params=7e9, tokens=1e6, batch=2e6)
    assert laws.suggest(params=7e9, tokens=1e6, batch=1e6).sources


@pytest.mark.parametrize("params", [7, 0.124, 350, 999])
def test_parameters_in_millions_or_billions_are_refused(params):
    with pytest.raises(gs.LawError, match="write 7e9 or 7B"):
        laws.suggest(params=params)
