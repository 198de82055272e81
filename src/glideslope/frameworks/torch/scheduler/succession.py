"""The schedulers of each optimizer, of which the one that was made last writes its values."""

from __future__ import annotations

import weakref
from typing import Any

from torch.utils.weak import WeakIdKeyDictionary

_SCHEDULERS: Any = WeakIdKeyDictionary()  # those of an optimizer, a WeakSet: it is there after they are gone too


def schedulers_of(optimizer: Any) -> list[Any]:
    """The schedulers of an optimizer, in any order."""
    return list(_SCHEDULERS.get(optimizer, ()))


def was_scheduled(optimizer: Any) -> bool:
    """Whether a scheduler was made for an optimizer, which may be gone."""
    return optimizer in _SCHEDULERS


def succeed(scheduler: Any, optimizer: Any) -> None:
    """Enters a scheduler among those of an optimizer, as the one that writes from now on."""
    retire(optimizer)
    scheduler.succeeded = False
    _SCHEDULERS.setdefault(optimizer, weakref.WeakSet()).add(scheduler)


def retire(optimizer: Any) -> None:
    """Stops the schedulers of an optimizer from writing its values, since something else writes them from now on."""
    for scheduler in schedulers_of(optimizer):
        scheduler.succeeded = True
