"""The tables of docs/how-to/migrate.md: each line of ours has the rates of theirs."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import glideslope as gs

PAGE = (Path(__file__).parents[2] / "docs/how-to/migrate.md").read_text()
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
STEPS = 100


def rows(section):
    """(theirs, ours) of each row whose cells begin with code."""
    return re.findall(r"^\| `(.*?)`[^|]*\| `(.*?)`[^|]*\|$", SECTIONS[section], re.MULTILINE)


def torch_rates(scheduler, optimizer, steps):
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(rates)


def sgd():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)


def theirs_in_torch(code, names, steps):
    optimizer = sgd()
    return torch_rates(eval(code, {**names, "optimizer": optimizer}), optimizer, steps)


OF_TORCH = [row for row in rows("torch") if "(optimizer, " in row[0]
            and not re.match("Lambda|Sequential|ReduceLR", row[0])]  # fmt: skip
OF_TRANSFORMERS = [row for row in rows("transformers") if row[0].startswith("get_") and "…" not in row[1]]


def test_most_rows_are_compared():
    assert (len(OF_TORCH), len(OF_TRANSFORMERS)) == (10, 8)


@pytest.mark.parametrize(("theirs", "ours"), OF_TORCH, ids=lambda cell: cell.partition("(")[0])
@pytest.mark.filterwarnings("ignore")
def test_torch(theirs, ours):
    expected = theirs_in_torch(theirs, vars(torch.optim.lr_scheduler), STEPS)
    # torch ends each phase of one-cycle an update early: docs/parity.md
    tolerance = 5e-3 if theirs.startswith("OneCycle") else 1e-12
    np.testing.assert_allclose(0.1 * gs.parse(ours).within(STEPS)(np.arange(STEPS)), expected, atol=tolerance)


@pytest.mark.parametrize(("theirs", "ours"), OF_TRANSFORMERS, ids=lambda cell: cell.partition("(")[0])
@pytest.mark.filterwarnings("ignore")
def test_transformers(theirs, ours):
    transformers = pytest.importorskip("transformers")
    expected = theirs_in_torch(theirs, vars(transformers.optimization), 10_000)
    np.testing.assert_allclose(0.1 * gs.parse(ours).within(10_000)(np.arange(10_000)), expected, atol=1e-12)


def test_the_trainer_s_arguments():
    transformers = pytest.importorskip("transformers")
    ((theirs, _),) = (row for row in rows("transformers") if row[0].startswith("TrainingArguments"))
    arguments = eval(theirs, {"TrainingArguments": transformers.TrainingArguments})
    assert arguments.get_warmup_steps(10_000) == 500


OF_OPTAX = [row for row in rows("Optax") if "_schedule(" in row[0] or "_decay(" in row[0]]


@pytest.mark.parametrize(
    ("theirs", "ours"), [row for row in OF_OPTAX if not re.search(r"\(v\)|\.\.\.|a, b", row[0])],
    ids=lambda cell: cell.partition("(")[0],
)  # fmt: skip
def test_optax(theirs, ours):
    optax = pytest.importorskip("optax")
    schedule = eval(theirs, {**vars(optax)})
    at = np.arange(0, 10_000, 97)
    expected = np.array([float(schedule(int(t))) for t in at])
    np.testing.assert_allclose(eval(ours, {"gs": gs})(at), expected, atol=1e-7)


OF_KERAS = [row for row in rows("Keras") if re.match(r"\w+Decay\(", row[0])]


@pytest.mark.slow
@pytest.mark.parametrize(("theirs", "ours"), OF_KERAS, ids=lambda cell: cell.partition("(")[0])
def test_keras(theirs, ours):
    keras = pytest.importorskip("keras")
    schedule = eval(theirs, {**vars(keras.optimizers.schedules)})
    at = np.arange(0, 10_000, 97)
    expected = np.array([float(schedule(int(t))) for t in at])
    value = eval(ours, {"gs": gs}) if "gs." in ours else gs.parse(ours)
    if "gs." not in ours:
        value = 0.1 * value.within(10_000)
    np.testing.assert_allclose([float(value(int(t))) for t in at], expected, atol=1e-7)


def test_every_name_of_ours_exists():
    for name in set(re.findall(r"`gs\.([\w.]+)", PAGE)) - {"from_"}:
        value = gs
        for part in name.split("."):
            value = getattr(value, part)


TEXTS = {ours for section in SECTIONS for _, ours in rows(section) if re.match(r"[a-z_]{2,}(\(|$| [>*])", ours)
         and "…" not in ours and "..." not in ours and not re.match(r"callbacks|return|a ", ours)}  # fmt: skip


@pytest.mark.parametrize("text", sorted(TEXTS))
def test_every_text_of_ours_is_read(text):
    gs.parse(text)
