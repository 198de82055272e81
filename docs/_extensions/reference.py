"""The reference: a page for each public module, with every public name, from its docstring."""

from __future__ import annotations

import inspect
import os
from types import ModuleType
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import benchmark_results

import glideslope as gs

TITLES = {
    "glideslope": "Schedules, searches and conversions",
    "glideslope.layers": "A multiplier for each layer",
    "glideslope.batches": "Batch growth and noise scale",
    "glideslope.laws": "Laws of the loss",
    "glideslope.ray": "Ray",
    "glideslope.optuna": "Optuna",
    "glideslope.torch": "torch",
    "glideslope.jax": "JAX and Optax",
    "glideslope.keras": "Keras",
    "glideslope.lightning": "Lightning",
    "glideslope.transformers": "Transformers",
    "glideslope.accelerate": "Accelerate",
}
NEXT = (
    "Next: [how-to](../how-to/index.md) shows these names at work; "
    "[schedules](../gallery/index.rst) has a picture of each."
)


def public_modules() -> list[str]:
    """The modules whose names are public: the package, and what it offers under a name of its own."""
    parts = [name for name in gs.__all__ if hasattr(getattr(gs, name), "__all__")]
    return ["glideslope", *[f"glideslope.{name}" for name in (*sorted(parts), *sorted(gs._FRAMEWORKS))]]


def pages() -> dict[str, str]:
    modules = public_modules()
    index = "\n".join(f"{page_name(module)}" for module in modules)
    files = {
        "index.md": f"# Reference\n\nEvery [public name](../public.md), from its docstring.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{index}\nbenchmarks\n```\n\n{NEXT}\n"
    }
    files["benchmarks.md"] = benchmark_results.page()
    documented: dict[int, str] = {}
    for module in modules:
        files[f"{page_name(module)}.md"] = _page(module, documented)
    return files


def page_name(module: str) -> str:
    return module.replace(".", "-")


def module_of(name: str) -> ModuleType:
    return gs if name == "glideslope" else getattr(gs, name.partition(".")[2])


def _page(name: str, documented: dict[int, str]) -> str:
    module = module_of(name)
    title = f"`{name}`: {TITLES.get(name, name)}"
    parts = [f"# {title}\n", inspect.getdoc(module) or "", "\n"]
    for public in sorted(module.__all__, key=str.lower):
        value = getattr(module, public)
        first = documented.setdefault(id(value), f"{name}.{public}")
        text = _documented(name, public, value) if first == f"{name}.{public}" else _the_same(name, public, first)
        parts.append(f"## {public}\n\n{text}\n")
    return "\n".join([*parts, NEXT, ""])


def _documented(module: str, public: str, value: Any) -> str:
    if f"{module}.{public}" in public_modules():
        return f"A module: [its own page]({page_name(f'{module}.{public}')}.md)."
    if isinstance(value, ModuleType):
        return f"A module. {inspect.getdoc(value) or ''}"
    kind = "autoclass" if inspect.isclass(value) else "autofunction" if callable(value) else "autodata"
    options = "\n   :members:\n   :show-inheritance:" if kind == "autoclass" else ""
    return f"```{{eval-rst}}\n.. {kind}:: {module}.{public}{options}\n```\n"


def _the_same(module: str, public: str, first: str) -> str:
    """A second public name of a class, for the index and the search."""
    kind = "py:class" if inspect.isclass(getattr(module_of(module), public)) else "py:function"
    return f"```{{eval-rst}}\n.. {kind}:: {module}.{public}\n\n   The same as :py:obj:`{first}`.\n```\n"
