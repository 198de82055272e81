"""Jobs that return odd losses, one memory for all losses, or end the process; hostile names; writes that fail."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import random
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import torch

import glideslope as gs
from faults.tally import Kinds, seeded
from glideslope import cli, escape, files


class Falling:
    """A training whose losses are known: 2^-t after t updates, each given as `shape_loss` makes it of a float."""

    def __init__(self, as_step: Callable[[float], Any] = float, as_evaluated: Callable[[float], Any] = float) -> None:
        self.updates, self.as_step, self.as_evaluated = 0, as_step, as_evaluated

    def step(self, lr: float) -> Any:
        self.updates += 1
        return self.as_step(2.0 ** -(self.updates % 20))

    def evaluate(self) -> Any:
        return self.as_evaluated(2.0 ** -(self.updates % 20))

    def state(self) -> int:
        return self.updates

    def restore(self, state: int) -> None:
        self.updates = state


ACCEPTED: tuple[Callable[[float], Any], ...] = (
    float, Fraction, Decimal, np.float16, np.float32, np.float64, np.longdouble, np.array, torch.tensor, jnp.asarray,
    lambda x: np.array(x, np.float16), lambda x: np.array(Fraction(x)), lambda x: torch.tensor(x, dtype=torch.bfloat16),
    lambda x: torch.tensor(x, requires_grad=True) * 1, lambda x: torch.nn.Parameter(torch.tensor(x)),
    lambda x: jnp.bfloat16(x), lambda x: torch.tensor([x, 9.0])[0], lambda x: np.array([x, 9.0])[0],
)  # fmt: skip
REFUSED: tuple[Callable[[float], Any], ...] = (
    lambda x: None, complex, str, lambda x: str(x).encode(), lambda x: 10**400, lambda x: Fraction(10**400),
    lambda x: Decimal("1e400"), lambda x: 10**5000, lambda x: np.longdouble("1e400"), lambda x: True, np.bool_,
    lambda x: torch.tensor(True), lambda x: jnp.array(True), lambda x: np.array([x]), lambda x: torch.tensor([x]),
    lambda x: jnp.asarray([x]), lambda x: np.array([[x]]), lambda x: [x], lambda x: (x,), lambda x: {"loss": x},
    np.complex128, lambda x: torch.tensor(x + 0j), lambda x: jnp.asarray(x + 0j), lambda x: np.array(None),
    lambda x: np.array("1.0"), lambda x: np.timedelta64(1, "s"), lambda x: torch.zeros(0), lambda x: lambda: x,
    lambda x: object(), lambda x: (torch.tensor(x), torch.tensor(1.0)), lambda x: np.array([]), lambda x: Falling,
    lambda x: torch.empty((), device="meta"), lambda x: Decimal("sNaN"),
)  # fmt: skip


def odd_loss(seed: int) -> str | None:
    """What is one real number is taken as it is; any other is named, with the call that gave it."""
    choose = random.Random(seed)
    shape, call = choose.choice(ACCEPTED + REFUSED), choose.choice(["step", "evaluate"])
    job = Falling(**{"as_step" if call == "step" else "as_evaluated": shape})
    try:
        raced = gs.race(job, ["linear"], [0.1], 9, evaluations=3)
    except gs.JobError as error:
        named = f"the job's {call} failed" in str(error) and "it gave" in str(error) and len(str(error)) < 500
        return None if shape in REFUSED and named else f"seed {seed}: {error}"
    if shape in REFUSED:
        return f"seed {seed}: {shape(0.5)!r} was taken"
    return _losses_are_right(raced, f"seed {seed}, {shape(0.5)!r}")


def _losses_are_right(raced: gs.Race, what: str) -> str | None:
    for standing in raced.standings:
        for run in standing.runs:
            expected = [2.0 ** -(t % 20) for t in range(1, len(run.losses) + 1)]
            if run.losses.tolist() != expected:
                return f"{what}: the losses {run.losses.tolist()}"
            if any(loss != 2.0 ** -(t % 20) for t, loss in run.evaluations):
                return f"{what}: the validation losses {run.evaluations}"
    return None


class Static:
    """Memory into which each loss is written, and which is returned each time, as a captured graph does."""

    def __init__(self, kind: str) -> None:
        self.kind, self.numpy = kind, np.zeros((2, 3), np.float32)
        self.torch, self.jax = torch.zeros(5), jnp.zeros(())
        self.cell = self.numpy[1, 1:2].reshape(())

    def __call__(self, loss: float) -> Any:
        if self.kind == "numpy":
            self.cell[...] = loss
            return self.cell
        if self.kind == "jax":  # an array whose memory is given away at the next update
            self.jax.delete()
            self.jax = jnp.asarray(loss)
            return self.jax
        if self.kind == "number":
            self.value = loss
            return self
        self.torch[3].fill_(loss)
        return self.torch[3] if self.kind == "torch" else self.torch[3].view(()).requires_grad_(False)

    def __float__(self) -> float:
        return self.value


def static_loss(seed: int) -> str | None:
    """Losses that are written into one memory are recorded as they were."""
    choose = random.Random(seed)
    kinds = ["numpy", "jax", "number", "torch", "view"]
    job = Falling(Static(choose.choice(kinds)), Static(choose.choice(kinds)))
    followed = choose.choice(["linear", "linear * guard", "constant * plateau(0.5, patience=1)", "constant * greedy"])
    raced = gs.race(job, [followed], [0.1], choose.randint(3, 19), evaluations=choose.randint(1, 5))
    return _losses_are_right(raced, f"seed {seed}")


JOB = """
import os, sys
class Job:
    w = 10.0
    def step(self, lr):
        at("step")
        loss, self.w = self.w**2 / 2, self.w - lr * self.w
        return loss
    def evaluate(self): at("evaluate"); return self.w**2 / 2
    def state(self): at("state"); return self.w
    def restore(self, state): at("restore"); self.w = state
def at(call):
    calls.append(call)
    if call == CALL and calls.count(call) == NUMBER: END()
def job(seed):
    at("factory")
    return Job()
class Stop(BaseException): pass
def stop(): raise Stop("of the job")
calls = []
CALL, NUMBER, END = None, 0, None
"""
ENDS = (
    "lambda: sys.exit(0)", "lambda: sys.exit()", "lambda: sys.exit('bye')", "lambda: os._exit(0)", "exit", "stop",
    "lambda: os.execl(sys.executable, 'python', '-c', '')", "lambda: (_ for _ in ()).throw(GeneratorExit)",
    "lambda: 1 / 0", "lambda: [].pop()", "lambda: next(iter(()))",
)  # fmt: skip


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """A new working directory."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(before)


def ran(*args: str) -> tuple[int, str, str]:
    """Runs a command in this process: its status, and what it wrote on standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.run(args)
    return status, out.getvalue(), err.getvalue()


def ending(seed: int) -> str | None:
    """A job that ends the process, or raises, in any call is one line that names the call, and status 2."""
    choose = random.Random(seed)
    call, end = choose.choice(["factory", "step", "evaluate", "state", "restore"]), choose.choice(ENDS)
    number = 1 if call in ("factory", "state") else choose.randint(1, 6)
    with place():
        Path("ending.py").write_text(JOB.replace("None, 0, None", f"{call!r}, {number}, {end}"))
        status, out, err = ran("race", "ending.py:job", "--steps", "20", "--out", "o", "--json")
    lines = err.strip().splitlines()
    right = status == 2 and not out and len(lines) == 1 and (call in lines[0] or "failed to make a job" in lines[0])
    return None if right else f"seed {seed}, {end} in {call}: status {status}, {out[:99]!r}, {err[-200:]!r}"


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
    if "--out" not in command:  # other names are of one file
        text = text.replace("/", "")
    with place() as folder:
        status, out, err = ran(*COMMANDS[command](folder, text))
        problem = _problem(status, out, err)
        shown = escape.visible(text)
        if not problem and shown.strip() and status == 0 and shown not in out and shown not in err:
            problem = "the name isn't shown"
        for file in folder.rglob("*"):
            if file.suffix in (".html", ".json", ".py") and file.is_file() and not problem and file.stem != "given":
                problem = _unescaped(file, text)
    return problem and f"seed {seed}, {command} of {text!r}: {problem}; status {status}, {out[-200:]!r}, {err[-200:]!r}"


def _problem(status: int, out: str, err: str) -> str | None:
    if status not in (0, 1, 2):
        return "another status"
    if status == 2 and (out or len([line for line in err.splitlines() if line.startswith("glideslope: ")]) != 1):
        return "no single line"
    odd = {char for char in out + err if char != "\n" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    return f"{odd} written" if odd else None


def _unescaped(file: Path, text: str) -> str | None:
    content = file.read_text(encoding="utf-8")
    odd = {char for char in content if char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cf", "Cs")}
    if odd:
        return f"{odd} in {file.name}"
    return "a tag in a page" if file.suffix == ".html" and "<script>" in content and "<script>" in text else None


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
    "predict": _predict,
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

    files.os.replace = failing
    try:
        yield count
    finally:
        files.os.replace = replace


KINDS: Kinds = {
    "losses": ("losses of every type from step and evaluate: taken or named", seeded(odd_loss), 2_000),
    "static": ("losses written into one memory: each recorded as it was", seeded(static_loss), 500),
    "endings": ("jobs that end the process or raise, in each call", seeded(ending), 500),
    "names": ("hostile names in each command: shown whole, and escaped", seeded(hostile_name), 500),
    "writes": ("writes that fail, in files and on standard output", seeded(failing_write), 1_000),
}
