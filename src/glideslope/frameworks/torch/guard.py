"""A guard in a plain torch loop: snapshots of a training, and the way back to them."""

from __future__ import annotations

import copy
import io
import math
import shutil
import tempfile
import weakref
from collections import deque
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from glideslope.errors import FeedbackError, FileError
from glideslope.feedback import Event, Ring
from glideslope.files import write_atomically
from glideslope.frameworks.torch.averaging import unsaved_buffers
from glideslope.frameworks.torch.scheduler import Scheduler

AGREE_EVERY = 10
"""Updates between those at which processes agree whether to go back."""
MOST_SKIPPED = 32
"""Updates in a row that mixed precision may leave out for a loss that isn't finite."""


class Guard:
    """Goes back to before a divergence, and lowers the rate for a while.

    The guard is a factor of the scheduler's schedule, `gs.cosine() * gs.guard()`. Call `step(loss)` after
    `scheduler.step()`. Weights, buffers, the optimizer's and the gradient scaler's state go back; the loop, its data
    and the schedule's position go on, so the batch that did it isn't met again, and the schedule ends where it would.

    A loss on a device is read when it has been computed anyway, so the verdict may lag a few updates behind. Of several
    processes all go back where one finds cause to.

    Args:
        model: the network.
        scheduler: the scheduler of its optimizer.
        scaler: the gradient scaler, where there is one.
        folder: where to keep the snapshots, in files; in memory, on their device, if not given. Each guard, and so
            each process, has a folder of its own in it, which goes with the guard.

    Attributes:
        events: what was done.
        looked: the updates that it was told.

    Raises:
        FeedbackError: the scheduler has no guard, or another one is at work on it.

    >>> import torch, glideslope as gs
    >>> model = torch.nn.Linear(1, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> scheduler = gs.torch.Scheduler(optimizer, gs.cosine() * gs.guard(), steps=100)
    >>> guard = gs.torch.Guard(model, scheduler)
    >>> for x in torch.rand(100, 8, 1):
    ...     loss = ((model(x) - 2 * x) ** 2).mean()
    ...     optimizer.zero_grad()
    ...     loss.backward()
    ...     optimizer.step()
    ...     scheduler.step()
    ...     guard.step(loss)
    >>> guard.events
    []
    """

    def __init__(
        self,
        model: torch.nn.Module,
        scheduler: Scheduler,
        *,
        scaler: torch.amp.GradScaler | None = None,
        folder: Path | str | None = None,
    ) -> None:
        if not isinstance(scheduler, Scheduler):
            raise FeedbackError(f"{scheduler!r}: give the gs.torch.Scheduler whose schedule is times gs.guard()")
        self.model = model
        self.scheduler = scheduler
        self.optimizer = scheduler.optimizer
        self.scaler = scaler
        self._store = _InMemory() if folder is None else _OnDisk(Path(folder))
        self._ring: Ring[Any] = Ring(scheduler.take_guard(self), self._store.drop)
        self._agreeing = distributed.is_available() and distributed.is_initialized()
        self.looked = self._due = 0
        self._begin()

    def _begin(self) -> None:
        """Takes the training as it is for a good one."""
        self._made = self.scheduler.last_epoch
        self.state = self.scheduler.guard_state
        self._arriving: deque[tuple[int, torch.Tensor, Any]] = deque()
        self._pending: tuple[int, Any] | None = None
        self._found: tuple[int, dict[str, float], float] | None = None
        self._skipped = self._lost = 0
        self._ring.clear()
        self._keep(self._made, self._written())

    def resumed(self) -> None:
        """The scheduler has loaded a state: what this guard knew is of another training."""
        self._begin()

    @property
    def events(self) -> list[Event]:
        """What was done, in order."""
        return self._ring.events

    def step(self, loss: float | torch.Tensor, gradient_norm: float | torch.Tensor = 0.0) -> None:
        """Looks at an update that was made.

        Args:
            loss: its training loss, a number or a tensor of one element; it may be infinite or NaN.
            gradient_norm: the norm of its gradient, if it is known: whether it is finite is looked at.

        Raises:
            DivergenceError: it went back too often for one place; the message is a diagnosis.
        """
        made = self.scheduler.last_epoch
        if made == self._made:  # mixed precision left the update out, so there is nothing to undo
            self._count_skipped(loss)
            return
        self._made, update = made, made - 1
        self.looked += 1
        self._skipped = self._lost = 0
        if type(loss) is float and type(gradient_norm) is float:
            self._look(update, loss, gradient_norm)
        elif getattr(loss, "is_cuda", False) or getattr(gradient_norm, "is_cuda", False):
            self._read(update, loss, gradient_norm)
        else:
            self._look(update, _number(loss), _number(gradient_norm))
        if self._agreeing:
            if self.looked % AGREE_EVERY:
                return
            self._agree()
        if self._found:
            self._go_back(*self._found)
        elif made >= self._due:
            self._due = made + self._ring.guard.every
            self._pending = made, self._written()
            self._commit(update)

    def _count_skipped(self, loss: float | torch.Tensor) -> None:
        """Goes back where one update after the other is left out, since the loss isn't finite: the weights are lost.

        Of several processes all leave out the same updates, and all go back where it is so on one of them.
        """
        self._skipped += 1
        self._lost = 0 if math.isfinite(_number(loss)) else self._lost + 1
        lost = self._lost >= MOST_SKIPPED
        if self._agreeing:
            lost = self._skipped % AGREE_EVERY == 0 and self._greatest(float(lost))[0] > 0
        if lost:
            self._go_back(self._made, {**self.state, "verdict": 1.0}, _number(loss))

    def _commit(self, looked_at: int) -> None:
        """Keeps the snapshot that waits, when the loss of the last update before it has been looked at."""
        if self._pending and not self._arriving and not self._found and looked_at >= self._pending[0] - 1:
            self._keep(*self._pending)
            self._pending = None

    def _look(self, update: int, loss: float, gradient_norm: float) -> None:
        """Tells the guard's state an update, and the scheduler if its factor changed."""
        before = self.state["factor"]
        self.state = state = self._ring.guard.update(self.state, loss, gradient_norm)
        if state["verdict"] and self._found is None:
            self._found = (update, state, loss)
        elif state["factor"] != before:
            self.scheduler.guard_state = state

    def _read(self, update: int, loss: Any, gradient_norm: Any) -> None:
        """Reads tensors from a device, when they have arrived."""
        device = loss.device if isinstance(loss, torch.Tensor) and loss.is_cuda else gradient_norm.device
        both = torch.stack([torch.as_tensor(value, device=device).detach().float() for value in (loss, gradient_norm)])
        host = torch.empty(2, pin_memory=True)
        host.copy_(both, non_blocking=True)
        arrived: Any = torch.cuda.Event()  # type: ignore[no-untyped-call]
        arrived.record()
        self._arriving.append((update, host, arrived))
        while self._arriving and self._arriving[0][2].query():
            at, values, _ = self._arriving.popleft()
            self._look(at, *values.tolist())
            if self._pending and at == self._pending[0] - 1 and not self._found:
                self._keep(*self._pending)
                self._pending = None

    def _agree(self) -> None:
        """Goes back on every process where one of them has found cause to."""
        update, found, loss = self._found or (math.inf, self.state, math.nan)
        verdict, first = self._greatest(found["verdict"], -update)
        self._found = (-int(first), {**found, "verdict": verdict}, loss) if verdict else None

    def _greatest(self, *values: float) -> list[float]:
        """The greatest of each value over all processes."""
        device = next(self.model.parameters()).device
        worst = torch.tensor(values, dtype=torch.float64, device=device)
        distributed.all_reduce(worst, op=distributed.ReduceOp.MAX)
        return worst.tolist()

    def _go_back(self, update: int, found: dict[str, float], loss: float) -> None:
        self._found, self._skipped, self._lost = None, 0, 0
        self._arriving.clear()
        if self._pending:
            self._store.drop(self._pending[1])
            self._pending = None
        rate = max(float(group["lr"]) for group in self.optimizer.param_groups)
        state, place = self._ring.back(update, found, loss, rate, skip=True)
        self._restore(self._store.read(place))
        # The position goes on, so the rest begins here and not at the snapshot.
        self.scheduler.guard_state = self.state = {**state, "resting": float(self._ring.guard.rest)}

    def _written(self) -> Any:
        """A snapshot of the training as it is, where it is kept."""
        snapshot = {
            "model": self.model.state_dict(),
            "buffers": unsaved_buffers(self.model),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict() if self.scaler else {},
        }
        return self._store.write(self._made, snapshot)

    def _keep(self, made: int, place: Any) -> None:
        self._due = made + self._ring.guard.every
        self._ring.keep(made, self.state, place)

    def _restore(self, snapshot: dict[str, Any]) -> None:
        groups, then = self.optimizer.param_groups, snapshot["optimizer"]["param_groups"]
        if len(groups) != len(then):
            raise FeedbackError(
                f"the training diverged, and its optimizer has {len(groups)} groups, the snapshot {len(then)}: make "
                "the guard anew after adding groups"
            )
        self.model.load_state_dict(snapshot["model"])
        for name, buffer in unsaved_buffers(self.model).items():
            buffer.copy_(snapshot["buffers"][name])
        self.optimizer.load_state_dict(snapshot["optimizer"])
        if self.scaler:
            self.scaler.load_state_dict(snapshot["scaler"])
        self.optimizer.zero_grad()


def _number(value: float | torch.Tensor) -> float:
    try:
        return value.item() if isinstance(value, torch.Tensor) else float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise FeedbackError(f"a loss or gradient norm of {value!r}: give one number ({error})") from None


class _InMemory:
    """Snapshots as copies, on their device."""

    def write(self, made: int, snapshot: dict[str, Any]) -> Any:
        return copy.deepcopy(snapshot)

    def read(self, place: Any) -> dict[str, Any]:
        return copy.deepcopy(place)

    def drop(self, place: Any) -> None:
        pass


class _OnDisk:
    """Snapshots as files, in a new folder, since other guards may have theirs in the same place."""

    def __init__(self, parent: Path) -> None:
        try:
            parent.mkdir(parents=True, exist_ok=True)
            self.folder = Path(tempfile.mkdtemp(prefix="guard-", dir=parent))
        except OSError as error:
            raise FileError(f"{parent} can't hold snapshots: {error.strerror}") from error
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, made: int, snapshot: dict[str, Any]) -> Any:
        content = io.BytesIO()
        torch.save(snapshot, content)
        write_atomically(file := self.folder / f"snapshot-{made}.pt", content.getvalue())
        return file

    def read(self, place: Any) -> dict[str, Any]:
        return torch.load(place, weights_only=True)  # type: ignore[no-any-return]

    def drop(self, place: Any) -> None:
        place.unlink(missing_ok=True)
