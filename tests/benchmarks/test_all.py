"""Every figure of docs/figures.md has a script that is run again, and a number that is compared."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import all as everything  # noqa: E402
import claims  # noqa: E402

FIGURES = claims.FIGURES.read_text()


def test_every_script_of_the_figures_is_run():
    known = {script.name for script in claims.SCRIPTS}
    assert claims.scripts_of_figures() - {"search/odds"} <= known
    assert all((ROOT / f"benchmarks/{name}.py").exists() for name in known)


@pytest.mark.parametrize(
    "row", re.findall(r"^\|.*`benchmarks/[\w/]+\.py` \|$", FIGURES, re.M), ids=lambda row: row[2:42]
)
def test_each_row_has_a_claim_of_its_script(row):
    name = re.search(r"`benchmarks/([\w/]+)\.py`", row)[1]
    [script] = [script for script in claims.SCRIPTS if script.name == name]
    assert [claim for claim in script.claims if claim.claimed(row) is not None]


@pytest.mark.parametrize(
    "claim", [claim for script in claims.SCRIPTS for claim in script.claims], ids=lambda claim: claim.row[:40]
)
def test_a_claim_has_a_number_in_the_figures(claim):
    assert claim.claimed(FIGURES) is not None


@pytest.mark.parametrize(
    ("rule", "claimed", "good", "bad"),
    [(claims.near(0.05), 100, 104, 106), (claims.at_most(2), 10, 20, 21), (claims.at_least(0.5), 10, 5, 4)],
)
def test_a_rule_holds_up_to_its_bound(rule, claimed, good, bad):
    assert rule(claimed, good)
    assert not rule(claimed, bad)


def test_a_number_that_the_output_lacks_does_not_hold():
    script = next(script for script in claims.SCRIPTS if script.name == "imports")
    [first, second] = everything.compare(script, "import glideslope / import numpy: 99 (wanted: at most 1.3)")
    assert (first["measured"], first["holds"]) == (99, False)
    assert (second["measured"], second["holds"]) == (None, False)


def test_a_run_is_kept_with_its_circumstances(tmp_path, monkeypatch):
    monkeypatch.setattr(everything, "ROOT", tmp_path)
    (tmp_path / "benchmarks").mkdir()
    lines = ["import glideslope / import numpy: 1.1", "glideslope --help: 0.2 s"]
    (tmp_path / "benchmarks/imports.py").write_text(f"print({chr(10).join(lines)!r})")
    script = next(script for script in claims.SCRIPTS if script.name == "imports")
    result = json.loads(json.dumps(everything.run(script, (), compared=True)))
    assert [claim["holds"] for claim in result["claims"]] == [True, True]
    assert result["machine"]["cores"] >= 1
    assert result["versions"]["numpy"]
    assert result["status"] == 0


def test_a_script_that_fails_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(everything, "ROOT", tmp_path)
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks/imports.py").write_text("raise ValueError('why')")
    script = next(script for script in claims.SCRIPTS if script.name == "imports")
    result = everything.run(script, (), compared=True)
    assert result["status"] == 1
    assert "ValueError: why" in result["error"]


def test_an_unknown_script_is_refused():
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks/all.py"), "--only", "nothing"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "unknown: nothing" in done.stderr


@pytest.mark.slow
def test_the_benchmark_of_a_gpu_runs_in_small_on_a_cpu(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks/gpu.py"), "--small", "--out", str(tmp_path / "gpu.json")],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "gpu.json").read_text())
    assert result["small"]
    assert "skipped" in result["parts"]["cuda_graph"]
    assert result["parts"]["state"]["losses_differ_by"] == [0.0, 0.0, 0.0]
    assert result["parts"]["compiled"]["recompilations"] == 0
    assert result["parts"]["compiled"]["compiled_optimizer"]["recompilations"] == 0
    assert set(result["parts"]["reads"]["waits"].values()) == {0}
