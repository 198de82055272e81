"""The README and the help of each command, as a reader pastes them from a fresh clone."""

import contextlib
import io
import math
import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import glideslope as gs
from glideslope.cli import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TRAINS = ("find", "race", "tune")
"""Commands that train, so that their tests take long."""
BUILT = ("gallery/", "reference/")
"""Pages that `make docs` writes; its build fails where a link to one leads nowhere."""
LONG = ("forecast",)
"""Commands whose least example has no room in a narrow terminal."""


def blocks(text):
    """The indented blocks."""
    return [textwrap.dedent(block).strip("\n") for block in re.findall(r"(?:^|\n\n)((?:    .*(?:\n|$))+)", text)]


COMMANDS = [line.split("   ")[0] for block in blocks(README) for line in block.split("\n")
            if re.match(r"(glideslope|make|pip) ", line)]  # fmt: skip
OURS = [line for line in COMMANDS if line.startswith("glideslope ")]
HELPS = {name: command for command in app.registered_commands
         for name in [command.name or command.callback.__name__]}  # fmt: skip


def slow(commands):
    return [pytest.param(line, marks=pytest.mark.slow if line.split()[1] in TRAINS else ()) for line in commands]


@pytest.fixture(scope="session")
def clone(tmp_path_factory):
    """What is in the repository, and nothing else."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not in a repository")
    folder = tmp_path_factory.mktemp("clone")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "benchmarks/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def paste(folder, line):
    """Runs a line in a shell, as it is pasted; returns what it prints."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(line, shell=True, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{line}: {done.stderr[-2000:]}"
    return done.stdout


def test_it_is_short_and_begins_with_the_install():
    assert len(README.split("\n")) < 150
    sections = re.findall(r"^## (.*)", README, re.MULTILINE)
    assert sections == ["Install", "Replace my scheduler", "Which rate?", "What will the loss be?", "More"]
    assert [line.split()[0] for line in COMMANDS[:3]] == ["pip", "make", "make"]
    assert len(re.findall(r"!\[", README)) == 1


def test_what_is_installed_exists():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    [line] = [line for line in COMMANDS if line.startswith("pip ")]
    install = re.fullmatch(r'pip install -c (\S+) -e "\.\[(.*)\]"', line)
    assert (ROOT / install[1]).is_file()
    others = re.split(r",\s+", re.search(r"Other extras: ([^.]*)\.", README)[1].replace("`", ""))
    assert set(install[2].split(",")) | set(others) == set(extras) - {"dev", "docs"}


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("make ")])
def test_what_is_made_is_a_target(line, clone):
    assert line.split()[1] in re.findall(r"^(\S+): ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert "pytest" in paste(clone, f"{line} -n") or line == "make demo"


@pytest.mark.slow
def test_the_demo_tunes(clone):
    [line] = [line for line in paste(clone, "make demo -n").split("\n") if "/glideslope " in line]
    said = paste(clone, line.replace(".venv/bin/", ""))
    assert "Report: " in said


@pytest.mark.parametrize("line", slow(OURS))
def test_a_command_works_as_pasted(line, clone):
    if "law.json" in line and " fit " not in line and not (clone / "law.json").exists():
        paste(clone, next(fit for fit in OURS if " fit " in fit))
    said = paste(clone, line)
    if "law.json" in line:  # its last line stands in the README
        begin = {"fit": "Ends of runs are", "predict": "warmup(150) >> cosine at", "design": "Within"}[line.split()[1]]
        printed, expected = (
            next(row for row in text.split("\n") if row.strip().startswith(begin)) for text in (said, README)
        )
        assert numbers(printed) == pytest.approx(numbers(expected), rel=1e-2)

    if line.startswith("glideslope find"):
        for begin in ("Peak to try: ", "How sure: ", "Confirm with: "):
            assert begin in said
            assert f"    {begin}" in README


def numbers(text):
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", text)]


def test_the_program_prints_what_stands_below_it():
    [program, printed] = re.search(r"```python\n(.*?)```\n\nprints\n\n((?:    [^\n]*\n)+)", README, re.DOTALL).groups()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(program, {})
    assert said.getvalue() == textwrap.dedent(printed)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in TRAINS else ()) for name in HELPS]
)
def test_the_help_begins_with_an_example_that_works(name, clone):
    lines = [line.strip() for line in paste(clone, f"glideslope {name} --help").split("\n") if line.strip()]
    assert lines[0].startswith("Usage: ")
    example = re.fullmatch(rf"Example: (glideslope {name}\b.*)", lines[1])[1]
    assert len(lines[1]) < 79 or name in LONG  # so that a narrow terminal doesn't break it
    if name == "stop":  # which needs a search that runs: tests/test_cli_status.py has one
        assert re.fullmatch(r"glideslope stop runs/\S+", example)
        return
    paste(clone, example)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name if page.parent.name == "docs" else "README")
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        file, _, anchor = target.partition("#")
        if file.startswith("http"):
            continue
        if file.startswith(BUILT):
            continue
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), f"{page.name}: {target}"
        if anchor:
            titles = re.findall(r"^#+ (.*)", linked.read_text(), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles], target


def test_each_page_is_in_the_index():
    index = (ROOT / "docs/README.md").read_text()
    linked = set(re.findall(r"\]\((\w[\w-]*\.md)\)", index))
    assert linked == {page.name for page in PAGES[1:]} - {"README.md", "index.md"}
    assert "docs/README.md" in README


MIGRATIONS = {re.search(r"(\w+)\(", row[0])[1]: row for row in re.findall(
    r"^\| (`[\w.]+\(.*?) \| (`.*?) \|$", README, re.MULTILINE)}  # fmt: skip
AT = np.arange(0, 10_000, 7)


def code(cell):
    return re.search(r"`([^`]*)`", cell)[1]


def sgd():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)


def rates(scheduler, optimizer, metrics=None):
    """The rates of a torch scheduler, at the updates of AT, over the rate that it began with or its largest."""
    rates = []
    for step in range(10_000 if metrics is None else len(metrics)):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if metrics is None:
            scheduler.step()
        elif isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            scheduler.step(metrics[step])
        else:
            scheduler.step()
            scheduler.measure(metrics[step])
    return np.array(rates)[AT] if metrics is None else np.array(rates)


def ours(name, **names):
    optimizer = sgd()
    value = eval(code(MIGRATIONS[name][1]), {"gs": gs, "optimizer": optimizer, **names})
    return value, optimizer


def theirs(name, **names):
    optimizer = sgd()
    return eval(code(MIGRATIONS[name][0]), {"torch": torch, "optimizer": optimizer, **names}), optimizer


def test_the_table_has_each_library():
    assert set(MIGRATIONS) == {
        "get_cosine_schedule_with_warmup", "OneCycleLR", "ReduceLROnPlateau", "CosineAnnealingWarmRestarts",
        "warmup_cosine_decay_schedule", "CosineDecay", "CosineLRScheduler",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["get_cosine_schedule_with_warmup", "CosineAnnealingWarmRestarts", "OneCycleLR"])
@pytest.mark.filterwarnings("ignore")
def test_a_torch_scheduler_is_replaced_by_the_same_rates(name):
    names = {}
    if name.startswith("get_"):
        names["transformers"] = pytest.importorskip("transformers")
    expected = rates(*theirs(name, **names))
    value, optimizer = ours(name)
    # torch ends each phase of one-cycle an update early: docs/parity.md
    np.testing.assert_allclose(rates(value, optimizer), expected, atol=1e-4 if name == "OneCycleLR" else 1e-12)


def test_the_plateau_is_replaced_by_the_same_rates():
    metrics = [1.0, 0.9, *[0.9] * 7, 0.8, *[0.85] * 9]
    expected = rates(*theirs("ReduceLROnPlateau"), metrics)
    np.testing.assert_allclose(rates(*ours("ReduceLROnPlateau"), metrics), expected, rtol=1e-12)
    assert expected[-1] < expected[0]


def test_the_schedule_of_optax_is_replaced_by_the_same_rates():
    optax = pytest.importorskip("optax")
    expected = np.array([float(theirs("warmup_cosine_decay_schedule", optax=optax)[0](t)) for t in AT[::20]])
    np.testing.assert_allclose(ours("warmup_cosine_decay_schedule")[0](AT[::20]), expected, atol=3e-10)


def test_the_schedule_of_keras_is_replaced_by_the_same_rates():
    keras = pytest.importorskip("keras")
    expected = np.array([float(theirs("CosineDecay", keras=keras)[0](int(t))) for t in AT[::20]])
    np.testing.assert_allclose(ours("CosineDecay")[0](AT[::20]), expected, atol=3e-10)


def test_the_scheduler_of_timm_is_replaced_by_its_formula():
    """timm's _get_lr: a line over warmup_t, then, with the prefix, a cosine over t_initial."""
    settings = {}

    def scheduler(optimizer, **given):
        settings.update(given, lr=optimizer.param_groups[0]["lr"])

    timm = SimpleNamespace(scheduler=SimpleNamespace(CosineLRScheduler=scheduler))
    theirs("CosineLRScheduler", timm=timm)
    warmup, length, peak = settings["warmup_t"], settings["t_initial"], settings["lr"]
    assert settings["warmup_prefix"]
    part = [t / warmup if t < warmup else (1 + math.cos(math.pi * (t - warmup) / length)) / 2 for t in AT]
    expected = peak * np.array(part)
    np.testing.assert_allclose(rates(*ours("CosineLRScheduler")), expected, atol=1e-12)
