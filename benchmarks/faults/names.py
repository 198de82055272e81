"""Hostile names in each command, and writes that fail."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import os
import random
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from faults.jobs import JOB, place, ran
from faults.tally import Kinds, seeded
from glideslope import cli, escape, files

FRAGMENTS = (
    "[red]", "[/x]", "[/]", "[link=file:x]", "$\\foo$", "$", "\\$", "_", "<script>", "</title>", "&amp;", '"', "'",
    "\n", "\t", "\r", "\x1b[31m", "\x1b]0;title\x07", "\x07", "\x08", "\x7f", "\x85", "\x9b31m", "\u202e", "\u2066",
    "\u200b", "\ufeff", "\u2028", "\udcff", "=cmd()", "+1", "-1", "@x", ":smile:", "{0}", "%s", "é", "データ", "🙂",
    " ", "a", "x,y", ";", "#", "--", "~", "*", "\\", "\\n", "|",
)  # fmt: skip


def name(choose: random.Random) -> str:
    """A name that a file may have, of parts that mean something somewhere."""
    return "".join(choose.choices(FRAGMENTS, k=choose.randint(1, 4))) + choose.choice(["", "x"])


def hostile_name(seed: int) -> str | None:
    """A command takes any name: it ends well or in one line, and what it writes holds the name, escaped."""
    choose = random.Random(seed)
    text, command = name(choose), choose.choice(list(COMMANDS))
    if "--out" not in command or command == "design --out":  # other names are of one file
        text = text.replace("/", "")
    with place() as folder:
        status, out, err = ran(*COMMANDS[command](folder, text))
        problem = _problem(status, out, err)
        shown = escape.visible(text)
        quiet = command.endswith(" --out") and not command.startswith(("race", "find", "tune"))
        if not (problem or quiet) and shown.strip() and status == 0 and shown not in out + err:
            problem = "the name isn't shown"
        for file in folder.rglob("*"):
            if file.suffix in (".html", ".json", ".py") and file.is_file() and not problem and file.stem != "given":
                problem = _unescaped(file)
    return problem and f"seed {seed}, {command} of {text!r}: {problem}; status {status}, {out[-200:]!r}, {err[-200:]!r}"


def _problem(status: int, out: str, err: str) -> str | None:
    if status not in (0, 1, 2):
        return "another status"
    if status == 2 and (out or len([line for line in err.splitlines() if line.startswith("glideslope: ")]) != 1):
        return "no single line"
    odd = {char for char in out + err if char != "\n" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    return f"{odd} written" if odd else None


def _unescaped(file: Path) -> str | None:
    content = file.read_text(encoding="utf-8")
    odd = {char for char in content if char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cf", "Cs")}
    if odd:
        return f"{odd} in {file.name}"
    own = '<figure class="chart">' in content  # which the page draws by a script of its own
    return "a tag in a page" if file.suffix == ".html" and content.count("<script>") > own else None


def _search(*command: str) -> Callable[[Path, str], list[str]]:
    def args(folder: Path, text: str) -> list[str]:
        (folder / "given.py").write_text(JOB)
        return [part.replace("NAME", text) for part in command]

    return args


def _of_job(folder: Path, text: str) -> list[str]:
    (folder / f"j{text}").mkdir()
    (folder / f"j{text}" / "given.py").write_text(JOB)
    return ["race", f"j{text}/given.py:jib", "--steps", "20"]


def _race_of_job(folder: Path, text: str) -> list[str]:
    return [*_of_job(folder, text)[:1], f"j{text}/given.py:job", "--steps", "20", "--out", f"o{text}"]


def _logs(folder: Path, text: str) -> list[Path]:
    t = np.arange(1, 401)
    logs = []
    for i, end in enumerate((0.0, 0.3, 1.0)):
        lr = 0.1 * (1 - (1 - end) * t / 401) * np.minimum(t / 20, 1)
        loss = 2 + 3 * (1 + np.cumsum(lr)) ** -0.5 + 0.5 * lr + 0.001 * np.sin(t)
        logs.append(folder / f"{i}{text}.csv")
        rows = "\n".join(f"{a},{b!r},{c!r}" for a, b, c in zip(t.tolist(), lr.tolist(), loss.tolist(), strict=True))
        logs[-1].write_text("step,lr,loss\n" + rows + "\n")
    return logs


def _fit(folder: Path, text: str) -> list[str]:
    logs = _logs(folder, text)
    return ["fit", *map(str, logs), "--out", f"l{text}.json", "--pictures", "given", "--force"]


def _fit_columns(folder: Path, text: str) -> list[str]:
    """Of one file, whose column of runs has the name in it, and whose column of losses is called by it."""
    file = io.StringIO()
    rows = csv.writer(file)
    for i, log in enumerate(_logs(folder, "")):
        lines = list(csv.reader(log.open()))
        rows.writerows([] if i else [["run", "step", "lr", f"loss{text}"]])
        rows.writerows([f"{i}{text}", *line] for line in lines[1:])
    both = folder / "both.csv"
    both.write_bytes(file.getvalue().encode("utf-8", "backslashreplace"))
    return ["fit", str(both), "--loss", f"loss{text}", "--out", f"l{text}.json", "--force", "--pictures", "given"]


def _design(folder: Path, text: str) -> list[str]:
    return ["design", _law(folder, text), "--steps", "400", "--out", f"o{text}"]


def _law(folder: Path, text: str) -> str:
    law = folder / f"l{text}"
    ran("fit", *map(str, _logs(folder, "")), "--out", str(law), "--force")
    return str(law)


def _predict(folder: Path, text: str) -> list[str]:
    return ["predict", _law(folder, text), f"linear {text}", "--steps", "400", "--peak", "0.1"]


def _rank(folder: Path, text: str) -> list[str]:
    file = folder / f"c{text}.csv"
    file.write_text(f'schedule,peak_lr,steps\n"{text}",0.1,x\n'.encode("utf-8", "surrogateescape").decode("latin-1"))
    return ["rank", _law(folder, ""), str(file)]


COMMANDS: dict[str, Callable[[Path, str], list[str]]] = {
    "race --out": _search("race", "given.py:job", "--steps", "20", "--out", "oNAME"),
    "tune --out": _search("tune", "given.py:job", "--steps", "10", "--overhead", "45", "--out", "oNAME"),
    "show --out": _search("show", "linear", "--steps", "20", "--out", "oNAME"),
    "list --out": _search("list", "--out", "oNAME"),
    "convert --out": _search("convert", "linear", "--steps", "20", "--to", "csv", "--out", "oNAME"),
    "schema --out": _search("schema", "--out", "oNAME"),
    "race JOB": _race_of_job,
    "race JOB without the function": _of_job,
    "find --out": _search("find", "given.py:job", "--steps", "20", "--sweeps", "1", "--out", "oNAME"),
    "race --schedules": _search("race", "given.py:job", "--steps", "20", "--schedules", "linear; NAME"),
    "race --optimizers": _search("race", "given.py:job", "--steps", "20", "--optimizers", "aNAME", "--out", "o"),
    "race --averages": _search("race", "given.py:job", "--steps", "20", "--averages", "aNAME", "--out", "o"),
    "race --peaks": _search("race", "given.py:job", "--steps", "20", "--peaks", "0.1,NAME"),
    "an option": _search("race", "given.py:job", "--oNAME", "20"),
    "a command": _search("oNAME"),
    "show": _search("show", "aNAME", "--steps", "20"),
    "show --steps": _search("show", "linear", "--steps", "NAME"),
    "convert --to": _search("convert", "linear", "--steps", "20", "--to", "aNAME"),
    "fit": _fit,
    "fit --loss": _fit_columns,
    "predict": _predict,
    "design --out": _design,
    "rank": _rank,
}


class Full(io.StringIO):
    """A stream that takes a few characters, and then fails."""

    def __init__(self, number: int, room: int) -> None:
        super().__init__()
        self.number, self.room = number, room

    def write(self, text: str) -> int:
        self.room -= len(text)
        if self.room < 0:
            raise OSError(self.number, os.strerror(self.number))
        return super().write(text)


WRITING = (
    ("race", "given.py:job", "--steps", "20", "--out", "o"), ("find", "given.py:job", "--steps", "20", "--out", "o"),
    ("show", "cosine", "--steps", "20", "--out", "o"), ("show", "cosine", "--steps", "20", "--csv", "-"),
    ("show", "cosine", "--steps", "20", "--html", "a.html", "--json"), ("list", "--out", "o"), ("list", "--json"),
    ("convert", "cosine", "--steps", "20", "--to", "torch", "--out", "o"), ("schema", "--out", "o"), ("schema",),
    ("--help",), ("race", "--help"), ("race", "given.py:job", "--steps", "20", "--out", "o", "--json"),
)  # fmt: skip
FAILURES = (errno.ENOSPC, errno.EACCES, errno.EIO, errno.EDQUOT, errno.EROFS, errno.EPIPE, errno.EFBIG)


def failing_write(seed: int) -> str | None:
    """A write that fails, in a file or on standard output, is one line and status 2; a broken pipe is quiet."""
    choose = random.Random(seed)
    command, number, at = choose.choice(WRITING), choose.choice(FAILURES), choose.randint(0, 3)
    to_file, err = choose.random() < 0.5, io.StringIO()
    out = io.StringIO() if to_file else Full(number, choose.choice([0, 50, 200]))
    with place() as folder, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        (folder / "given.py").write_text(JOB)
        with _failing_files(number, at if to_file else sys.maxsize) as count:
            status = cli.run(command)
    failed = count[0] > at if to_file else out.room < 0
    lines = [line for line in err.getvalue().splitlines() if line.startswith("glideslope: ")]
    if not failed:
        right = status == 0
    elif number == errno.EPIPE and not to_file:
        right = status == 1 and not lines
    else:
        right = status == 2 and len(lines) == 1 and os.strerror(number) in lines[0]
    return None if right else f"seed {seed}, {command}, {os.strerror(number)}: status {status}, {err.getvalue()!r}"


@contextlib.contextmanager
def _failing_files(number: int, at: int) -> Iterator[list[int]]:
    """Makes the replacement of a file fail from that of this number on."""
    count, replace = [0], os.replace

    def failing(source: Any, target: Any) -> None:
        count[0] += 1
        if count[0] > at:
            raise OSError(number, os.strerror(number), str(target))
        replace(source, target)

    files.replace = failing
    try:
        yield count
    finally:
        files.replace = replace


KINDS: Kinds = {
    "names": ("hostile names in each command: shown whole, and escaped", seeded(hostile_name), 300),
    "writes": ("writes that fail, in files and on standard output", seeded(failing_write), 200),
}
