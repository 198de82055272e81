"""What training scripts print: lines with a step and its measurements."""

from __future__ import annotations

import re

from glideslope.laws.logs.json_text import object_of
from glideslope.laws.logs.names import normal, phase, ranked, role
from glideslope.laws.logs.source import Labels, Source
from glideslope.laws.logs.table import Format, Row, Table, of_rows

NUMBER = r"[-+]?(?:\d+(?:,\d+)*\.?\d*(?:[eE][-+]?\d+)?|\.\d+|(?i:nan|inf)\b)"  # a number, as scripts print it
_WORD = r"(?!(?i:nan|inf)\b)[A-Za-z_][\w./-]*"
_NAME = rf"(?<![\w./-]){_WORD}(?: (?:{_WORD}|\([\w ]*\)))*"
_PAIR = re.compile(rf"({_NAME})\s*(?:[:= ]\s*\[?|\[)\s*({NUMBER})(?![\w%])|(?<![\w./-])({_WORD})[:=]({NUMBER})(?!%)")
_LONGEST = 4000  # a longer line is no measurement that a script printed
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+")
_KIND = re.compile(r"(?<![\w/.])(?:val|valid|validat(?:ion|e|ing)|eval|evaluat(?:ion|e|ing)|test|dev)\b", re.IGNORECASE)
_COUNTER = re.compile(
    r"\bIter\(train\)\s*\[\s*(\d+)/\d+\]|^(?!Epoch).*\|\s*(\d+)/\d+ \[\d+:\d\d|logging_writer\.py:\d+\] \[(\d+)\]"
)
"""The counter of mmengine, of tqdm where it doesn't count the batches of an epoch, and of CLU."""
_EPOCH = re.compile(r"\bTrain(?:ing)?:?\s*\[?(\d+)(?:/\d+)?\]?\s*\[\s*(?=\d+/\d)", re.IGNORECASE)
"""The epoch before the place in it, as timm and Swin print them: `Train: 0 [ 10/100`, `Train: [0/300][10/100]`."""
_OF_EPOCHS = re.compile(r"\bepochs?\b\W*\d+\s*/\s*\d+|\bTrain(?:ing)?:\s*\[\d+/\d+\]", re.IGNORECASE)
_PLACE = re.compile(
    r"(?:[\[|]|\b(?:step|iter|iteration|batch|it)s?\b[\s:#=]*\[?)\s*(\d+)\s*/\s*(\d+)(\s*\(\s*[\d.]+%\))?(?![\w/.])",
    re.IGNORECASE,
)
"""The place in an epoch: `[10/100]`, `| 10/100`, `Step 10/100`."""
_TENSOR = re.compile(r"\b(?:tensor|Array|array)\(\s*([-+\d.eE]+)\s*(?:,[^()]*)?\)")
_OF_STEP = re.compile(r"^(?:(?:info|debug|warning|at|the|now)\s)+", re.IGNORECASE)


def lines_of(source: Source) -> list[str]:
    """The lines of a text, without the colours of a terminal."""
    return [_TENSOR.sub(r"\1", _COLOURS.sub("", line)).strip() for line in source.lines]


def pairs(line: str) -> dict[str, str]:
    """The numbers in a line by the names before them.

    >>> pairs("step 100/200 | train loss 3.25 | lr 3.0e-04")
    {'step': '100', 'train loss': '3.25', 'lr': '3.0e-04'}
    """
    values: dict[str, str] = {}
    for name, value, name_after, value_after in _PAIR.findall(line) if len(line) <= _LONGEST else ():
        values.setdefault(_OF_STEP.sub("", name or name_after), value or value_after)
    return values


def of_pairs(line: str, values: Row, labels: Labels) -> Row | None:
    """The row of a line; None if it has no step with a measurement beside it. A script names the step anew in each kind
    of line, so that no column has it in all of them: here it is "step". A line of a validation, whose loss is called as
    that of the training, has a loss "val …"."""
    if labels.step:
        return values if any(map(labels.is_step, values)) and len(values) > 1 else None
    steps = ranked(values, "step") or [name for name in values if phase(name) and role(_without_phase(name)) == "step"]
    if not steps and not ranked(values, "epoch"):
        return None
    row = {name: value for name, value in values.items() if role(name) != "step" and name not in steps}
    if not any(role(name) not in ("epoch", None) or labels.measures(name) for name in row):
        return None
    if steps:
        step = str(values[steps[0]])
        row = {"step": step.replace(",", "") if _THOUSANDS.fullmatch(step) else step} | row
    if _is_validation(line, values):
        row = {f"val {name}" if role(name) == "training" and not phase(name) else name: row[name] for name in row}
    return row


def _is_validation(line: str, values: Row) -> bool:
    """Whether a line says by a word outside the names of its losses that it is of a validation."""
    for name in values:
        if role(name) in ("validation", "final") or (phase(name) == "val" and role(_without_phase(name)) != "step"):
            line = line.replace(name, "", 1)
    return bool(_KIND.search(line))


def _without_phase(name: str) -> str:
    return " ".join(word for word in normal(name).split("_") if not phase(word))


def _row(line: str, labels: Labels) -> Row | None:
    if "{" in line and line.endswith("}") and (entry := object_of(line[line.index("{") :])):
        line = line[: line.index("{")]
        return of_pairs(line, pairs(line) | entry, labels)
    values: Row = dict(pairs(line))
    if not ranked(values, "step", "epoch") and (counter := _COUNTER.search(line)):
        values = {"step": next(filter(None, counter.groups()))} | values
    if not ranked(values, "epoch") and (epoch := _EPOCH.search(line)):
        values |= {"epoch": epoch[1]}
    row = of_pairs(line, values, labels)
    return row | _place(line, row) if row and ranked(row, "epoch") and not _is_validation(line, values) else row


def _place(line: str, row: Row) -> Row:
    """The place in its epoch that a line says, of how many: 10/100; that of torch's examples may count examples."""
    for place, total, share in _PLACE.findall(_OF_EPOCHS.sub("", line)):
        if int(place) <= int(total) and row.get("step", place) == place:
            examples = share and "epoch" in line.lower()
            return {"step" if "step" in row else "part" if examples else "batch": f"{place}/{total}"}
    return {}


def _tables(source: Source) -> list[Table] | None:
    rows = [row for line in lines_of(source) if (row := _row(line, source.labels))]
    return [of_rows(rows)] if rows else None


FORMAT = Format("lines such as `step 100 | loss 3.21 | lr 3e-4`", _tables)
