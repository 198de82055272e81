"""Files of each version of each format, as the program that wrote them left them, are read by this one."""

import contextlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import glideslope as gs
from glideslope.cli import main

FILES = Path(__file__).parent
FULL = gs.laws.Rates.of_schedule("warmup(150) >> cosine", 6000, 3e-3)
PREDICTED = {1: 1.968033641339812, 2: 1.9688060558385463}
"""By the programs that wrote the laws, for the full run above."""


@pytest.mark.parametrize("version", PREDICTED)
def test_a_law_predicts_what_the_program_predicted_that_wrote_it(version):
    law = gs.laws.load(FILES / f"law-{version}.json")
    # The sums over the rates are by more knots now.
    assert law.predict(FULL, [6000])[0] == pytest.approx(PREDICTED[version], rel=1e-3)
    assert "without a checksum" in law.notes[-1]


def test_every_version_of_a_law_has_a_file_and_is_written_again_as_the_newest(tmp_path):
    newest = gs.laws.law_file.VERSION
    names = {f"law-{version}.json" for version in range(1, newest + 1)}
    assert {path.name for path in FILES.glob("law-*.json")} == names
    for path in FILES.glob("law-*.json"):
        law = gs.laws.load(path)
        law.save(tmp_path / path.name)
        again = gs.laws.load(tmp_path / path.name)
        assert json.loads((tmp_path / path.name).read_text())["glideslope_law"] == newest
        np.testing.assert_array_equal(again.predict(FULL, [6000]), law.predict(FULL, [6000]))
        np.testing.assert_array_equal(again.interval(FULL, [6000]), law.interval(FULL, [6000]))


@pytest.mark.parametrize(
    "damage", [{"parameters": None}, {"covariance": 3}, {"covariance": [1, 2]}, {"parameters": {}}]
)
def test_a_damaged_law_of_the_first_version_is_refused(tmp_path, damage):
    path = tmp_path / "law.json"
    path.write_text(json.dumps(json.loads((FILES / "law-1.json").read_text()) | damage))
    with pytest.raises(gs.LawError):
        gs.laws.load(path)


@pytest.mark.parametrize("version", [1, 2])
def test_a_state_goes_on(version):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = gs.torch.Scheduler(optimizer, "warmup(5%) >> hold >> cooldown(20%)", steps=100)
    scheduler.load_state_dict(json.loads((FILES / f"scheduler-state-{version}.json").read_text()))
    assert scheduler.last_epoch == 30
    for _ in range(60):
        optimizer.step()
        scheduler.step()
    assert scheduler.get_last_lr() == [pytest.approx(0.05)]


def test_a_schedule_is_the_same():
    text = (FILES / "schedule-1.json").read_text()
    assert gs.from_json(text) == gs.parse("warmup(5%) >> hold() >> cooldown(20%, shape=sqrt)")


@pytest.mark.parametrize("version", [1, 2])
def test_the_runs_of_a_run_directory_are_curves_for_a_law(version):
    runs = gs.laws.read(FILES / f"run-directory-{version}").runs
    assert len(runs) == 4
    for run in runs:
        assert len(run.loss) == 20


def test_a_run_directory_goes_on_where_its_format_is_the_present_one(tmp_path, capsys, monkeypatch):
    out = shutil.copytree(FILES / "run-directory-2", tmp_path / "out")
    finished = {path.name: path.read_bytes() for path in (out / "finished").iterdir()}
    monkeypatch.chdir(tmp_path)
    shutil.copy(FILES / "job.py", tmp_path)
    arguments = ["race", "job.py:job", "--steps", "20", "--peaks", "0.1,0.3", "--schedules", "linear", "--out", "out"]
    monkeypatch.setattr("sys.argv", ["glideslope", *arguments, "--resume", "--accept-changes"])
    with contextlib.suppress(SystemExit):
        main()
    assert "Train with constant() at a peak of 0.3" in capsys.readouterr().out
    results = {path.name[-20:]: json.loads(path.read_text())["result"] for path in (out / "finished").iterdir()}
    assert results == {name[-20:]: json.loads(content)["result"] for name, content in finished.items()}
