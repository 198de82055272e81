"""Laws of loss curves: derivatives, recovery, what is dropped and refused, files and commands."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import glideslope as gs
from glideslope import laws
from glideslope.cli import app
from glideslope.laws import public_curves
from glideslope.laws.curve_priors import PRIORS
from glideslope.laws.form import NAMES, RELAXATION, gradient_by_rate, jacobian, predicted
from glideslope.laws.knots import Knots
from glideslope.laws.law import Fitted

SCHEDULES = ("warmup(5%) >> hold()", "warmup(5%) >> cosine(final=0.1)", "warmup(5%) >> hold() >> cooldown(20%)",
             "warmup(5%) >> hold(40%) >> 0.3 * constant()")  # fmt: skip


def parameters(law_or_seed):
    """Parameters that a real law might have, drawn."""
    drawn = np.random.default_rng(law_or_seed).normal(size=len(NAMES))
    medians = PRIORS
    theta = {name: medians[name].median * math.exp(0.3 * x) for name, x in zip(NAMES, drawn, strict=True)}
    return theta | RELAXATION


def made(theta):
    return laws.Law(theta, np.zeros((len(NAMES), len(NAMES))), 1e-3, 200.0, 1e-3, 0.0, (Fitted("a", 1e-3, 4000, 100),))


def runs(theta, noise=0.0, steps=4000, peaks=(1e-3, 5e-4), every=40):
    """Synthetic runs of a law."""
    law, random_state, found = made(theta), np.random.default_rng(0), []
    for peak in peaks:
        for text in SCHEDULES:
            lr = peak * gs.parse(text).over(steps).sample(steps)
            step = np.arange(every, steps + 1, every)
            loss = law.predict(lr, step) * np.exp(noise * random_state.normal(size=len(step)))
            found.append(laws.Run(lr, step, loss, name=f"{text} at {peak:g}"))
    return found


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(SCHEDULES))
def test_derivatives_are_finite_differences(seed, text):
    theta = parameters(seed)
    lr = 1e-3 * gs.parse(text).over(900).sample(900)
    batch = np.where(np.arange(900) < 450, 0.5, 2.0) if seed % 2 else None
    knots = Knots.of(lr, np.array([100.0, 500.0, 900.0]), 1e-3, 50.0, batch)
    _, slopes = jacobian(knots, theta)
    for i, name in enumerate(NAMES):
        h = 1e-5 * theta[name]
        up, down = (predicted(knots, {**theta, name: theta[name] + sign * h}) for sign in (1, -1))
        np.testing.assert_allclose(slopes[:, i], (up - down) / (2 * h), rtol=1e-4, atol=1e-7, err_msg=name)
    places, end = np.linspace(0, 900, 41), np.array([900.0])
    edge = np.interp(places, np.arange(900), lr / 1e-3)
    _, by_edge = gradient_by_rate(Knots.of_edges(places, edge, end, 50.0), theta)
    for k in np.flatnonzero(edge > 0.05)[::5]:
        up, down = (
            predicted(Knots.of_edges(places, edge + sign * 1e-6 * (np.arange(41) == k), end, 50.0), theta)[-1]
            for sign in (1, -1)
        )
        assert by_edge[k] == pytest.approx((up - down) / 2e-6, rel=1e-3, abs=1e-7)


@pytest.mark.parametrize(("size", "rates", "like"), [(30e6, 1.0, True), (300e6, 1.0, True), (30e6, 300.0, False)])
def test_short_runs_of_a_network_like_the_public_ones_tell_of_long_ones(size, rates, like):
    line = public_curves.LINE
    logs = line.mean + line.slope * math.log(size / public_curves.CENTER)
    theta = dict(zip(public_curves.NAMES, np.exp(logs).tolist(), strict=True)) | {"r": 0.2} | RELAXATION
    fitted, reference = (Fitted("a", 1e-3, 4000, 100),), rates * public_curves.REFERENCE
    truth = laws.Law(theta, np.zeros((12, 12)), reference, public_curves.UNIT, 1e-3, 0.0, fitted)

    def run(text, peak, steps):
        step = np.arange(100, steps + 1, 100)
        lr = rates * peak * gs.parse(text).over(steps).sample(steps)
        return laws.Run(lr, step, truth.predict(lr, step), name=f"{text} {peak} {steps}")

    known = [run(SCHEDULES[1], 2e-3, 3000), run(SCHEDULES[2], 1e-3, 3000), run(SCHEDULES[1], 2e-3, 4000)]
    law, long = laws.fit(known), run(SCHEDULES[1], 2e-3, 10_000)
    assert (law.unit == public_curves.UNIT) == like
    assert law.predict(long.lr, 10_000)[0] == pytest.approx(long.loss[-1], rel=0.002)


def summed(theta, lr, step):
    """The law, summed over every update."""
    growth, speed, relaxation = 1.0, [], []
    for rate in lr:
        limit, half = theta["a"] / theta["b"] * rate, math.exp(-theta["b"] * rate / 200)
        speed.append(rate * (limit + (growth - limit) * half) ** -0.6)
        relaxation.append(rate / (limit + (growth - limit) * half))
        growth = limit + (growth - limit) * half**2
    clock, relaxed = np.cumsum([0.0, *speed]) / 100, np.cumsum([0.0, *relaxation]) / 100
    change = np.diff(np.array(speed) ** theta["p"], prepend=0.0)
    found = []
    for t in step:
        stretched = 1 + theta["C"] * (lr[:t] + 1e-9) ** -theta["gamma"] * (relaxed[t] - relaxed[:t])
        main = theta["A"] * (clock[t] + theta["offset"]) ** -theta["alpha"]
        found.append(theta["L0"] + main + theta["B"] * (1 - stretched ** -theta["beta"]) @ change[:t])
    return found


def test_knots_are_as_good_as_every_update():
    theta = parameters(1)
    for text in SCHEDULES:
        lr = 1e-3 * gs.parse(text).over(2000).sample(2000)
        step = np.array([500.0, 1200.0, 2000.0])
        found = predicted(Knots.of(lr, step, 1e-3, 100.0), theta)
        np.testing.assert_allclose(found, summed(theta, lr / 1e-3, step.astype(int)), atol=5e-4)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_laws_own_curves_are_recovered(seed):
    theta = parameters(seed)
    law = laws.fit(runs(theta))
    lr = 7e-4 * gs.parse("warmup(5%) >> hold() >> cooldown(50%, shape=sqrt)").over(6000).sample(6000)
    step = [1000, 3000, 6000]
    np.testing.assert_allclose(law.predict(lr, step), made(theta).predict(lr, step), atol=0.01)


def test_runs_of_other_batch_sizes_are_predicted():
    theta, found = parameters(0) | {"r": 0.5}, []
    law = replace(made(theta), batch_size=128.0)
    for size in (32, 128, 512):
        for text in SCHEDULES[:3]:
            lr, step = 1e-3 * gs.parse(text).over(4000).sample(4000), np.arange(40, 4001, 40)
            found.append(laws.Run(lr, step, law.predict(lr, step, size), name=f"{text}, {size}", batch_size=size))
    fitted = laws.fit(found)
    assert fitted.batch_size == pytest.approx(128)
    assert fitted.parameters["r"] == pytest.approx(0.5, abs=0.05)
    lr = 1e-3 * gs.parse("warmup(5%) >> hold()").over(4000).sample(4000)
    growing = np.where(np.arange(4000) < 3000, 64, 256)  # decay paid in batch growth
    for size in (64, 256, growing):
        np.testing.assert_allclose(
            fitted.predict(lr, [2000, 4000], size), law.predict(lr, [2000, 4000], size), atol=0.005
        )
    end = [fitted.predict(lr, 4000, size)[0] for size in (64, growing, 256)]
    assert end[0] > end[1] > end[2]
    assert fitted.predict(lr, 4000)[0] == fitted.predict(lr, 4000, fitted.batch_size)[0]
    with pytest.raises(gs.LawError, match="without a batch_size"):
        laws.fit([*found, *runs(parameters(0))])
    with pytest.raises(gs.LawError, match="without a batch size"):
        laws.fit(runs(parameters(0))).predict(lr, 4000, 64)


def test_thinned_curves_give_the_same_predictions():
    whole = runs(parameters(0), noise=0.001)
    lr = 1e-3 * gs.parse("warmup(5%) >> hold() >> cooldown(40%)").over(5000).sample(5000)
    reference = laws.fit(whole).predict(lr, [4000, 5000])
    full = laws.fit(runs(parameters(0))).predict(lr, [4000, 5000])
    for every in (2, 5, 10):
        thin = [laws.Run(run.lr, run.step[::every], run.loss[::every], name=run.name) for run in runs(parameters(0))]
        law = laws.fit(thin)
        low, high = law.interval(lr, [4000, 5000])
        assert np.all((low <= full) & (full <= high))
        if every < 10:  # 10 losses of a run are few
            np.testing.assert_allclose(law.predict(lr, [4000, 5000]), full, atol=1e-3)
    assert reference == pytest.approx(full, abs=0.02)


def test_outliers_are_not_followed():
    clean, spoilt = runs(parameters(0)), []
    for run in clean:
        loss = run.loss.copy()
        loss[5::17] *= 1.5
        spoilt.append(laws.Run(run.lr, run.step, loss, name=run.name))
    lr = clean[2].lr
    np.testing.assert_allclose(laws.fit(spoilt).predict(lr, [2000, 4000]), laws.fit(clean).predict(lr, [2000, 4000]),
                               atol=0.01)  # fmt: skip


def test_a_copy_is_dropped_with_a_note_and_changes_nothing():
    own = runs(parameters(0))
    twin = laws.Run(own[1].lr, own[1].step, own[1].loss, name="twin")
    law = laws.fit([*own, twin])
    assert any("twin" in note and "dropped" in note for note in law.notes)
    assert law.parameters == laws.fit(own).parameters


def test_what_a_run_drops():
    run = laws.Run([1e-3] * 100, [10, 20, 30, 40, 20, 30, 50], [5, 4, 3.5, 3.4, 3.9, math.nan, 3.2])
    assert run.step.tolist() == [10, 20, 50]
    assert run.loss.tolist() == [5, 3.9, 3.2]
    assert len(run.notes) == 2


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: laws.Run([1e-3] * 9, [1, 2], [3.0]), "2 steps and 1 loss:"),
        (lambda: laws.Run([1e-3] * 9, [1, 2], [3.0, -1.0]), "above 0"),
        (lambda: laws.Run([1e-3] * 9, [1, 20], [3.0, 2.0]), "step of 20"),
        (lambda: laws.Run([1e-3] * 99, np.arange(90)[::-1], np.ones(90)), "out of order"),
        (lambda: laws.Run([], [], []), "rate of each update"),
        (lambda: laws.Run([1e-3] * 9, [1], [2.0], final_loss=0.0), "final_loss"),
        (lambda: laws.Run([1e-3] * 9, [1], [2.0], batch_size=[1, 2]), "one for each of 9 updates"),
        (lambda: laws.Run([1e-3] * 9, [1], [2.0], batch_size=0), "above 0"),
        (lambda: laws.fit([]), "needs 2 at least, so 2 more"),
        (lambda: laws.fit(runs(parameters(0))[:1]), "1 more"),
        (
            lambda: laws.fit([runs(parameters(0))[0], runs(parameters(0), peaks=[5e-4])[0]]),
            "cooldown does can't be told",
        ),
        (lambda: laws.fit(runs(parameters(0), every=1000)[:4]), "points"),
        (lambda: laws.fit(runs(parameters(0)), form="linear"), "general"),
        (lambda: made(parameters(0)).predict([1e-3] * 9, [10]), "from 0 to 9"),
        (lambda: made(parameters(0)).predict([-1e-3] * 9, [1]), "number from 0"),
        (lambda: made(parameters(0)).interval([1e-3] * 9, [1], level=2), "between 0 and 1"),
        (lambda: made(parameters(0)).design(10), "100 updates"),
        (lambda: made(parameters(0)).design(1000, peak=-1), "above 0"),
        (lambda: laws.load("no.json"), "can't be read"),
    ],
)
def test_mistakes(make, says):
    with pytest.raises(gs.LawError) as error:
        make()
    assert says in str(error.value)


def test_saved_and_loaded(tmp_path):
    law = laws.fit(runs(parameters(0), noise=0.002))
    law.save(tmp_path / "law.json")
    again = laws.load(tmp_path / "law.json")
    lr = [1e-3] * 500
    for a, b in ((law.predict(lr, [100, 500]), again.predict(lr, [100, 500])),
                 (law.interval(lr, 500), again.interval(lr, 500))):  # fmt: skip
        np.testing.assert_array_equal(a, b)
    low, high = law.interval(lr, 500)
    assert low < law.predict(lr, 500) < high
    wide = law.interval(lr, 500, level=0.99)
    assert wide[0] < low < high < wide[1]
    document = json.loads((tmp_path / "law.json").read_text())
    changes = (
        ({"glideslope_law": 99}, "version"), ({"parameters": {}}, "damaged"), ({"noise": -1}, "damaged"),
        ({"fitted": [{"name": "a", "peak": 0, "steps": 1, "points": 1}]}, "damaged"), ({"fitted": [{}]}, "damaged"),
        ({"unit": 0}, "damaged"), ({"covariance": [[math.nan] * len(NAMES)] * len(NAMES)}, "damaged"),
    )  # fmt: skip
    for change, says in changes:
        (tmp_path / "other.json").write_text(json.dumps(document | change))
        with pytest.raises(gs.LawError, match=says):
            laws.load(tmp_path / "other.json")
    assert "far from those fitted" in law.warnings(100, 1.0)[0]
    assert "times the longest" in law.warnings(10**6, 1e-3)[0]
    longest, peak = max(run.steps for run in law.fitted), law.fitted[0].peak
    assert "ends within the first 8% of the longest run" in law.warnings(longest // 20, peak)[0]
    assert law.warnings(longest // 10, peak) == []
    with pytest.raises(gs.LawError, match=r"law\.warnings\(steps, peak\)"):
        law.warnings(1e-3, 10**6)


def test_a_design_is_the_least_of_many():
    law = made(parameters(3))
    found = laws.design(law, 5000, peak=1e-3)
    factors = found.best.schedule.over(5000).sample(5000)
    assert found.best.peak == 1e-3
    assert np.all(np.diff(factors[100:]) <= 1e-9)
    assert found.best.loss == pytest.approx(float(law.predict(1e-3 * factors, 5000)[0]), abs=2e-3)
    texts = ["cosine", "hold >> cooldown(10%)", "hold >> cooldown(50%)", "hold >> cooldown(30%, shape=sqrt)", "linear"]
    for text in texts:
        rates = 1e-3 * gs.parse(f"warmup(2%) >> {text}").over(5000).sample(5000)
        assert found.best.loss <= float(law.predict(rates, 5000)[0]) + 2e-3
    for named in found.named.values():
        assert named.loss >= found.best.loss - 2e-3
    assert found.simplest(1.0) == min(found.named.values(), key=lambda own: own.loss)
    floored = laws.design(law, 5000, peak=1e-3, floor=0.2).best.schedule.over(5000)
    assert min(floored.sample(5000)[100:]) >= 0.2 - 1e-4
    rates = law.design(5000).sample(5000)
    assert 5e-4 <= rates.max() <= 2e-3


def write(path, rows, header):
    path.write_text(header + "\n" + "\n".join(",".join(map(str, row)) for row in rows) + "\n")
    return path


def test_files_as_people_have_them(tmp_path):
    own = runs(parameters(0))[2]
    rows = [(int(s), own.lr[min(int(s), 3999)], loss) for s, loss in zip(own.step, own.loss, strict=True)]
    plain = write(tmp_path / "plain.csv", rows, "step,lr,loss")
    [run] = laws.read([plain], warmup=200).runs
    np.testing.assert_allclose(run.lr, own.lr, atol=2e-5)
    np.testing.assert_array_equal(run.loss, own.loss)
    write(tmp_path / "several.csv", [(name, *row) for name in "ab" for row in rows], "run,_step,learning_rate,val_loss")
    assert [run.name for run in laws.read([tmp_path / "several.csv"]).runs] == ["several a", "several b"]
    write(tmp_path / "wandb.csv", [(s, r, v, "", "") for s, r, v in rows],
          '"Step","x - train/lr","x - train/loss","x - train/loss__MIN","x - train/loss__MAX"')  # fmt: skip
    assert [run.name for run in laws.read([tmp_path / "wandb.csv"]).runs] == ["x"]
    long = [(key, value, s) for s, r, v in rows for key, value in (("lr", r), ("loss", v))]
    np.testing.assert_array_equal(
        laws.read([write(tmp_path / "mlflow.csv", long, "key,value,step")]).runs[0].loss, own.loss
    )
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(gs.LawError, match="no CSV file"):
        laws.read([folder])
    write(folder / "runs.csv", [(0, *row) for row in rows], "run,step,lr,loss")
    assert len(laws.read([folder]).runs) == 1
    with pytest.raises(gs.LawError, match=r"no column of the loss .* it has 'lr'"):
        laws.read([write(tmp_path / "wrong.csv", [(1, 2)], "step,lr")])
    with pytest.raises(gs.LawError, match="can't be read"):
        laws.read([tmp_path / "missing.csv"])


def test_charts_of_the_rate_and_the_loss_in_two_files_are_one_run(tmp_path):
    own = runs(parameters(0))[2]
    rows = [(int(s), own.lr[min(int(s), 3999)], loss) for s, loss in zip(own.step, own.loss, strict=True)]
    files = [
        write(tmp_path / "lr.csv", [(s, r) for s, r, _ in rows], '"Step","brave-sun-1 - train/lr"'),
        write(tmp_path / "loss.csv", [(s, v) for s, _, v in rows], '"Step","brave-sun-1 - train/loss"'),
    ]
    [run] = laws.read(files).runs
    assert run.name == "brave-sun-1"
    np.testing.assert_array_equal(run.loss, own.loss)
    with pytest.raises(gs.LawError, match=r"brave-sun-1 has no column of the lr .* it has 'train/loss'"):
        laws.read(files[1:])


def test_validation_losses_are_taken_where_there_are_enough(tmp_path):
    steps = np.arange(10, 401, 10)
    for name, every in (("dense", 4), ("sparse", 20)):
        rows = [(s, 1e-3, 3 - s / 1000, 3.5 - s / 1000 if (i + 1) % every == 0 else "") for i, s in enumerate(steps)]
        write(tmp_path / f"{name}.csv", rows, "step,lr,train_loss,val_loss")
    dense = laws.read([tmp_path / "dense.csv"])
    assert dense.runs[0].loss.tolist() == pytest.approx([3.5 - s / 1000 for s in steps[3::4]])
    assert "validation losses are fitted" in dense.notes[0]
    sparse = laws.read([tmp_path / "sparse.csv", tmp_path / "dense.csv"])
    for run in sparse.runs:
        assert len(run.loss) == 40
        assert run.final_loss == pytest.approx(3.1)
    assert "training losses are fitted" in sparse.notes[0]
    named = laws.read([tmp_path / "sparse.csv"], loss="val_loss")
    assert len(named.runs[0].loss) == 2


def test_a_folder_may_hold_other_files(tmp_path):
    own = runs(parameters(0))
    for i, run in enumerate(own[:2]):
        rows = zip(
            run.step.astype(int), run.lr[run.step.astype(int) - 1], run.loss, [2.5] * 100, [64] * 100, strict=True
        )
        write(tmp_path / f"run{i}.csv", rows, "step,lr,loss,final_val_loss,batch_size")
    write(tmp_path / "runs.csv", [("a", 1)], "model,accuracy")
    write(tmp_path / "system.csv", [(1, 1)], "step,gpu_memory")
    found = laws.read([tmp_path])
    assert [run.name for run in found.runs] == ["run0", "run1"]
    assert [(run.final_loss, set(run.batch_size)) for run in found.runs] == [(2.5, {64.0})] * 2
    assert len(found.notes) == 2
    assert "runs.csv has no column of the step" in found.notes[0]
    assert "system has no column of the lr" in found.notes[1]


def test_a_table_names_the_schedules_of_curves(tmp_path):
    text = "warmup(300) >> hold(50%) >> 0.3 * constant()"
    rates = 1e-3 * gs.parse(text).over(4000).sample(4000)
    write(tmp_path / "a.csv", [(s, 9.0, 4 - s / 2000) for s in range(2000, 3801, 100)], "step,lr,loss")
    table = write(tmp_path / "table.csv", [("a.csv", text, 1e-3, 4000, 2.1)], "curve,schedule,peak_lr,steps,final_loss")
    [run] = laws.read([table]).runs
    np.testing.assert_allclose(run.lr, rates)
    assert (run.name, run.final_loss, len(run.loss)) == ("a", 2.1, 19)
    with pytest.raises(gs.LawError, match="above 0"):
        laws.read([write(tmp_path / "t.csv", [("a.csv", text, -1, 4000)], "curve,schedule,peak_lr,steps")])


def test_tensorboards_logs(tmp_path):
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    for name in ("one", "other"):
        with tensorboard.SummaryWriter(str(tmp_path / name)) as writer:
            for step in range(50):
                writer.add_scalar("train/lr", 1e-3, step)
                writer.add_scalar("Loss/train", 4 - step / 100, step)
    found = laws.read([tmp_path]).runs
    assert [run.name for run in found] == ["one", "other"]
    np.testing.assert_allclose(found[0].loss, 4 - np.arange(50) / 100, rtol=1e-6)
    np.testing.assert_allclose(found[0].lr, 1e-3, rtol=1e-6)
    [file] = (tmp_path / "one").iterdir()
    assert len(laws.read([file]).runs) == 1
    file.write_bytes(b"no events")
    with pytest.raises(gs.LawError, match=r"has no column|can't be read"):
        laws.read([file])


def test_several_seeds_are_left_out_together():
    own = runs(parameters(0), peaks=(1e-3,), noise=0.01)
    random_state = np.random.default_rng(7)
    seeds = [laws.Run(r.lr, r.step, r.loss * np.exp(0.01 * random_state.normal(size=100)), name="again") for r in own]
    once, twice = laws.fit(own), laws.fit([*own, *seeds])
    assert len(twice.fitted) == 8
    assert twice.noise < 3 * once.noise


def test_the_commands(tmp_path):
    for i, run in enumerate(runs(parameters(0))):
        rows = zip(run.step.astype(int), run.lr[run.step.astype(int) - 1], run.loss, strict=True)
        write(tmp_path / f"run{i}.csv", rows, "step,lr,loss")
    call = CliRunner().invoke
    law = str(tmp_path / "law.json")
    done = call(app, ["fit", *(str(tmp_path / f"run{i}.csv") for i in range(8)), "--warmup", "200", "--out", law,
                      "--pictures", str(tmp_path / "f")])  # fmt: skip
    assert (tmp_path / "f" / "fit.html").exists()
    assert done.exit_code == 0, done.output
    done = call(app, ["predict", law, "warmup(5%) >> cosine", "--peak", "1e-3", "--steps", "5000", "--json",
                      "--out", str(tmp_path / "p")])  # fmt: skip
    told = json.loads(done.stdout)
    assert told["interval"][0] < told["final_loss"] < told["interval"][1]
    done = call(app, ["predict", law, "warmup(5%) >> cosine", "--peak", "1e-3", "--steps", "5000", "--json",
                      "--target", str(told["final_loss"])])  # fmt: skip
    assert json.loads(done.stdout)["steps_for_target"] == pytest.approx(5000, rel=0.01)
    assert (tmp_path / "p" / "prediction.png").exists()
    done = call(app, ["design", law, "--steps", "5000", "--json", "--out", str(tmp_path / "d")])
    told = json.loads(done.stdout)
    assert told["designed"]["final_loss"] <= told["cosine"]["final_loss"]
    assert (tmp_path / "d" / "design.html").exists()
    assert (tmp_path / "d" / "final_loss.png").exists()
    candidates = write(tmp_path / "c.csv", [("warmup(5%) >> cosine", 1e-3, ""), ("warmup(5%) >> hold", 1e-3, 4000)],
                       "schedule,peak_lr,steps")  # fmt: skip
    done = call(app, ["rank", law, str(candidates), "--steps", "5000", "--json"])
    assert json.loads(done.stdout)["candidates"][0]["schedule"] == "warmup(5%) >> cosine"
    for arguments in (
        ["rank", law, str(tmp_path / "run0.csv")],
        ["predict", law, "cosine * plateau", "--peak", "1", "--steps", "9"],
        ["predict", str(candidates), "cosine", "--peak", "1", "--steps", "9"],
    ):
        assert isinstance(call(app, arguments).exception, gs.GlideslopeError)


def test_a_resumed_segment_replaces_what_it_goes_through_again():
    run = laws.Run([1e-3] * 600, [100, 200, 300, 400, 500, 350, 450, 550], [5, 4, 9, 9, 9, 3, 2.9, 2.8])
    assert run.step.tolist() == [100, 200, 300, 350, 450, 550]
    assert "2 points measured again later" in run.notes[0]
    again = laws.Run([1e-3] * 600, [100, 200, 300, 400, 100, 200], [5, 4, 3.5, 3, 5.1, 4.1])
    assert again.loss.tolist() == [5.1, 4.1, 3.5, 3]


def test_a_design_says_what_predict_says_and_is_never_worse_than_a_named_schedule():
    for scale in (1.0, 1e-6):
        theta = {k: v * (scale if k in ("L0", "A", "B") else 1) for k, v in parameters(3).items()}
        law = made(theta)
        for steps in (200, 24_000):
            found = laws.design(law, steps, peak=1.23456e-3)
            for own in (found.best, *found.named.values()):
                assert own.peak == 1.23456e-3
                rates = own.peak * own.schedule.over(steps).sample(steps)
                assert own.loss == pytest.approx(float(law.predict(rates, steps)[0]), rel=1e-9)
            assert found.best.loss <= min(own.loss for own in found.named.values())


def test_runs_that_tell_nothing_are_dropped_with_a_note():
    own = runs(parameters(0))
    short = laws.Run(np.linspace(1e-6, 1e-3, 1000), [100, 200, 400], [5, 4.5, 4], name="short")
    empty = laws.Run(own[0].lr, [4000], [math.nan], name="empty")
    law = laws.fit([*own, short, empty])
    assert law.parameters == laws.fit(own).parameters
    assert sum("no losses after its warmup" in note for note in law.notes) == 2


def test_curves_that_follow_no_law():
    random_state = np.random.default_rng(0)
    noise = []
    for text in SCHEDULES:
        loss = np.exp(4 * random_state.normal(size=100)) * np.geomspace(100, 1, 100)
        noise.append(laws.Run(1e-3 * gs.parse(text).over(4000).sample(4000), np.arange(40, 4001, 40), loss))
    with pytest.raises(gs.LawError, match="look at them"):
        laws.fit(noise)


def test_a_run_that_diverged_is_dropped_with_a_note():
    own = runs(parameters(0))
    loss = own[0].loss.copy()
    loss[30:] = 10.0
    law = laws.fit([*own[1:], laws.Run(own[0].lr, own[0].step, loss, name="broken")])
    assert law.parameters == laws.fit(own[1:]).parameters
    assert any("broken" in note and "diverged" in note for note in law.notes)
    with pytest.raises(gs.LawError, match=r"1 more; .* \(broken ends no lower"):
        laws.fit([own[1], laws.Run(own[0].lr, own[0].step, loss, name="broken")])


def test_the_noise_of_the_points_is_taken_for_what_it_is():
    noisy = laws.fit(runs(parameters(0), noise=0.05))
    lr = 1e-3 * gs.parse("warmup(5%) >> hold() >> cooldown(40%)").over(5000).sample(5000)
    truth = made(parameters(0)).predict(lr, [3000, 5000])
    low, high = noisy.interval(lr, [3000, 5000])
    assert np.all((low < truth) & (truth < high))
    np.testing.assert_allclose(noisy.predict(lr, [3000, 5000]), truth, rtol=0.02)


def test_files_that_are_damaged(tmp_path):
    for rows, says in (([(math.inf, 1e-3, 2)], "no row"), ([(1e13, 1e-3, 2)], "at most"), ([(-5, 1e-3, 2)], "no row")):
        with pytest.raises(gs.LawError, match=says):
            laws.read([write(tmp_path / "a.csv", rows, "step,lr,loss")])
    made(parameters(0)).save(tmp_path / "law.json")
    short = write(tmp_path / "c.csv", [("hold",)], "schedule,peak_lr")
    done = CliRunner().invoke(app, ["rank", str(tmp_path / "law.json"), str(short), "--steps", "10"])
    assert isinstance(done.exception, gs.GlideslopeError)


@pytest.mark.parametrize("times", [100, 1e4])
def test_no_loss_is_under_the_lowest_and_that_is_said(times):
    theta = parameters(0) | {"gamma": 1.5}
    law, lowest = made(theta), theta["L0"]
    rates = laws.Rates.of_schedule("cosine_restarts(1000)", 50_000, law.reference * times)
    step = np.arange(1000, 50_001, 500)
    assert predicted(Knots.of(rates, step, law.reference, law.unit), law.parameters).min() < lowest
    with pytest.warns(UserWarning, match="less than its lowest loss") as warned:
        loss = law.predict(rates, step)
    assert warned[0].filename == __file__  # not a line of the library
    with pytest.warns(UserWarning, match="less than its lowest loss"):
        low, high = law.interval(rates, step)
    assert loss.min() == lowest
    assert np.all((low > 0) & (low < high) & np.isfinite(high))


def test_the_commands_say_once_that_a_loss_is_the_lowest(tmp_path):
    theta = parameters(0) | {"gamma": 1.5}
    law, schedule = made(theta), "cosine_restarts(1000)"
    law.save(tmp_path / "law.json")
    high = f"{law.reference * 1000:g}"
    candidates = write(tmp_path / "c.csv", [(schedule, high, 50_000), (schedule, high, 49_999)], "schedule,LR,Updates")
    asked = (["predict", str(tmp_path / "law.json"), schedule, "--peak", high, "--steps", "50000"],
             ["rank", str(tmp_path / "law.json"), str(candidates)])  # fmt: skip
    for arguments in asked:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        lines = [line for line in done.stderr.splitlines() if "lowest loss" in line]
        assert lines == [f"Careful: the law says less than its lowest loss, {theta['L0']:.4g}, which is given: these "
                         "rates are far from those fitted."]  # fmt: skip
    done = CliRunner().invoke(app, [*asked[0], "--json"])
    assert any("lowest loss" in warning for warning in json.loads(done.stdout)["warnings"])


@pytest.mark.parametrize("names", [("--num-steps", "--max-lr"), ("--updates", "--learning-rate")])
def test_options_of_a_design_by_the_names_of_columns(names, tmp_path):
    made(parameters(0)).save(tmp_path / "law.json")
    asked = [
        CliRunner().invoke(app, ["design", str(tmp_path / "law.json"), steps, "3000", peak, "1e-3", "--json"])
        for steps, peak in (names, ("--steps", "--peak"))
    ]
    assert asked[0].exit_code == 0
    assert asked[0].stdout == asked[1].stdout


def test_how_long_a_run_needs():
    law = made(parameters(0))
    lr = 1e-3 * gs.parse("warmup(5%) >> cosine").over(3000).sample(3000)
    target = float(law.predict(lr, 3000)[0])
    assert law.steps_for(target, "warmup(5%) >> cosine", 1e-3) == pytest.approx(3000, rel=0.01)
    with pytest.raises(gs.LawError, match="isn't reached"):
        law.steps_for(0.001, "warmup(5%) >> cosine", 1e-3, most=10_000)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("schedule; peak_lr\nhold ; 1e-3\n", None),
        ('schedule, peak_lr\n"cooldown(50%, shape=sqrt)", 1e-3\n', None),
        ("schedule,peak_lr\nhold,1e-3\ncosin,1e-3\n", "line 3: unknown schedule"),
        ("schedule,peak_lr\nhold,1e-3\n\n# tried later\ncosin,1e-3\n", "line 5: unknown schedule"),
        ("schedule,peak_lr\nhold,nan\n", "line 2: "),
        ("schedule,peak_lr\ncooldown(50%, shape=sqrt),1e-3\n", "quotes around a schedule with commas"),
        ("plan,rate\nhold,1e-3\n", "it has plan, rate"),
    ],
)
def test_candidates_in_other_forms_and_their_mistakes(text, says, tmp_path):
    made(parameters(0)).save(tmp_path / "law.json")
    (tmp_path / "c.csv").write_text(text)
    done = CliRunner().invoke(app, ["rank", str(tmp_path / "law.json"), str(tmp_path / "c.csv"), "--steps", "1000"])
    if says is None:
        assert done.exit_code == 0, done.exception
    else:
        assert isinstance(done.exception, gs.GlideslopeError)
        assert says in str(done.exception)
