"""What is public, and which private names of other libraries are used."""

import ast
import importlib
import importlib.metadata
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import torch

import glideslope as gs
from glideslope.frameworks.keras import private as of_keras
from glideslope.frameworks.torch import private as of_torch

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "glideslope"
PUBLIC = dict(
    re.findall(r"^## `([\w.]+)`\n(.*?)(?=^## |\Z)", (ROOT / "docs" / "public.md").read_text(), re.DOTALL | re.MULTILINE)
)
KNOWN = {name for table in (of_torch.ATTRIBUTES, of_keras.ATTRIBUTES) for names in table.values() for name in names}
OF_PYTHON = {"_exit", "_fields", "_getframe", "_inheriting"}


@pytest.mark.parametrize("module", PUBLIC)
def test_the_list_of_public_names_is_that_of_the_module(module):
    alias = importlib.import_module("glideslope") if module == "glideslope" else getattr(gs, module.split(".")[1])
    assert set(re.findall(r"`(\w+)`", PUBLIC[module])) == set(alias.__all__)
    assert all(getattr(alias, name) is not None for name in alias.__all__)


def test_every_module_that_a_user_may_touch_is_in_the_list():
    modules = {f"glideslope.{name}" for name in gs._FRAMEWORKS} | {"glideslope", "glideslope.laws"}
    assert {*modules, "glideslope.layers", "glideslope.batches"} == set(PUBLIC)


def test_dir_has_public_names_only():
    assert {name for name in dir(gs) if name.startswith("_")} == {"__version__"}
    assert set(dir(gs)) == {*gs.__all__, *gs._FRAMEWORKS, "__version__"}


def test_the_version_is_that_of_the_package():
    assert importlib.metadata.version("glideslope") == gs.__version__


def test_type_checkers_find_the_types():
    assert (SOURCE / "py.typed").exists()


def _private_names():
    """(file, name) of each private name that is read of something else than `self`, or asked for by its text."""
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and not (
                isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            ):
                name = node.attr
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "hasattr"):
                name = node.args[1].value if isinstance(node.args[1], ast.Constant) else ""
            elif isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith("glideslope"):
                yield from ((file.name, alias.name) for alias in node.names if re.match(r"_[a-z]", alias.name))
                continue
            else:
                continue
            if re.match(r"_[a-z]", name):
                yield file.name, name


def _defined_here():
    """The private names that this package gives to its classes and modules itself."""
    names = {"_rate_multipliers"}  # written to another library's optimizer
    for file in SOURCE.rglob("*.py"):
        text = file.read_text()
        names |= set(re.findall(r"self\.(_[a-z]\w*)(?:: [^=\n]+)? =", text))
        names |= set(re.findall(r"(?:def|class) (_[a-z]\w*)", text))
        names |= set(re.findall(r"^ +(_[a-z]\w*): ", text, re.MULTILINE))
    return names


def test_every_private_name_of_another_library_is_in_one_file():
    foreign = {(file, name) for file, name in _private_names() if name not in _defined_here() | KNOWN | OF_PYTHON}
    assert {file for file, _ in foreign} == {"private.py"}, foreign
    assert {name for _, name in foreign} == {f"_{name}" for name in of_torch.__all__ if name.startswith("foreach")}


def _torch_examples():
    import lightning
    import transformers
    from accelerate.state import GradientState

    scheduler = torch.optim.lr_scheduler
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    decay = scheduler.StepLR(optimizer, 3)
    return {
        "torch.Tensor": torch.eye(2).to_sparse(),
        "torch.optim.Optimizer": optimizer,
        "torch.optim.Adam(fused=True)": torch.optim.Adam(model.parameters(), fused=True),
        "torch.optim.lr_scheduler.LRScheduler": decay,
        "torch.optim.lr_scheduler.ChainedScheduler": scheduler.ChainedScheduler([decay]),
        "torch.optim.lr_scheduler.SequentialLR": scheduler.SequentialLR(
            optimizer, [decay, scheduler.StepLR(optimizer, 2)], [5]
        ),
        "torch.optim.lr_scheduler.CyclicLR": scheduler.CyclicLR(optimizer, 0.1, 1.0),
        "torch.optim.lr_scheduler.OneCycleLR": scheduler.OneCycleLR(optimizer, 1.0, 10),
        "torch.utils.data.DataLoader's iterator": iter(torch.utils.data.DataLoader([1])),
        "torch.compile": torch.compile(model),
        "lightning.LightningModule": lightning.LightningModule(),
        "accelerate.state.GradientState": GradientState(),
        "transformers.Trainer": transformers.Trainer,
    }


def _keras_examples():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    nadam = keras.optimizers.Nadam()
    nadam.build(model.trainable_variables)
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    return {
        "keras.optimizers.Optimizer": model.optimizer,
        "keras.optimizers.Nadam": nadam,
        "keras.optimizers.SGD on torch": model.optimizer,
        "keras.Model": model,
    }


@pytest.mark.parametrize(("table", "examples"), [(of_torch, _torch_examples), (of_keras, _keras_examples)])
def test_each_private_name_is_there(table, examples):
    objects = examples()
    assert objects.keys() == table.ATTRIBUTES.keys()
    on_torch = keras.config.backend() == "torch"
    missing = [
        (owner, name)
        for owner, names in table.ATTRIBUTES.items()
        for name in names
        if not hasattr(objects[owner], name) and (on_torch or owner != "keras.optimizers.SGD on torch")
    ]
    assert not missing, f"checked on {table.CHECKED_ON}"


def test_the_private_functions_of_torch_do_what_they_are_used_for():
    a, b = [torch.tensor([3.0, 4.0])], [torch.tensor([1.0, 1.0])]
    assert [norm.item() for norm in of_torch.foreach_norm(a)] == [5.0]
    of_torch.foreach_add_(a, b, alpha=2.0)
    of_torch.foreach_sub_(a, b)
    np.testing.assert_array_equal(a[0], [4.0, 5.0])
    of_torch.foreach_copy_(b, a)
    np.testing.assert_array_equal(b[0], [4.0, 5.0])


def test_the_ways_through_the_house_are_of_functions_that_call_one_another():
    ways = (ROOT / "docs/architecture.md").read_text().split("## ")[1:]
    assert len(ways) == 3
    for way in ways:
        places = re.findall(r"`([\w/]+\.py)`: `([\w.]+)`", way)
        trees = {file: ast.parse((SOURCE / file).read_text()) for file, _ in places}
        assert len(places) >= 6
        for file, name in places:
            names = {node.name for node in ast.walk(trees[file]) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
            assert set(name.split(".")) <= names, (file, name)
            callers = [
                other for other, tree in trees.items() if other != file and name.rpartition(".")[2] in _used(tree)
            ]
            called = {its.rpartition(".")[2] for other, its in places if other != file} & _used(trees[file])
            assert callers or called, (file, name)


def _used(tree):
    """The names and attributes that a module reads or imports."""
    nodes = list(ast.walk(tree))
    imported = {name.name for node in nodes if isinstance(node, ast.ImportFrom) for name in node.names}
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return imported | names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}
