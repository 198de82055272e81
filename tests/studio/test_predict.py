"""What the room of predictions says is what the law says; and only files of its folder are read."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from glideslope import laws
from glideslope.studio.draw import Edit
from glideslope.studio.exchange import quiet
from glideslope.studio.library import Library
from glideslope.studio.plan import Plan
from glideslope.studio.predict import Prediction, predicted
from tests.studio.asking import client

EXAMPLES = Path(__file__).parents[2] / "examples"
TEXT = "warmup(5%) >> hold() >> cooldown(20%)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("outside") / "inside"
    made.mkdir()
    shutil.copy(EXAMPLES / "law.json", made / "law.json")
    shutil.copy(EXAMPLES / "law.json", made.parent / "other.json")
    (made / "deeper").mkdir()
    shutil.copy(EXAMPLES / "law.json", made / "deeper" / "second.json")
    (made / "no-law.json").write_text('{"glideslope_law": 3}')
    os.symlink(made.parent / "other.json", made / "link.json")
    return made


@pytest.mark.parametrize("steps", [1000, 6000, 100_000])
def test_the_loss_and_its_band_are_those_of_the_law(folder, steps):
    answer = quiet(predicted, Library(folder), Prediction(Plan((TEXT,), steps, 0.003), law="law.json"))
    law = laws.load(folder / "law.json")
    rates = laws.Rates.of_schedule(TEXT, steps, 0.003)
    low, high = law.interval(rates, steps)
    assert answer["final"]["loss"] == pytest.approx(law.predict(rates, steps)[0], rel=1e-12)
    assert (answer["final"]["low"], answer["final"]["high"]) == pytest.approx((low[0], high[0]), rel=1e-12)
    series = answer["loss_chart"]["series"][0]
    at = np.array(answer["loss_chart"]["xs"][series["x"]])
    assert np.allclose(series["y"], law.predict(rates, at), rtol=1e-4)
    assert np.allclose(series["high"], law.interval(rates, at)[1], rtol=1e-4)


def test_the_design_beside_it_is_that_of_the_law(folder):
    answer = quiet(predicted, Library(folder), Prediction(Plan((TEXT,), 6000, 0.003), law="law.json"))
    best = laws.design(laws.load(folder / "law.json"), 6000, peak=0.003).simplest()
    assert answer["design"]["best"] == {"schedule": str(best.schedule), "peak": 0.003, "loss": best.loss}
    free = laws.design(laws.load(folder / "law.json"), 6000).simplest()
    assert answer["design"]["free"]["loss"] == free.loss <= best.loss


def test_what_if_is_the_end_at_half_and_twice(folder):
    law = laws.load(folder / "law.json")
    rows = quiet(predicted, Library(folder), Prediction(Plan((TEXT,), 6000, 0.003), law="law.json"))["what_if"]
    ends = {(row["name"], side): row[side] for row in rows for side in ("half", "twice")}
    for (name, side), end in ends.items():
        times = {"half": 0.5, "twice": 2.0}[side]
        steps, peak = (int(6000 * times), 0.003) if name == "steps" else (6000, 0.003 * times)
        assert end == pytest.approx(law.predict(laws.Rates.of_schedule(TEXT, steps, peak), steps)[0], rel=1e-12)
    assert {name for name, _ in ends} == {"steps", "peak"}  # the law knows no batch size


def test_what_is_far_beside_a_prediction_is_said(folder):
    """Half the peak, twice the peak and the peak of the design are far from the one that was fitted, 0.003."""
    answer = quiet(predicted, Library(folder), Prediction(Plan((TEXT,), 6000, 0.003), law="law.json"))
    free = answer["design"]["free"]["peak"]
    assert answer["warnings"] == []
    assert answer["careful"] == [
        f"a peak of {peak:g} is far from those fitted, 0.003" for peak in (0.0015, 0.006, free)
    ]
    beyond = quiet(predicted, Library(folder), Prediction(Plan((TEXT,), 2**53, 0.003), law="law.json"))
    assert not any("update" in text for text in beyond["careful"])


def test_the_prediction_follows_a_drag(folder):
    plan = Plan((TEXT,), 6000, 0.003)
    answer = quiet(predicted, Library(folder), Prediction(plan, Edit("move", 2, x=3000.0), "law.json", True))
    moved = "warmup(5%) >> hold() >> cooldown(50%)"
    assert answer["text"] == moved
    rates = laws.Rates.of_schedule(moved, 6000, 0.003)
    assert answer["final"]["loss"] == pytest.approx(laws.load(folder / "law.json").predict(rates, 6000)[0], rel=1e-12)


FAR = [
    (100_000, 0.003, ["longest"]), (6000, 3.0, ["peak"]), (6000, 1e-5, ["peak"]), (6000, 0.003, []),
    (12_345_678, 3.0, ["longest", "peak"]),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "peak", "words"), FAR)
def test_far_from_what_was_fitted_it_says_so(folder, steps, peak, words):
    """In a line, and on the picture: what is far of the time is shaded from there on, of the peak all over."""
    answer = quiet(predicted, Library(folder), Prediction(Plan((TEXT,), steps, peak), law="law.json"))
    chart = answer["loss_chart"]
    spans = {chart["groups"][span["group"]]["name"]: (span["low"], span["high"]) for span in chart["spans"]}
    for said in (answer["warnings"], spans):
        assert len(said) == len(words)
        assert all(any(word in line for line in said) for word in words)
    if "longest" in words:
        assert any(f"{steps:,} updates" in warning for warning in answer["warnings"])
    if "peak" in words:
        assert spans["a peak far from those fitted, 0.003"] == (0, steps)
        assert any(warning.endswith("is far from those fitted, 0.003") for warning in answer["warnings"])


def test_a_schedule_that_a_law_cannot_predict_has_a_message(folder):
    answer = quiet(
        predicted, Library(folder), Prediction(Plan(("cosine * plateau", TEXT), 6000, 0.003, chosen=1), law="law.json")
    )
    assert "alone" in answer["schedules"][0]["message"]
    assert answer["final"] is not None


def test_the_laws_of_the_folder_are_found(folder):
    assert Library(folder).names() == ["law.json", "deeper/second.json"]


OUTSIDE = [
    "../other.json", "link.json", "/etc/passwd", "deeper/../../other.json", "\x00", "a" * 250, "no-law.json", "", ".",
]  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_nothing_outside_the_folder_is_read(folder, name):
    answer = client(folder).post("api/predict", json={"plan": {}, "law": name})
    assert answer.status_code == 400
    assert "passwd" not in answer.text.replace("/etc/passwd", "")


@pytest.mark.slow
def test_dropped_logs_are_fitted_as_fit_does(folder):
    asking = client(folder)
    files = sorted((EXAMPLES / "curves").iterdir())
    for file in files:
        assert asking.post(f"api/drop/abc/{file.name}", content=file.read_bytes()).status_code == 200
    name = asking.post("api/fit", json={"group": "abc"}).json()["law"]
    assert name in asking.post("api/laws", content="null").json()
    plan = {"schedules": [TEXT], "steps": 3000, "peak": 0.003}
    answer = asking.post("api/predict", json={"plan": plan, "law": name}).json()
    runs = laws.read(files).runs
    rates = laws.Rates.of_schedule(TEXT, 3000, 0.003)
    assert answer["final"]["loss"] == pytest.approx(laws.fit(runs).predict(rates, 3000)[0], rel=1e-9)
    names = {group["name"] for group in answer["loss_chart"]["groups"]}
    assert {f"{run.name}, measured" for run in runs} <= names


def test_the_runs_that_a_law_file_keeps_are_drawn(tmp_path):
    shutil.copy(EXAMPLES / "law.json", tmp_path / "kept.json")
    shutil.copy(EXAMPLES.parent / "tests/formats/law-4.json", tmp_path / "former.json")
    answer = client(tmp_path).post("api/predict", json={"plan": {"steps": 3000}, "law": "kept.json"}).json()
    names = {group["name"] for group in answer["loss_chart"]["groups"]}
    assert {"constant, measured", "cooldown, measured", "cosine, measured"} <= names
    assert not any("no curves" in note for note in answer["law"]["notes"])
    answer = client(tmp_path).post("api/predict", json={"plan": {"steps": 3000}, "law": "former.json"}).json()
    assert any("no curves" in note for note in answer["law"]["notes"])


def test_a_dropped_law_is_taken_as_it_is(folder):
    asking = client(folder)
    asking.post("api/drop/l4w/mine.json", content=(EXAMPLES / "law.json").read_bytes())
    assert asking.post("api/fit", json={"group": "l4w"}).json() == {"law": "mine.json"}


@pytest.mark.parametrize("change", [lambda text: text.replace("1", "2", 3), lambda text: text[:300]])
def test_of_a_dropped_law_that_is_damaged_that_is_said(folder, change):
    asking = client(folder)
    asking.post("api/drop/l4w/mine.json", content=change((EXAMPLES / "law.json").read_text()))
    message = asking.post("api/fit", json={"group": "l4w"}).json()["message"]
    assert message.startswith("mine.json ")
    assert "column" not in message.partition("mine.json")[2].partition("(")[0]


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"step,loss\n1,2\n", b"{}", b'{"glideslope_law": 3}'])
def test_what_is_no_log_is_refused_in_one_line(folder, content):
    asking = client(folder)
    asking.post("api/drop/bad/x.csv", content=content)
    answer = asking.post("api/fit", json={"group": "bad"})
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert "Traceback" not in answer.text
