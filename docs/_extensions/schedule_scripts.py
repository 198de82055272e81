"""A script of the gallery for each schedule: its picture, formula, source, use, and the same in other libraries."""

from __future__ import annotations

import inspect
import re

from uses import USES

import glideslope as gs
from glideslope.schedules.names import NAMES
from glideslope.views.gallery import EXAMPLES, STEPS

PEAK = 0.1
LIBRARIES = {"torch": "torch", "optax": "Optax", "keras": "Keras"}
MOST_LINES = 40
"""Lines of another library's code that are shown; a table is longer."""
HEADER = """Schedules
=========

Every schedule with its picture, formula and source, when it is used, and the same in torch, Optax and Keras. The
formulas are those of the docstrings: `t` is the number of updates made, and the factor is of the peak rate.

Next: press a picture, or :doc:`replace your scheduler </start/replace>`.
"""


def scripts() -> dict[str, str]:
    if NAMES.keys() != USES.keys():
        raise ValueError(f"give a use to each schedule and no other: {sorted(NAMES.keys() ^ USES.keys())}")
    return {"GALLERY_HEADER.rst": HEADER, **{f"schedule_{name}.py": _script(name) for name in sorted(NAMES)}}


def _script(name: str) -> str:
    text = inspect.getdoc(NAMES[name]) or ""
    example = EXAMPLES.get(name, f"{name}()")
    formula, _, rest = text.partition("\n")
    explained = [part for part in rest.split("\n\n") if not re.match(r"\s*(Args|Raises|Source|>>>)", part)]
    source = re.search(r"^Source: (.*)$", text, re.MULTILINE)
    lines = [
        f'r"""\n{name}\n{"=" * len(name)}\n\n{formula}\n',
        *[f"{part.strip()}\n" for part in explained if part.strip()],
        f"**Used for:** {USES[name]}.\n",
        *([f"**Source:** {source[1]}\n"] if source else []),
        f"**As text:** ``{example}``\n",
        '"""\n',
        "import glideslope as gs\n",
        f'schedule = gs.parse("{example}")',
        f"figure = schedule.plot({STEPS})",
        "figure.set_size_inches(6.4, 2.8)\n",
    ]
    for library, title in LIBRARIES.items():
        lines.append(_same_in(example, library, title))
    lines.append(_comment(
        f"Next\n----\n\nArguments and their defaults: :py:func:`glideslope.{name}`. To replace a scheduler by "
        "it: :doc:`/start/replace`."
    ))  # fmt: skip
    return "\n".join(lines)


def _same_in(example: str, library: str, title: str) -> str:
    code = gs.export(gs.parse(example), STEPS, PEAK, library).rstrip("\n").split("\n")
    command = f'glideslope convert "{example}" --steps {STEPS} --peak {PEAK} --to {library}'
    shown = [line if len(line) < 160 else f"{line[:150]} …" for line in code[:MOST_LINES]]
    shown += ["# …"] * (len(code) > MOST_LINES)
    body = "\n".join(f"    {line}" if line else "" for line in shown)
    return _comment(f"{title}\n{'-' * len(title)}\n\nAs ``{command}`` writes it:\n\n.. code-block:: python\n\n{body}\n")


def _comment(text: str) -> str:
    return "# %%\n" + "\n".join(f"# {line}".rstrip() for line in text.split("\n")) + "\n"
