"""Laws over sizes, and of tables of final losses."""

import csv
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs
from glideslope import laws
from glideslope.cli import run as glideslope
from glideslope.laws import public_curves
from glideslope.laws.form import NAMES
from glideslope.laws.minimum import minimized
from glideslope.laws.size_law import theta_of
from glideslope.laws.sizes import groups, not_apart
from glideslope.laws.units import mixed

SIZES = (20e6, 60e6, 180e6)
PLANS = (("warmup(5%) >> hold() >> cooldown(20%)", 1e-3), ("warmup(5%) >> cosine(final=0.1)", 2e-3))


def truth(params):
    """The law of a size: parameters on lines in the logarithm of the size."""
    z = math.log(params / SIZES[1])
    return laws.Law(
        {"L0": 1.7 + 1.1 * math.exp(-0.3 * z), "A": 0.8 * math.exp(0.1 * z), "alpha": 0.55 * math.exp(-0.1 * z),
         "offset": 0.1, "a": 0.6, "b": 0.2, "B": 0.4, "C": 80.0, "gamma": 0.25, "beta": 0.4, "p": 0.93, "r": 0.2},
        np.zeros((len(NAMES), len(NAMES))), 1.4e-3, 4000 / 24, 1e-3, 0.0, (laws.Fitted("a", 1e-3, 4000, 100),),
    )  # fmt: skip


def made(params, text, peak, steps, batch=None):
    """A run of that law."""
    lr = peak * gs.parse(text).over(steps).sample(steps)
    step = np.arange(steps // 40, steps + 1, steps // 40)
    name = f"{params:g} {text} {peak:g} {steps}"
    return laws.SizedRun(laws.Run(lr, step, truth(params).predict(lr, step), name=name, batch_size=batch), params)


def runs(sizes=SIZES, steps=(2000, 4000), batch=None):
    return [made(size, text, peak, length, batch) for size in sizes for text, peak in PLANS for length in steps]


@pytest.fixture(scope="module")
def law():
    return laws.fit_sizes(runs(batch=50_000))


def end(law_of_size, text, peak, steps):
    return float(law_of_size.predict(peak * gs.parse(text).over(steps).sample(steps), steps)[0])


@pytest.mark.parametrize("params", [20e6, 100e6, 360e6])
def test_a_size_with_and_without_runs_is_predicted(law, params):
    for text, peak in PLANS:
        assert end(law.at(params), text, peak, 6000) == pytest.approx(end(truth(params), text, peak, 6000), abs=0.004)


def test_a_size_with_one_short_run_takes_the_rest_from_the_others():
    known = [*runs(SIZES[:2]), made(SIZES[2], *PLANS[0], 1000)]
    for text, peak in PLANS:
        expected = end(truth(SIZES[2]), text, peak, 4000)
        assert end(laws.fit_sizes(known).at(SIZES[2]), text, peak, 4000) == pytest.approx(expected, abs=0.005)


def of_public_curves(params, text, peak, steps, clock=1.0, rates=1.0, losses=1.0):
    """A run of the line of public curves, with other units of updates, rates and losses."""
    z, line = math.log(params / public_curves.CENTER), public_curves.LINE
    theta = dict(zip(public_curves.NAMES, np.exp(line.mean + line.slope * z).tolist(), strict=True)) | {"r": 0.1}
    lowest = math.exp(line.mean[0])
    theta["L0"] = 1.69 + (lowest - 1.69) * math.exp(line.slope[0] * lowest / (lowest - 1.69) * z)  # E, as a law has it
    unit = public_curves.UNIT * clock
    law = laws.Law(theta, np.zeros((12, 12)), public_curves.REFERENCE * rates, unit, 1e-3, 0.0, ())
    lr = laws.Rates.of_schedule(text, round(steps * clock), peak * rates)
    step = np.linspace(0.02, 1.0, 50) * len(lr)
    return laws.SizedRun(laws.Run(lr, step, losses * law.predict(lr, step), name=f"{params:g} {text} {peak}"), params)


@pytest.mark.parametrize(("units", "off"), [((1.0, 1.0, 1.0), 0.002), ((0.1, 300.0, 0.1), 0.008)])
def test_what_a_peak_is_worth_that_no_size_had(units, off):
    texts = ("warmup(3%) >> hold() >> cooldown(20%)", "warmup(3%) >> cosine(final=0.1)")
    plans = [*zip(texts, (1e-3, 2e-3), strict=True)]
    known = [of_public_curves(size, *plan, 10_000, *units) for size in (30e6, 60e6) for plan in plans]
    law, errors = laws.fit_sizes(known).at(120e6), []
    for peak in (4e-4, 1e-3):
        run = of_public_curves(120e6, texts[0], peak, 12_000, *units).run
        errors.append(law.predict(run.lr, run.step[-1:])[0] / run.loss[-1] - 1)
    assert errors[0] == pytest.approx(errors[1], abs=off)


def test_an_interval_is_wider_for_a_size_without_runs_and_wider_still_far_away(law):
    lr = gs.parse(PLANS[0][0]).over(4000).sample(4000) * 1e-3
    widths = [np.subtract(*law.at(params).interval(lr, 4000)[::-1])[0] for params in (60e6, 100e6, 1e9)]
    assert widths[0] < widths[1] < widths[2]
    assert law.warnings(1e12)
    assert not law.warnings(60e6)


@pytest.mark.slow
def test_the_order_of_the_runs_changes_nothing(law):
    other = laws.fit_sizes(runs(batch=50_000)[::-1])
    for params in (20e6, 100e6):
        assert end(other.at(params), *PLANS[0], 4000) == pytest.approx(end(law.at(params), *PLANS[0], 4000), abs=2e-3)


def test_batches_and_weight_decay_that_the_runs_have_not(law):
    assert law.around.batch == pytest.approx(50_000)
    assert end(law.at(60e6, batch=100_000), *PLANS[0], 4000) < end(law.at(60e6), *PLANS[0], 4000)
    with pytest.raises(gs.LawError, match="weight_decay"):
        law.at(60e6, weight_decay=0.1)
    with pytest.raises(gs.LawError, match="tokens_per_step"):
        laws.fit_sizes(runs(SIZES[:2], (2000,))).at(60e6, batch=100.0)


def test_the_law_of_a_batch_is_that_of_runs_with_it():
    place = np.random.default_rng(0).normal(size=1 + len(NAMES) * 4) * 0.1
    around = laws.size_law.Around(math.log(50e6), 1e-3, 100.0, 1000.0, (500.0, 2000.0))
    fitted = tuple((size, (laws.Fitted("a", 1e-3, 100, 10),)) for size in (20e6, 80e6))
    law = laws.SizeLaw(place, np.eye(len(place)) * 1e-4, around, 0.01, 0.01, 0.0, fitted, (math.nan, math.nan))
    theta = theta_of(place, math.log(20e6 / 50e6), 0, 0.0)
    whole = laws.Law(theta, np.eye(len(NAMES)), 1e-3, 100.0, 0.01, 0.0, fitted[0][1], batch_size=1000.0)
    lr = 1e-3 * gs.parse("warmup(5%) >> hold() >> cooldown(20%)").over(900).sample(900)
    np.testing.assert_allclose(
        law.at(20e6, batch=2500.0).predict(lr, [300, 900]), whole.predict(lr, [300, 900], 2500.0), rtol=1e-6
    )


def test_a_saved_law_is_read_as_it_was(law, tmp_path):
    law.save(tmp_path / "law.json")
    assert laws.is_of_sizes(tmp_path / "law.json")
    read = laws.load_sizes(tmp_path / "law.json")
    np.testing.assert_array_equal(read.place, law.place)
    assert (read.around, read.fitted, read.noise) == (law.around, law.fitted, law.noise)
    with pytest.raises(gs.LawError, match="over sizes"):
        laws.load(tmp_path / "law.json")
    document = json.loads((tmp_path / "law.json").read_text())
    for changes in ({"noise": -1.0}, {"place": [1.0]}, {"glideslope_size_law": 2}, {"sizes": []}):
        (tmp_path / "law.json").write_text(json.dumps(document | changes))
        with pytest.raises(gs.LawError, match="fit it again"):
            laws.load_sizes(tmp_path / "law.json")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: runs(SIZES[:1]), "one size only"),
        (list, "one size only"),
        (lambda: [*runs(SIZES[:1]), replace(runs(SIZES[1:2])[0], params=60.0)], "two units"),
        (lambda: [replace(own, params=own.params / 1e6) for own in runs()], "in millions"),
        (lambda: runs(batch=0.5), "batches up to 0.5 tokens: they seem to be in millions"),
        (lambda: [made(size, PLANS[0][0], peak, 2000) for size, peak in zip(SIZES, (4e-3, 2e-3, 1e-3), strict=True)],
         "2e.07 parameters at a peak of 0.001"),
        (lambda: [replace(runs()[0], weight_decay=0.1), *runs()[1:]], "weight_decay"),
    ],
)  # fmt: skip
def test_what_cant_be_fitted_over_sizes(wrong, message):
    with pytest.raises(gs.LawError, match=message):
        laws.fit_sizes(wrong())


def test_a_batch_or_a_decay_that_each_size_has_for_itself_is_noted():
    known = runs(SIZES[:2], (2000,))
    batched = [replace(own, run=replace(own.run, batch_size=own.params / 1e3)) for own in known]
    (note,) = not_apart(groups(batched))
    assert note.startswith("each size has a batch of its own (2e+07: 20000, 6e+07: 60000)")
    assert "a run of 2e+07 parameters with 60000" in note
    assert not not_apart(groups([*batched, replace(known[0], run=replace(known[0].run, batch_size=60_000))]))
    (note,) = not_apart(groups([replace(own, weight_decay=own.params / 1e9) for own in known]))
    assert "weight decay of its own" in note
    assert not not_apart(groups(known))


def test_a_table_of_sizes(tmp_path):
    own = [sized.run for sized in runs(SIZES[:2], (2000,))]
    table = tmp_path / "sizes.csv"

    def write(rows, names=("run", "params", "tokens_per_step")):
        with table.open("w", newline="") as file:
            csv.writer(file).writerows([names, *rows])

    write([(f"{run.name}.csv", 20e6 + 40e6 * i, 1000) for i, run in enumerate(own)])
    assert [sized.params for sized in laws.sized(own, table)] == [20e6 + 40e6 * i for i in range(len(own))]
    assert laws.sized(own, table)[0].run.batch_size == 1000
    write([(own[0].name, 20e6, 1000)])
    with pytest.raises(gs.LawError, match="no row for"):
        laws.sized(own, table)
    write([(run.name, "large", 1000) for run in own])
    with pytest.raises(gs.LawError, match="no number"):
        laws.sized(own, table)
    write([(run.name, 1) for run in own], ("run", "width"))
    with pytest.raises(gs.LawError, match="no column params, which may be named params, n, model_size"):
        laws.sized(own, table)


@pytest.mark.parametrize("unit", [1e3, 1e6])
@pytest.mark.parametrize("wrong", [[0], [2], [0, 1], [0, 2]])
def test_sizes_in_two_units_are_named_with_their_lines(tmp_path, unit, wrong):
    curves, table = [sized.run for sized in runs(SIZES[:3], (2000,))][::2][:3], tmp_path / "sizes.csv"
    sizes = [20e6 + 40e6 * i for i in range(3)]
    rows = [f"{run.name},{sizes[i] / unit if i in wrong else sizes[i]!r}" for i, run in enumerate(curves)]
    table.write_text("\n".join(["# sizes", "run,params", *rows, ""]))
    with pytest.raises(gs.LawError, match=r"sizes.csv, line \d.*sizes.csv, line \d\): two units") as said:
        laws.sized(curves, table)
    lines = {int(line) - 3 for line in re.findall(r"line (\d)", str(said.value))}
    assert len(lines & set(wrong)) == 1


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("nan,1000", "line 3, run .*params=nan"), ("-1,1000", "line 3, run .*params=-1"), (",1000", "line 3.*is empty"),
        ("6e7,0.9", "batches of 0.9 .*line 3.* and 1000 .*line 2.*two units"), ('"60,000,000",9', "line 3.*no number"),
    ],
)  # fmt: skip
def test_a_row_that_is_wrong_is_named_with_its_line(tmp_path, row, says):
    curves, table = [sized.run for sized in runs(SIZES[:2], (2000,))][::2][:2], tmp_path / "sizes.csv"
    table.write_text(f"run,params,tokens_per_step\n{curves[0].name},2e7,1000\n{curves[1].name},{row}\n")
    with pytest.raises(gs.LawError, match=says):
        laws.sized(curves, table)


def test_sizes_of_other_runs_and_weight_decays_in_two_units_are_noted():
    known = runs(SIZES[:2], (2000,))
    (note,) = not_apart(groups([replace(sized, params=SIZES[0] + SIZES[1] - sized.params) for sized in known]))
    assert "are the sizes those of these runs?" in note
    decays = [replace(sized, weight_decay=(0.1, 10.0)[i % 2]) for i, sized in enumerate(known)]
    assert "weight decays of 0.1 and 10: are they in one unit?" in not_apart(groups(decays))


def test_small_networks_are_noted_since_they_may_be_in_thousands():
    known = runs(SIZES[:2], (2000,))
    (note,) = not_apart(groups([replace(sized, params=sized.params / 1e3) for sized in known]))
    assert note.startswith("params up to 60000: if they are in thousands")


def test_sizes_far_apart_are_in_one_unit_where_the_smaller_reaches_higher_losses():
    lowest = [1.69 + 406.4 * size**-0.34 for size in (1e5, 2e7, 4e9)]  # Hoffmann et al. 2022
    assert mixed([1e5, 2e7, 4e9], lowest) is None
    assert mixed([1e5, 2e7, 4e9], [2.0, 1.95, lowest[2]]) == (0, 1)


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Path("sizes.csv").open("w", newline="") as file:
        names = csv.writer(file)
        names.writerow(("run", "params", "tokens_per_step"))
        for i, own in enumerate(runs(SIZES[:2], (2000,))):
            names.writerow((f"r{i}", own.params, 50_000))
            rows = zip(own.run.step.astype(int), own.run.lr[own.run.step.astype(int) - 1], own.run.loss, strict=True)
            Path(f"r{i}.csv").write_text("step,lr,loss\n" + "\n".join(f"{a},{b},{c}" for a, b, c in rows))
    files = [f"r{i}.csv" for i in range(4)]
    assert glideslope(["fit", *files, "--sizes", "sizes.csv", "--out", "law.json", "--warmup", "100", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["sizes"]) == 2
    assert glideslope(["design", "law.json", "--params", "60e6", "--tokens", "2e8", "--json"]) == 0
    made_design = json.loads(capsys.readouterr().out)
    assert made_design["steps"] == 4000
    assert made_design["interval"][0] < made_design["final_loss"] < made_design["interval"][1]
    assert glideslope(["design", "law.json", "--flops", "7e16", "--json"]) == 0
    chosen = json.loads(capsys.readouterr().out)
    assert 6 * chosen["params"] * chosen["tokens"] == pytest.approx(7e16)
    Path("c.csv").write_text(
        "params,tokens,batch,schedule,peak_lr\n20e6,1e8,50000,constant,1e-3\n60e6,1e8,5e4,cosine,1e-3\n"
    )
    assert glideslope(["rank", "law.json", "c.csv", "--json"]) == 0
    ranked = json.loads(capsys.readouterr().out)["candidates"]
    assert [entry["schedule"] for entry in ranked] == ["cosine", "constant"]
    wrong = (
        "design law.json --params 60e6", "design law.json", "predict law.json cosine --steps 9 --peak 1",
        "design law.json --params -1 --tokens 1e9", "design law.json --flops 1e9",
    )  # fmt: skip
    for line in wrong:
        assert glideslope(line.split()) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


# Tables of final losses.


def losses(exponents=(-0.5, 0.2, 0.5), grids=((1e7, 1e9), (1e7, 3e9), (4e7, 1e9), (4e7, 3e9)), noise=0.0):
    """Grids of a law with known best rates and batches."""
    random = np.random.default_rng(0)
    by_params, by_tokens, batch_by_tokens = exponents
    for params, tokens in grids:
        best_peak = 4e-3 * (params / 1e7) ** by_params * (tokens / 1e9) ** by_tokens
        best_batch = 1e5 * (tokens / 1e9) ** batch_by_tokens
        for batch in 1e4 * 2.0 ** np.arange(8):
            for peak in 2.5e-4 * 2.0 ** np.arange(8):
                over = math.log(batch / best_batch)
                loss = 1.7 + 1.2 * (params / 1e7) ** -0.3 + 1.0 * (tokens / 1e9) ** -0.3
                loss *= 1 + 0.01 * (math.log(peak / best_peak) - 0.4 * over) ** 2 + 0.005 * over**2
                yield {"params": params, "tokens": tokens, "batch": batch, "peak_lr": peak,
                       "loss": loss * math.exp(noise * random.normal())}  # fmt: skip


@settings(max_examples=8, deadline=None)
@given(st.floats(-0.8, -0.2), st.floats(0.0, 0.35), st.floats(0.3, 0.7))
def test_the_best_rate_and_batch_of_a_larger_grid(by_params, by_tokens, batch_by_tokens):
    exponents = (by_params, by_tokens, batch_by_tokens)
    law = laws.fit_table(list(losses(exponents, noise=0.0005)))
    grid = list(losses(exponents, ((1.6e8, 1e10),)))
    predicted = law.predict(*([row[name] for row in grid] for name in ("params", "tokens", "batch", "peak_lr")))
    least = min(row["loss"] for row in grid)
    assert grid[int(np.argmin(predicted))]["loss"] <= 1.0015 * least
    best = law.best(1.6e8, 1e10)
    assert best.peak == pytest.approx(4e-3 * 16**by_params * 10**by_tokens, rel=0.25)
    assert best.low < best.loss < best.high
    assert law.best(1.6e8, 1e10, batch=4 * best.batch).peak > best.peak


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            lambda i, row: {"peak_lr": row["peak_lr"] * (1e3 if row["params"] > 2e7 else 1)},
            "peaks around 0.003 and around 3",
        ),
        (lambda i, row: {"batch": row["batch"] / (1e6 if i % 2 else 1)}, "are they in one unit?"),
        (lambda i, row: {"tokens": row["tokens"] / 1e6}, "a batch of 10000 in a run of 1000 tokens"),
        (lambda i, row: {"loss": 9 - row["loss"]}, "the smallest or the largest peak tried"),
        (lambda i, row: {"loss": 3 + i * 7919 % 256 / 256}, "look at the table"),
        (lambda i, row: {"loss": row["peak_lr"], "peak_lr": row["loss"]}, "which column is which"),
    ],
)
def test_a_table_of_final_losses_that_seems_wrong_is_noted(changed, says):
    rows = list(losses())
    assert not laws.fit_table(rows).notes
    law = laws.fit_table([{**row, **changed(i, row)} for i, row in enumerate(rows)])
    assert any(says in note for note in law.notes), law.notes


def test_a_table_of_final_losses_that_tells_too_little(tmp_path):
    rows = list(losses())
    for wrong, message in (
        (rows[:5], "12 or more"), ([], "no rows"), ([{"N": 1, "loss": 2}], "no column tokens"),
        ([{**rows[0], "batch": -1}, *rows], "above 0"), ([{**rows[0], "params": 10}, *rows], "two units"),
        ([{**rows[0], "loss": "x"}, *rows], "no number"),
    ):  # fmt: skip
        with pytest.raises(gs.LawError, match=message):
            laws.fit_table(wrong)
    twice = laws.fit_table([*rows, *rows[:3]])
    assert np.array_equal(twice.place, laws.fit_table(rows).place)
    assert twice.notes == ("3 rows the same as another, and dropped",)
    with pytest.raises(gs.LawError, match="256 runs that diverged"):
        laws.fit_table([{**row, "loss": math.nan} for row in rows])
    law = laws.fit_table([*rows, {**rows[0], "loss": math.inf}])
    assert "diverged" in law.notes[0]
    one_size = laws.fit_table([row for row in rows if row["params"] == rows[0]["params"]])
    assert [note for note in one_size.notes if "one size" in note and "not measured" in note]
    with pytest.raises(gs.LawError):
        law.best(-1.0, 1e9)
    assert law.warnings(1e12, 1e9)


def test_a_minimum_of_robust_least_squares():
    points = np.linspace(0, 1, 50)
    losses_of = 2 * np.exp(-3 * points)
    losses_of[7] += 100.0  # an outlier

    def residuals(x):
        curve = x[0] * np.exp(-x[1] * points)
        return (curve - losses_of) / 1e-3, np.stack([np.exp(-x[1] * points), -points * curve], 1) / 1e-3

    _, place = minimized(residuals, np.array([1.0, 1.0]), 1e-12, squared=0)
    np.testing.assert_allclose(place, [2.0, 3.0], atol=1e-4)


def test_a_prior_counts_fully_however_far_it_is():
    def residuals(x):
        return np.concatenate([10 * (x - np.ones(3)), x - 200.0]), np.array([[10.0], [10.0], [10.0], [1.0]])

    _, place = minimized(residuals, np.array([1.0]), 1e-12, squared=1)
    assert place[0] == pytest.approx(170.0, abs=0.01)  # three robust residuals pull by 10 each, the prior by 200 - x


def test_a_law_of_one_size_is_named(capsys):
    file = Path(__file__).parents[2] / "examples" / "law.json"
    with pytest.raises(gs.LawError, match="is a law of one size: design takes it with --steps"):
        laws.load_sizes(file)
    assert glideslope(["design", str(file), "--params", "7B", "--tokens", "1T"]) == 2
    assert "is a law of one size" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("2e7,1e9,1e5,,3", "line 2, column peak_lr is empty"),
        ("2e7,-1,1e5,1e-3,3", "line 2, column tokens is -1"),
        ("2e7,1e9,x,1e-3,3", "line 2, column batch: 'x' is no number"),
        ("2e7,1e9,1e5,1e-3,3?", "line 2, column loss: '3.' is no number"),
        ("2e7,1e9,1e5,1e-3,-1", "line 2, column loss is -1"),
    ],
)
def test_the_cell_of_a_table_that_is_wrong_is_named(line, says, tmp_path):
    (tmp_path / "table.csv").write_text(f"params,tokens,batch,peak_lr,loss\n{line}\n")
    with pytest.raises(gs.LawError, match=f"table.csv, {says}"):
        laws.fit_table(tmp_path / "table.csv")


@pytest.mark.parametrize("wrong", [3, None, [1, 2], [("params", 3)]])
def test_what_is_no_table_is_refused(wrong):
    with pytest.raises(gs.LawError, match="is no table: give a file, or a mapping for each row"):
        laws.fit_table(wrong)


def test_sizes_are_written_as_people_write_them(tmp_path):
    run = laws.Run.from_schedule("hold", peak=1e-3, steps=100, step=[50, 100], loss=[3.0, 2.0], name="a")
    (tmp_path / "sizes.csv").write_text("run,params,tokens_per_step\na,124M,0.5M\n")
    [sized] = laws.sized([run], tmp_path / "sizes.csv")
    assert (sized.params, float(np.max(sized.run.batch_size))) == (124e6, 5e5)
