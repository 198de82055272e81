"""Jobs that return odd losses, one memory for all losses, or end the process."""

from __future__ import annotations

import contextlib
import io
import os
import random
import tempfile
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
from glideslope import cli


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
        raced = gs.race(job, ["linear"], 9, [0.1], evaluations=3)
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
    raced = gs.race(job, [followed], choose.randint(3, 19), [0.1], evaluations=choose.randint(1, 5))
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
    lines = [line for line in err.splitlines() if line.startswith("glideslope: ")]
    right = status == 2 and not out and len(lines) == 1 and (call in lines[0] or "failed to make a job" in lines[0])
    return None if right else f"seed {seed}, {end} in {call}: status {status}, {out[:99]!r}, {err[-200:]!r}"


KINDS: Kinds = {
    "losses": ("losses of every type from step and evaluate: taken or named", seeded(odd_loss), 2_000),
    "static": ("losses written into one memory: each recorded as it was", seeded(static_loss), 500),
    "endings": ("jobs that end the process or raise, in each call", seeded(ending), 300),
}
