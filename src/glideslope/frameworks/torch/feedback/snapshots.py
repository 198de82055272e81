"""Snapshots of a torch training: what is in them, whether they are good, and where they are kept."""

from __future__ import annotations

import hashlib
import io
import math
import os
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch

from glideslope.errors import FeedbackError, FileError
from glideslope.files import write_atomically
from glideslope.frameworks.torch.average import averages_of
from glideslope.frameworks.torch.distributed import of_this_process
from glideslope.frameworks.torch.feedback.arrivals import sent
from glideslope.frameworks.torch.feedback.copies import Copy, cloned, not_finite, tensors
from glideslope.frameworks.torch.job.averaging import unsaved_buffers
from glideslope.frameworks.torch.private import foreach_norm
from glideslope.plural import plural
from glideslope.warning import warn

_HALVES = (torch.float16, torch.bfloat16)


class Training:
    """A training that snapshots are taken of: the network, its optimizer, the gradient scaler where there is one, and
    what else follows the weights, such as their average."""

    def __init__(
        self, model: torch.nn.Module, optimizer: Any, scaler: torch.amp.GradScaler | None, beside: Sequence[Any] = ()
    ) -> None:
        self.model, self.optimizer, self.scaler = model, optimizer, scaler
        self._beside = [*beside]
        self._besides: frozenset[str] = frozenset()
        self.held: dict[str, torch.Tensor] = {}

    def hold_buffers(self, wanted: bool) -> None:
        """Holds on to the buffers as they are, for `repair`: before a batch that is expected to be bad."""
        self.held = {name: buffer.clone() for name, buffer in self.model.named_buffers()} if wanted else {}

    def parts(self) -> dict[str, Any]:
        """All that the next update depends on, as it stands: it changes with the training."""
        return {
            "model": dict(self.model.state_dict()),
            "buffers": unsaved_buffers(self.model),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict() if self.scaler else {},
            "beside": [each.state_dict() for each in self._followers()],
        }

    def _followers(self) -> list[Any]:
        """What follows the weights."""
        return [*self._beside, *averages_of(self.model)]

    def accept(self) -> None:
        """Accepts the present numbers that aren't finite, as in the mask of an attention, as intended."""
        self._besides = not_finite(self.parts())

    def health(self, copy: Copy | None = None) -> Health:
        """Whether a copy of the training, or itself as it stands, is finite but for what is intended."""
        if copy is not None and not self._besides:
            return Health(copy.numbers(), self._weights(), self._state())
        parts = self.parts() if copy is None else copy.tree()
        return Health([tensor for place, tensor in tensors(parts) if place not in self._besides], self._weights())

    def _weights(self) -> list[torch.Tensor]:
        return [weight for group in self.optimizer.param_groups for weight in group["params"]]

    def _state(self) -> list[tuple[str, torch.Tensor]]:
        """The tensors of the optimizer's state, but for counts, and their names."""
        states = getattr(self.optimizer, "state", {}).values()
        every = [pair for state in states if isinstance(state, dict) for pair in state.items()]
        return [(name, tensor) for name, tensor in every if isinstance(tensor, torch.Tensor) and tensor.ndim]

    def sums(self) -> dict[str, float]:
        """The sums of its optimizer's state, as `Health.state` has them; waits for its device."""
        health = Health([], self._weights(), self._state())
        health.read()
        return health.state()

    def is_finite(self) -> bool:
        """Whether it is finite as it stands; waits for its device."""
        return self.health().read()[0]

    def restore(self, parts: dict[str, Any]) -> None:
        """Goes back to a snapshot, which stays as it is. Raises a FeedbackError if parameters were added since."""
        groups, then = self.optimizer.param_groups, parts["optimizer"]["param_groups"]
        if len(groups) != len(then):
            raise FeedbackError(
                f"the training diverged, and its optimizer has {plural(len(groups), 'group')}, the "
                f"snapshot {len(then)}: make "
                "the guard anew after adding groups"
            )
        self.model.load_state_dict(parts["model"])
        for name, buffer in unsaved_buffers(self.model).items():
            buffer.copy_(parts["buffers"][name])
        self.optimizer.load_state_dict(cloned(parts["optimizer"]))
        if self.scaler:
            self.scaler.load_state_dict(parts["scaler"])
        for each, state in zip(self._followers(), cloned(parts["beside"]), strict=False):  # later ones have no state
            each.load_state_dict(state)
        self.optimizer.zero_grad()

    def repair(self, parts: dict[str, Any]) -> bool:
        """Restores damaged buffers, such as statistics of batches, as they were held, else from a snapshot; returns
        whether nothing else is damaged."""
        now = self.parts()
        trained = set(map(id, self._weights()))
        trained_names = {name for name, weight in self.model.named_parameters() if id(weight) in trained}
        damaged = not_finite(now) - self._besides
        buffers = {f".{part}.{name}": (part, name) for part in ("model", "buffers") for name in now[part]}
        if any(place not in buffers or buffers[place][1] in trained_names for place in damaged):
            return False
        for part, name in (buffers[place] for place in damaged):
            held = self.held.get(name)
            good = parts[part][name] if held is None or not held.isfinite().all() else held
            now[part][name].detach().copy_(good)
        return True


class Health:
    """Whether some numbers of a training are all finite, the norm of its weights, and the sums of its optimizer's
    state; known once a device has computed them."""

    def __init__(
        self, numbers: list[torch.Tensor], weights: list[torch.Tensor], state: Sequence[tuple[str, torch.Tensor]] = ()
    ) -> None:
        self._tensors = [of_this_process(tensor) for tensor in numbers]
        weights = [of_this_process(weight) for weight in weights]
        self._names = [name for name, _ in state]
        sums = foreach_norm([of_this_process(tensor) for _, tensor in state], 1) if state else []
        self._arrived: Any = None
        device = next((tensor.device for tensor in (*weights, *self._tensors) if tensor.is_cuda), None)
        if device is not None:
            of_state = [each.to(device, torch.float32, non_blocking=True) for each in sums]
            norms = torch.stack([_norm(weights, device), _norm(self._tensors, device), *of_state])
            self._norms, self._arrived = sent(norms)
        else:  # sums, since a CPU takes long for the squares of tiny numbers
            norm = math.hypot(*[norm.item() for norm in foreach_norm(weights)])
            self._seen = [norm, sum(abs(_sum(tensor)) for tensor in self._tensors), *[each.item() for each in sums]]

    def known(self) -> bool:
        """Whether it can be asked without waiting for a device."""
        return self._arrived is None or bool(self._arrived.query())

    def read(self) -> tuple[bool, float]:
        """Whether all is finite, and the norm of the weights; waits for the device."""
        if self._arrived is not None:
            self._arrived.synchronize()
            self._seen = self._norms.tolist()
        weights, total, *_ = self._seen
        # Large numbers overflow, so where a norm or a sum isn't finite the numbers themselves are looked at.
        finite = math.isfinite(total) or all(bool(tensor.isfinite().all()) for tensor in self._tensors)
        self._tensors = []
        return finite, weights

    def state(self) -> dict[str, float]:
        """The sums of the absolute numbers of the optimizer's state, by the names of its kinds; asked after `read`."""
        sums: dict[str, float] = {}
        for name, each in zip(self._names, self._seen[2:], strict=True):
            sums[name] = sums.get(name, 0.0) + each
        return sums


def _sum(tensor: torch.Tensor) -> float:
    """The sum of a tensor's numbers, which isn't finite where one of them isn't."""
    whole: float = tensor.sum(dtype=torch.float32 if tensor.dtype in _HALVES else None).item()
    return whole


def _norm(tensors: list[torch.Tensor], device: torch.device) -> torch.Tensor:
    """The norm of all together, on a device."""
    norms = [norm.to(device, torch.float32, non_blocking=True) for norm in foreach_norm(tensors)]
    return torch.linalg.vector_norm(torch.stack(norms))  # type: ignore[no-any-return]


class InMemory:
    """Snapshots as copies, on their device."""

    def __init__(self) -> None:
        self.dropped: Copy | None = None

    def write(self, updates_made: int, copy: Copy) -> Any:
        self.dropped = None
        return copy

    def read(self, place: Copy) -> dict[str, Any]:
        return place.tree()  # type: ignore[no-any-return]

    def drop(self, place: Copy) -> None:
        self.dropped = place


class OnFile(NamedTuple):
    """A snapshot in a file, and its checksum: a file with another one isn't what was written."""

    file: Path
    checksum: bytes


def _remove(folder: Path, process: int) -> None:
    """Deletes the folder of snapshots; at the end of a fork of the process whose they are, it stays."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


class OnDisk:
    """Snapshots as files that `torch.save` writes, in a new folder, since other guards may have theirs in the same
    place. Where one can't be written, as on a full disk, it is kept in memory."""

    dropped: Copy | None = None

    def __init__(self, parent: Path) -> None:
        try:
            parent.mkdir(parents=True, exist_ok=True)
            self.folder = Path(tempfile.mkdtemp(prefix="guard-", dir=parent))
        except OSError as error:
            raise FileError(f"{parent} can't hold snapshots: {error.strerror}") from error
        self._warned = False
        weakref.finalize(self, _remove, self.folder, os.getpid())

    def write(self, updates_made: int, copy: Copy) -> OnFile | Copy:
        content = io.BytesIO()
        torch.save(copy.tree(), content)
        data = content.getvalue()
        try:
            write_atomically(file := self.folder / f"snapshot-{updates_made}.pt", data)
        except FileError as error:
            if not self._warned:
                self._warned = True
                warn(f"{error}: this snapshot is kept in memory", "torch")
            return copy
        return OnFile(file, hashlib.sha256(data).digest())

    def read(self, place: OnFile | Copy) -> dict[str, Any]:
        """A snapshot. Raises a FileError if its file is gone, or isn't what was written."""
        if isinstance(place, Copy):
            return place.tree()  # type: ignore[no-any-return]
        try:
            content = place.file.read_bytes()
        except OSError as error:
            raise FileError(f"{place.file} can't be read: {error.strerror}") from error
        if hashlib.sha256(content).digest() != place.checksum:
            raise FileError(f"{place.file} isn't the snapshot that was written: its checksum doesn't match")
        return torch.load(io.BytesIO(content), weights_only=True)  # type: ignore[no-any-return]

    def drop(self, place: OnFile | Copy) -> None:
        if isinstance(place, OnFile):
            with suppress(OSError):  # of a folder that can't be written to any longer
                place.file.unlink(missing_ok=True)
