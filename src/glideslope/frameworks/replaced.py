"""Attributes of another library's objects that have other values for a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import ismethod
from typing import Any


@contextmanager
def replaced(owner: Any, **values: Any) -> Iterator[None]:
    """Gives attributes of an object, or a class, other values; then those that they had, its methods too.

    >>> from types import SimpleNamespace
    >>> trainer = SimpleNamespace(callbacks=["log"])
    >>> with replaced(trainer, callbacks=[]):
    ...     print(trainer.callbacks)
    []
    >>> trainer.callbacks
    ['log']
    """
    before = {name: getattr(owner, name) for name in values}
    methods = {name for name, value in before.items() if ismethod(value) and name not in vars(owner)}
    try:
        for name, value in values.items():
            setattr(owner, name, value)
        yield
    finally:
        for name, value in before.items():
            if name in methods:
                delattr(owner, name)
            else:
                setattr(owner, name, value)
