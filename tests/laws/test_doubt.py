"""Laws that tell nothing aren't saved unasked; how many updates a loss needs, whatever the schedule fixes."""

import json
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import glideslope as gs
from glideslope import laws
from glideslope.cli import app, main
from tests.laws.test_laws import made, parameters, runs, write


def contradictory():
    """Runs with a schedule that ends long before their curves do, as a table with too few steps made them."""
    found = []
    for run in runs(parameters(0), peaks=(1e-3,)):
        rates = np.full(4000, 1e-9)
        rates[:100] = run.lr[::40]
        found.append(laws.Run(rates, run.step, run.loss, name=run.name))
    return [found[0], *runs(parameters(0), peaks=(1e-3,))[1:3]]


def test_the_error_of_the_mean_loss_is_as_by_hand():
    lr = 1e-3 * gs.parse("hold >> cooldown(50%)").over(1000).sample(1000)
    steps = np.arange(100, 1001, 20)
    curves = [4 * steps**-0.1, 5 * steps**-0.12, 4.5 * steps**-0.11]
    law = laws.fit([laws.Run(lr * (1 + 1e-3 * i), steps, loss, name=str(i)) for i, loss in enumerate(curves)])
    ends = [np.log(np.median(loss[-5:])) for loss in curves]
    means = [np.mean([np.log(other).mean() for j, other in enumerate(curves) if j != i]) for i in range(3)]
    expected = np.sqrt(np.mean((np.array(ends) - means) ** 2))
    assert law.baseline == pytest.approx(expected, rel=1e-9)


def test_a_law_that_tells_nothing_says_so():
    with pytest.warns(UserWarning, match="the law tells nothing"):
        law = laws.fit(contradictory())
    assert law.noise >= min(law.baseline, 0.5)
    assert law.doubt in law.notes
    assert f"{law.noise:.2%}" in law.doubt
    assert f"{law.baseline:.2%}" in law.doubt
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sound = laws.fit(runs(parameters(0), noise=0.01))
    assert sound.doubt == ""
    assert sound.noise < sound.baseline


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 2), st.one_of(st.none(), st.floats(0, 2)))
def test_what_is_doubted(noise, baseline):
    law = replace(made(parameters(0)), noise=noise, baseline=baseline)
    doubted = baseline is not None and (noise >= baseline or noise >= 0.5)
    assert bool(law.doubt) == doubted
    assert law.warnings(1000, 1e-3) == ([law.doubt] if doubted else [])


def test_the_command_saves_no_law_that_tells_nothing(tmp_path, monkeypatch, capsys):
    paths = []
    for i, run in enumerate(contradictory()):
        lines = zip(run.step.astype(int), run.lr[run.step.astype(int) - 1], run.loss, strict=True)
        paths.append(str(write(tmp_path / f"run{i}.csv", lines, "step,lr,loss")))
    out = tmp_path / "law.json"
    monkeypatch.setattr("sys.argv", ["glideslope", "fit", *paths, "--out", str(out)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    message = capsys.readouterr().err.strip()
    assert message.count("\n") == 0
    assert message.count("%") == 2
    assert "--force" in message
    assert not out.exists()
    done = CliRunner().invoke(app, ["fit", *paths, "--out", str(out), "--force", "--json"])
    assert done.exit_code == 0, done.output
    assert any("tells nothing" in note for note in json.loads(done.stdout)["notes"])
    assert laws.load(out).doubt


def test_a_table_with_too_few_steps_makes_no_law(tmp_path):
    """The rest of the rates were invented, and a law with a noise of 98% was saved."""
    for name, text in (("a", "warmup(5%) >> hold()"), ("b", "warmup(5%) >> hold() >> cooldown(20%)")):
        lr = 1e-3 * gs.parse(text).over(1000).sample(1000)
        step = np.arange(10, 1001, 10)
        write(tmp_path / f"{name}.csv", zip(step, made(parameters(0)).predict(lr, step), strict=True), "step,loss")
    lines = [("a.csv", "hold", 1e-3, 100), ("b.csv", "hold >> cooldown(20%)", 1e-3, 100)]
    table = write(tmp_path / "table.csv", lines, "curve,schedule,peak_lr,steps")
    done = CliRunner().invoke(app, ["fit", str(table), "--out", str(tmp_path / "law.json")])
    assert isinstance(done.exception, gs.LawError)
    assert "100 steps, but the curve goes to 1000" in str(done.exception)
    assert not (tmp_path / "law.json").exists()


def test_a_saved_law_keeps_its_baseline_and_an_older_one_has_none(tmp_path):
    law = laws.fit(runs(parameters(0)))
    law.save(tmp_path / "law.json")
    assert laws.load(tmp_path / "law.json") == law
    document = json.loads((tmp_path / "law.json").read_text())
    del document["baseline"], document["checksum"]
    document["glideslope_law"] = 2
    del document["parameters"]["h"]
    (tmp_path / "law.json").write_text(json.dumps(document))
    read = laws.load(tmp_path / "law.json")
    assert "without a checksum" in read.notes[-1]
    assert read == replace(law, baseline=None, notes=read.notes, parameters=law.parameters | {"h": 0.6})
    for wrong in (-1, math.nan, "x"):
        (tmp_path / "law.json").write_text(json.dumps(document | {"baseline": wrong}))
        with pytest.raises(gs.LawError, match="damaged"):
            laws.load(tmp_path / "law.json")


def test_runs_with_one_loss_or_two_at_each_step():
    own = runs(parameters(0))
    law = laws.fit([*own, laws.Run(own[0].lr, own[0].step, np.full(100, 3.0), name="flat")])
    assert law.parameters == laws.fit(own).parameters
    assert any("flat has a loss of 3 everywhere" in note for note in law.notes)
    single = laws.fit([*own, laws.Run(own[0].lr, [4000], [own[0].loss[-1]], name="single")])
    assert any("single tells little" in note for note in single.notes)
    rates = np.linspace(0, 1e-3, 500)
    warming = laws.fit([*own, laws.Run(rates, np.arange(10, 501, 10), np.linspace(9, 6, 50), name="warming")])
    assert warming.parameters == laws.fit(own).parameters
    assert any("warming ends with its warmup" in note for note in warming.notes)
    step = np.repeat(own[0].step, 2)
    loss = np.repeat(own[0].loss, 2) * np.tile([1, 1.1], 100)
    with pytest.raises(gs.LawError, match="100 steps with two losses"):
        laws.Run(own[0].lr, step, loss)
    assert len(laws.Run(own[0].lr, step, np.repeat(own[0].loss, 2)).loss) == 100  # written twice
    anew = laws.Run(own[0].lr, np.tile(own[0].step, 2), np.tile(own[0].loss, 2))
    assert any("begin anew once" in note for note in anew.notes)
    with pytest.raises(gs.LawError, match="arrays of numbers"):
        laws.Run(["a"], [1], [2.0])


def least(law, target, schedule, peak, most):
    """The updates by trying each."""
    for steps in range(1, most):
        try:
            rates = peak * gs.parse(schedule).over(steps).sample(steps)
            if law.predict(rates, steps)[0] <= target:
                return steps
        except gs.GlideslopeError:
            continue
    return None


@pytest.mark.parametrize(
    "schedule",
    ["warmup(300) >> hold >> cooldown(40%)", "warmup(300) >> cosine", "warmup(120) >> hold(200) >> cooldown(10%)",
     "hold", "warmup(5%) >> cosine"],
)  # fmt: skip
@pytest.mark.parametrize("at", [1, 40, 101, 400, 900])
def test_the_updates_that_a_loss_needs_are_as_by_trying_each(schedule, at):
    law = made(parameters(0))
    shortest = least(law, math.inf, schedule, 1e-3, 1000)
    steps = max(at, shortest)
    target = float(law.predict(1e-3 * gs.parse(schedule).over(steps).sample(steps), steps)[0])
    needed = law.steps_for(target, schedule, 1e-3)
    if at <= shortest:
        assert needed == shortest
    else:
        assert law.predict(1e-3 * gs.parse(schedule).over(needed).sample(needed), needed)[0] <= target
        assert needed <= steps


def test_a_loss_that_no_run_needs_or_reaches():
    law = made(parameters(0))
    assert law.steps_for(1e6, "hold", 1e-3) == 1
    assert law.steps_for(1e6, "hold", 1e-3, most=50) == 1
    with pytest.raises(gs.LawError, match="isn't reached in 400 updates"):
        law.steps_for(0.001, "warmup(300) >> hold", 1e-3, most=400)
    with pytest.raises(gs.GlideslopeError):
        law.steps_for(3.0, "warmup(300) >> hold", 1e-3, most=200)
    for target in (0, -1, math.nan, math.inf):
        with pytest.raises(gs.LawError, match="above 0"):
            law.steps_for(target, "hold", 1e-3)
