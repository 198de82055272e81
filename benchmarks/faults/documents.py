"""States, laws, schedules and logs from outside, damaged: read as they were written, or refused, or it is noted."""

from __future__ import annotations

import copy
import itertools
import json
import math
import random
import struct
import tempfile
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import glideslope as gs
from faults.tally import Kinds, seeded
from glideslope import laws
from glideslope.laws.form import NAMES

WORDS = (
    *gs.schedules.names.NAMES, *gs.schedules.names.FACTORS, *gs.schedules.text.METHODS, "max", "min", "duration",
    "start", "final", "shape", "sqrt", "ratio", "factor", "patience", "steps_per_epoch", "true", "none",
)  # fmt: skip
NUMBERS = (
    "0", "1", "-1", "0.5", "3", "10", "100", "1e3", "1e9", "1e16", "1e30", "1e31", "1e200", "1e308", "1e999", "1e-300",
    "5e-324", "0.1upd", "5%", "99.9%", "101%", "10ep", "1e6ex", "2e9tok", "7xyz", "9" * 400,
)  # fmt: skip
SIGNS = (">>", "(", ")", "[", "]", ",", "=", "*", "/", "+", ".", " ", "'", '"', "#", "\n", "é", "\0", "²")
TEXTS = (
    "warmup(5%) >> hold() >> cooldown(20%, shape=sqrt)", "0.5 * cosine(final=0.1).over(1000)",
    "max(linear(100), constant(0.3)) + 0.1 * step(30)", "cosine_restarts(10, stretch=2, ratio=0.9).clip(0.1, 0.8)",
    "interpolate([0, 10, 30], [0, 1, 0.5], between=cosine)", "piecewise([1, 0.5, 0.1], ['10%', '20%'])",
    "(warmup(10ep) >> exponential(50ep)).over(100ep, steps_per_epoch=430)", "plateau", "noam(100, width=100).delay(5)",
    "cosine * plateau(factor=0.5, patience=3) * greedy * guard(rest=20)", "linear * growth(base=32, largest=512)",
    "one_cycle().momentum(0.95, 0.85)", "chebyshev(64, ratio=20).repeat(3, stretch=2)", "linear(9).noise(0.5, seed=3)",
    "hold(10) >> (linear(5) >> step(3).lasting(30)).continued().reverse()",
)  # fmt: skip
PLACES = (0, 1, 7, 100, 10**6, 10**15)
"""Counts at which a schedule that was read has finite factors."""


def text(seed: int) -> str | None:
    """A text near one that is read, or of words at random: a value that is written and read again, or our error."""
    draw = random.Random(seed)
    source = _mutated(draw, draw.choice(TEXTS)) if draw.random() < 0.7 else _random_text(draw)
    try:
        value = gs.parse(source)
    except gs.GlideslopeError:
        return None
    try:
        if gs.parse(str(value)) != value:
            return f"{source!r} isn't read again from {value}"
        if seed % 10 == 0 and gs.from_json(gs.to_json(value)) != value:
            return f"{source!r} isn't read again from JSON"
    except gs.GlideslopeError as error:
        return f"{source!r}: {error}"
    return _finite(source, value) if seed % 10 == 0 else None


def _finite(source: str, value: Any) -> str | None:
    """What is wrong with the factors of a schedule, if it can be called."""
    if not isinstance(value, gs.Schedule):
        return None
    try:
        whole = value.within(1000)
        factors = [float(whole(t)) for t in PLACES]
    except gs.GlideslopeError:
        return None
    sound = all(0 <= factor <= 1e30 * (1 + 1e-9) for factor in factors)
    return None if sound else f"{source!r} has the factors {factors}"


def _mutated(draw: random.Random, source: str) -> str:
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(source) + 1)
        end = min(place + draw.choice((0, 0, 1, 1, 3, 10)), len(source))
        new = draw.choice(("", draw.choice(SIGNS), draw.choice(NUMBERS), draw.choice(WORDS), source[place:end] * 3))
        source = source[:place] + new + source[end:]
    return source


def _random_text(draw: random.Random) -> str:
    kinds = (WORDS, NUMBERS, SIGNS, SIGNS)
    tokens = [draw.choice(draw.choice(kinds)) for _ in range(draw.randint(0, 25))]
    if draw.random() < 0.02:
        tokens = tokens * 300
    return draw.choice(("", " ")).join(tokens)


ODD: tuple[Any, ...] = (
    None, True, "", "x", "nan", [], {}, [[]], [1], {"lr": 1}, -1, 0, 1, 2.5, 10**30, 10**400, -(10**30), math.nan,
    math.inf, -math.inf, 1e300, 1e-300, 3 + 4j, b"x", object(), (1, 2), {1: 2}, np.float32("nan"), np.array([1, 2]),
    np.int64(-3), torch.tensor(7), torch.tensor([1.0, 2.0]), torch.tensor(math.nan), 2**53 + 1, "cosine().over(7)",
    "plateau()",
)  # fmt: skip
UPDATES, HORIZON = 13, 40
PLANS: tuple[tuple[Any, dict[str, Any]], ...] = (
    ("cosine", {}),
    ("warmup(5) >> linear", {"weight_decay": "linear"}),
    ("linear * plateau(patience=1, factor=0.5)", {}),
    ("cosine * greedy(patience=1) * plateau(patience=2)", {"peak": 0.7}),
    (["linear", "cosine"], {"momentum": "constant(0.8)"}),
    ("step(6, ratio=0.5) * guard(every=5)", {}),
    ("constant(0.5)", {"betas": (None, "constant(0.9)")}),
)


def state(seed: int) -> str | None:
    """A scheduler's state, damaged: refused with nothing changed, or taken over with the rates of the right one."""
    draw = random.Random(seed)
    number = draw.randrange(len(PLANS))
    saved, right = _saved(number)
    changed = damaged(draw, copy.deepcopy(saved))
    rates, problem = _after(number, changed)
    if rates is None or np.allclose(rates, right, rtol=1e-6, atol=0):
        return problem
    return f"plan {number}, other rates: {changed!r}"


def old_state(seed: int) -> str | None:
    """A state without a checksum, as it was before, damaged: refused with nothing changed, or rates that can be."""
    draw = random.Random(seed)
    number = draw.randrange(len(PLANS))
    saved = copy.deepcopy(_saved(number)[0])
    del saved["checksum"]
    changed = damaged(draw, saved)
    rates, problem = _after(number, changed)
    if rates is None or (np.all(np.isfinite(rates)) and np.min(rates) >= 0):
        return problem
    return f"plan {number}, rates that can't be: {changed!r}"


_FRESH: dict[int, tuple[gs.torch.Scheduler, str]] = {}
"""Schedulers that have loaded nothing, by the number of their plan, and all that can be seen of them."""


def _after(number: int, damaged: Any) -> tuple[list[list[float]] | None, str | None]:
    """The rates after a state was loaded; None if it was refused, and what that changed."""
    if number not in _FRESH:
        new = _scheduler(number)
        _FRESH[number] = new, _observed(new)
    scheduler, before = _FRESH.pop(number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            scheduler.load_state_dict(damaged)
        except gs.ScheduleError:
            if _observed(scheduler) != before:
                return None, f"plan {number}: refused, and changed: {damaged!r}"
            _FRESH[number] = scheduler, before  # the next state may be damaged in another way
            return None, None
        return _rates(scheduler), None


def _scheduler(number: int) -> gs.torch.Scheduler:
    lr, options = PLANS[number]
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate} for rate in (0.1, 0.03)]
    return gs.torch.Scheduler(torch.optim.AdamW(groups), lr, steps=HORIZON, **options)


def _updated(scheduler: gs.torch.Scheduler) -> list[float]:
    for group in scheduler.optimizer.param_groups:
        for weight in group["params"]:
            weight.grad = torch.ones(1)
    before = [value for group in scheduler.optimizer.param_groups
              for value in (group["lr"], group["weight_decay"], *group["betas"])]  # fmt: skip
    scheduler.optimizer.step()
    scheduler.step()
    return before


def _rates(scheduler: gs.torch.Scheduler) -> list[list[float]]:
    """What a scheduler sets in the next updates, some of them after measurements."""
    values = []
    for loss in (1.0, 0.9, 0.95, 0.95, 0.97, 0.98):
        values.append(_updated(scheduler))
        if scheduler.feedbacks:
            scheduler.measure(loss)
    return values


@cache
def _saved(number: int) -> tuple[dict[str, Any], list[list[float]]]:
    scheduler = _scheduler(number)
    for i in range(UPDATES):
        _updated(scheduler)
        if scheduler.feedbacks and i % 3 == 0:
            scheduler.measure(1.0 + 0.1 * (i % 2))
    return copy.deepcopy(scheduler.state_dict()), _rates(scheduler)


def _observed(scheduler: gs.torch.Scheduler) -> str:
    """All that can be seen of a scheduler."""
    groups = [{key: value for key, value in group.items() if key != "params"} for group in
              scheduler.optimizer.param_groups]  # fmt: skip
    return repr((scheduler.state_dict(), scheduler.get_last_lr(), scheduler.base_lrs, scheduler.last_epoch, groups))


def damaged(draw: random.Random, saved: Any) -> Any:
    """A state with one or two parts changed; its checksum may be missing only where a right part takes its place."""
    if draw.random() < 0.02:
        return copy.deepcopy(draw.choice(ODD))
    for _ in range(draw.randint(1, 2)):
        holder, key = draw.choice(list(_parts(saved)))
        value = holder[key]
        is_number = isinstance(value, float | int) and not isinstance(value, bool) and -1e18 < value < 1e18
        way = draw.randrange(8)
        if way == 0 and key != "checksum":
            del holder[key]
        elif way == 1 and isinstance(holder, dict) and key != "checksum":
            holder[f"{key}x"] = holder.pop(key)
        elif way == 2 and isinstance(holder, list):
            holder.insert(draw.randrange(len(holder) + 1), copy.deepcopy(value))
        elif way == 3 and is_number:
            holder[key] = _flipped(draw, float(value))
        elif way == 4 and isinstance(value, str) and value:
            place = draw.randrange(len(value))
            holder[key] = value[:place] + chr(ord(value[place]) ^ 1 << draw.randrange(7)) + value[place + 1 :]
        elif way == 5 and is_number:
            holder[key] = draw.choice(
                (value + 1, -value, value * 2, value * 1e10, np.float64(value), torch.tensor(value))
            )
        elif key != "checksum" or draw.random() < 0.1:
            holder[key] = copy.deepcopy(draw.choice([odd for odd in ODD if key != "checksum" or odd is not None]))
    return saved


def _parts(value: Any) -> Iterator[tuple[Any, Any]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(entries):
        yield value, key
        yield from _parts(item)


def _flipped(draw: random.Random, value: float) -> float:
    """A number with one bit of its double changed."""
    (bits,) = struct.unpack("<Q", struct.pack("<d", value))
    return float(struct.unpack("<d", struct.pack("<Q", bits ^ 1 << draw.randrange(64)))[0])


def corrupted(draw: random.Random, content: bytes) -> bytes:
    """A file with a bit flipped, a byte replaced, a part missing, repeated or swapped, or its end cut off."""
    place = draw.randrange(len(content))
    end = min(place + draw.randint(1, 200), len(content))
    match draw.randrange(8):
        case 0 | 1 | 2 | 3:
            return content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :]
        case 4:
            return content[:place] + bytes([draw.randrange(256)]) + content[place + 1 :]
        case 5:
            return content[:place] + content[end:]
        case 6:
            return content[:end] + content[place:]
    return content[:place]


@cache
def _folder() -> Path:
    holder = tempfile.TemporaryDirectory()
    _HELD.append(holder)
    return Path(holder.name)


_HELD: list[Any] = []


@cache
def _law() -> tuple[laws.Law, bytes]:
    draw = np.random.default_rng(0)
    root = draw.normal(size=(len(NAMES), len(NAMES))) * 0.01
    fitted = (laws.Fitted("a, \u00e9", 0.1, 1000, 50), laws.Fitted("b", 0.3, 2000, 60))
    law = laws.Law(dict(zip(NAMES, draw.uniform(0.2, 2.0, len(NAMES)).tolist(), strict=True)), root @ root.T, 0.1, 10.0,
                   0.01, 0.02, fitted, ("a note",), 32.0, 0.5)  # fmt: skip
    law.save(_folder() / "law.json")
    return law, (_folder() / "law.json").read_bytes()


def law(seed: int) -> str | None:
    """A law's file, corrupted: the same law, or a LawError."""
    saved, content = _law()
    file = _folder() / "damaged.json"
    file.write_bytes(corrupted(random.Random(seed), content))
    try:
        read = laws.load(file)
    except gs.LawError:
        return None
    return None if read == saved else f"another law is read: {read}"


def json_schedule(seed: int) -> str | None:
    """A schedule's JSON, corrupted: our error, or a schedule that is written and read again.

    What a flip makes of one number is another number, which no reader of a file that people write can know.
    """
    draw = random.Random(seed)
    content = corrupted(draw, gs.to_json(gs.parse(draw.choice(TEXTS))).encode())
    if draw.random() < 0.3:
        document = json.loads(gs.to_json(gs.parse(draw.choice(TEXTS))))
        holder, key = draw.choice(list(_parts(document)))
        holder[key] = draw.choice(
            [None, True, "", "x", [], {}, [[]], -1, 10**30, 10**400, 2.5, [1], {"name": "cosine"}]
        )
        content = json.dumps(document).encode()
    try:
        value = gs.from_json(content)  # type: ignore[arg-type]
    except gs.GlideslopeError:
        return None
    return None if gs.from_json(gs.to_json(value)) == value else f"{content!r} isn't written and read again"


@cache
def _events() -> tuple[Any, bytes]:
    from torch.utils.tensorboard import SummaryWriter

    folder = _folder() / "events"
    with SummaryWriter(str(folder)) as writer:
        for step, rate, loss in _rows():
            writer.add_scalar("lr", rate, step)
            writer.add_scalar("loss", loss, step)
    (file,) = folder.iterdir()
    return laws.read(folder), file.read_bytes()


def events(seed: int) -> str | None:
    """TensorBoard's event file, corrupted: the same run, or a note, or a LawError."""
    right, content = _events()
    damaged = corrupted(random.Random(seed), content)
    ends, less = _ends(content), len(content) - len(damaged)
    if any(damaged == content[:end] + content[end + less :] for end in ends if end + less in ends):
        return None  # whole records are missing, as those of a run that was stopped: not to be known
    folder = _folder() / "damaged_events"
    folder.mkdir(exist_ok=True)
    (folder / "events.out.tfevents.1").write_bytes(damaged)
    return _read_well(right, folder)


def _ends(content: bytes) -> list[int]:
    """Where records of a file end, by their lengths."""
    ends = [0]
    while ends[-1] < len(content):
        (length,) = struct.unpack_from("<Q", content, ends[-1])
        ends.append(ends[-1] + 12 + length + 4)
    return ends


@cache
def _csv() -> tuple[Any, bytes]:
    lines = ["step,lr,loss,comment", *(f"{step},{rate:.6g},{loss:.6g},none" for step, rate, loss in _rows())]
    (_folder() / "run.csv").write_text("\n".join(lines) + "\n")
    return laws.read(_folder() / "run.csv"), (_folder() / "run.csv").read_bytes()


def csv(seed: int) -> str | None:
    """A CSV, with a cell that is no number, a quote that isn't closed, or a row too short: the same run, a note, or a
    LawError. A digit that became another can't be known."""
    right, content = _csv()
    draw = random.Random(seed)
    place = draw.randrange(content.index(b"\n") + 1, len(content))
    lines = content.split(b"\n")
    row = draw.randrange(1, len(lines) - 1)
    cells = lines[row].split(b",")
    cell = draw.randrange(4)
    match draw.randrange(5):
        case 0:
            cells[cell] = draw.choice([b"x", b"nan", b"-", b"0.1x", b"1,5", b"inf", b"1_0", b"\xff", b"#", b"1e999"])
        case 1:
            cells[cell] = b'"' + cells[cell]
        case 2:
            cells = cells[: max(cell, 1)]
        case 3:
            new = content[place] ^ 1 << draw.randrange(8)
            if chr(new) in "0123456789+-.eE" or content[place] in b"\n,none" or chr(new) in "\r\n\v\f":
                return None  # another number, another comment, or another row: not to be known
            lines = [*(content[:place] + bytes([new]) + content[place + 1 :]).split(b"\n")]
            cells = lines[row].split(b",")
        case 4:
            cells = [*cells, b"1"]
    lines[row] = b",".join(cells)
    (_folder() / "damaged.csv").write_bytes(b"\n".join(lines))
    return _read_well(right, _folder() / "damaged.csv")


def _read_well(right: Any, path: Path) -> str | None:
    try:
        read = laws.read(path)
    except gs.LawError:
        return None
    if read.notes or [(np.asarray(run.lr).tolist(), run.loss.tolist()) for run in read.runs] == [
        (np.asarray(run.lr).tolist(), run.loss.tolist()) for run in right.runs
    ]:
        return None
    return f"read without a note: {path.read_text(errors='replace')[:3000] if path.is_file() else read.runs}"


def _rows() -> Iterator[tuple[int, float, float]]:
    return (
        (step, 0.1 * (1 - step / 250), 2.0 + 1 / (1 + step)) for step in itertools.islice(itertools.count(5, 5), 40)
    )


KINDS: Kinds = {
    "texts": ("texts of schedules: a value that is written and read again, or an error", seeded(text), 1_000_000),
    "states": (
        "states of schedulers, damaged: the right rates, or an error and nothing changed",
        seeded(state),
        100_000,
    ),
    "old_states": (
        "states without a checksum, damaged: rates that can be, or an error and nothing changed",
        seeded(old_state),
        20_000,
    ),
    "laws": ("files of laws, corrupted", seeded(law), 3_000),
    "json": ("JSON schedules, corrupted", seeded(json_schedule), 10_000),
    "events": ("TensorBoard's event files, corrupted: the same run, or said", seeded(events), 1_000),
    "tables": ("CSVs, corrupted: the same run, or said", seeded(csv), 3_000),
}
