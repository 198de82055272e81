"""What known training programs print, one reader each: llm.c, nanoGPT's descendants, Megatron-LM, fairseq, and those
that print a step, or an epoch, on one line and its measurements below it."""

from __future__ import annotations

import re

from glideslope.laws.logs.json_text import object_of
from glideslope.laws.logs.names import role
from glideslope.laws.logs.printed import NUMBER, lines_of, pairs
from glideslope.laws.logs.source import Source
from glideslope.laws.logs.table import Format, Row, Table, of_rows

_LLMC_LOGGED = re.compile(rf"s:(\d+)((?: +\w+:{NUMBER})+)")
_LLMC_PRINTED = re.compile(rf"step +(\d+)/\d+ \| (?:train )?loss:? ({NUMBER}).*?\| lr:? ({NUMBER})")
_LLMC_VALIDATION = re.compile(rf"val(?:idation)? loss:? ({NUMBER})")
_LLMC_NAMES = {"trl": "train loss", "tel": "val loss", "eval": "hellaswag"}


def _llmc(source: Source) -> list[Table] | None:
    """The main.log of llm.c, and what it prints."""
    rows: list[Row] = []
    step = 0
    for line in lines_of(source):
        if match := _LLMC_LOGGED.fullmatch(line):
            cells = dict(cell.split(":") for cell in match[2].split())
            rows.append({"step": match[1]} | {_LLMC_NAMES.get(name, name): value for name, value in cells.items()})
        elif match := _LLMC_PRINTED.match(line):
            step = int(match[1])
            rows.append({"step": step, "train loss": match[2], "lr": match[3]})
        elif match := _LLMC_VALIDATION.fullmatch(line):  # after the updates that were printed
            rows.append({"step": step, "val loss": match[1]})
    return [of_rows(rows)] if any("train loss" in row for row in rows) else None


_NANOGPT = "logs of nanoGPT, build-nanogpt and modded-nanogpt"
_MODDED_LINE = re.compile(r"step:(\d+)/\d+((?: [a-z_]+:\S+)+)$")
_MODDED_CELL = re.compile(rf"(train_loss|val_loss|loss|lr|learning_rate):({NUMBER})(?= |$)")
_BUILD_LINE = re.compile(rf"(\d+) (train|val) ({NUMBER})")


def _modded(source: Source) -> list[Table] | None:
    """The logs of modded-nanogpt, which begin with the source of the program."""
    matches = [match for line in lines_of(source) if (match := _MODDED_LINE.search(line))]
    rows = [{"step": match[1]} | dict(_MODDED_CELL.findall(match[2])) for match in matches]
    return [of_rows(rows)] if any(len(row) > 1 for row in rows) else None


def _build(source: Source) -> list[Table] | None:
    """The logs of build-nanogpt: `100 train 3.25`."""
    matches = [match for line in lines_of(source) if (match := _BUILD_LINE.fullmatch(line))]
    return [of_rows([{"step": match[1], f"{match[2]} loss": match[3]} for match in matches])] if matches else None


_MEGATRON_TRAINING = re.compile(r"^(?!.*\bglobal_step\b).*\biteration +(\d+)/ *\d+ \|(.*)")  # NeMo prints both
_MEGATRON_VALIDATION = re.compile(r"validation(?: loss)? at iteration (\d+)\b[^|]*\|(.*)")
_MEGATRON_CELL = re.compile(rf"\s*([^:|]+): *({NUMBER})\s*(?:\||$)")


def _megatron(source: Source) -> list[Table] | None:
    """What Megatron-LM and its relatives print."""
    rows: list[Row] = []
    for line in lines_of(source):
        for form, before in ((_MEGATRON_TRAINING, ""), (_MEGATRON_VALIDATION, "val ")):
            if match := form.search(line):
                cells = {name.strip(): value for name, value in _MEGATRON_CELL.findall(match[2])}
                rows.append({"step": match[1]} | {
                    before + name if role(name) == "training" else name: value
                    for name, value in cells.items() if role(name) not in (None, "step", "epoch")
                })  # fmt: skip
    return [of_rows(rows)] if any(len(row) > 1 for row in rows) else None


_FAIRSEQ_SIGN = re.compile(r"\|\s*(?:epoch\s+\d+|train_inner|train|valid)\s*[|:].*num_updates")
_FAIRSEQ_PAIR = re.compile(rf"([A-Za-z_]\w*)[= ]({NUMBER})(?=[,\s|]|$)")


def _fairseq(source: Source) -> list[Table] | None:
    """The logs of fairseq, in JSON and as text."""
    rows = [row for line in lines_of(source) if (row := _fairseq_row(line))]
    return [of_rows(rows)] if rows else None


def _fairseq_row(line: str) -> Row | None:
    """A line's row: of the updates within an epoch ("train_inner"), of a validation, or None, as of a whole epoch's."""
    if "num_updates" not in line or not _FAIRSEQ_SIGN.search(line):
        return None
    at = line.find("{")
    row = object_of(line[at:]) if at >= 0 and line.endswith("}") else dict(_FAIRSEQ_PAIR.findall(line))
    if row is None:
        return None
    validation = bool(re.search(r"\|\s*valid\b|valid on ", line))
    of_an_epoch = not validation and bool(re.search(r"\|\s*train\s*\||epoch \d+ \|", line))
    short = {re.sub(r"^(train|valid)_", "", name): value for name, value in row.items()}
    name = "val_loss" if validation else "train_loss_epoch" if of_an_epoch else "loss"
    kept = {"step": short.get("num_updates"), name: short.get("loss"), "lr": None if validation else short.get("lr")}
    return {name: value for name, value in kept.items() if value is not None}


_ABOVE = re.compile(r"\[(?:step|batch)=(\d+)(?:/\d+)?(?:,[^\]]*)?\]:?$|^Epoch (\d+)/\d+$")
_WHOLE = re.compile(r"(\d+)/\1(?=\s)")  # the end of an epoch in a bar of Keras: 100/100
_OF_EXAMPLES = re.compile(r"/sample\b|\d[uµ]s/step\b")
"""What says that a bar may count examples, as it did in Keras before batches."""


def _blocks(source: Source) -> list[Table] | None:
    """Measurements below a step, as OLMo and Composer print them, or below an epoch, as Keras does."""
    rows: list[Row] = []
    for line in lines_of(source):
        if match := _ABOVE.search(line):
            rows.append({"step": match[1]} if match[1] else {"epoch": match[2]})
        elif rows:
            measured = {name.removeprefix("Train "): value for name, value in pairs(line).items()}
            rows[-1] |= {name: value for name, value in measured.items() if source.labels.measures(name)}
            if "epoch" in rows[-1] and (whole := _WHOLE.match(line)):
                rows[-1]["part" if _OF_EXAMPLES.search(line) else "batch"] = whole[0]
    rows = [row for row in rows if len(row) > 1]
    return [of_rows(rows)] if rows else None


FORMATS = (
    Format(_NANOGPT, _modded), Format("logs of llm.c", _llmc), Format(_NANOGPT, _build),
    Format("logs of Megatron-LM", _megatron), Format("logs of fairseq", _fairseq),
    Format("lines below a step (OLMo, Composer) or an epoch (Keras)", _blocks),
)  # fmt: skip
"""In the order in which they are tried."""
