"""The values that a LightningModule logs outside a fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from lightning import LightningModule

from glideslope.errors import JobError
from glideslope.frameworks.torch.job.batch import one_number
from glideslope.frameworks.torch.job.metric import computed

_REDUCED: dict[str, Callable[[torch.Tensor, torch.Tensor], float]] = {
    "mean": lambda values, sizes: float((values * sizes).sum() / sizes.sum()),
    "sum": lambda values, sizes: float(values.sum()),
    "min": lambda values, sizes: float(values.min()),
    "max": lambda values, sizes: float(values.max()),
}
"""Of the values and batch sizes of an epoch, as in Lightning: a mean counts each batch by its examples."""


class Logged:
    """Collects what is logged in a validation, to be reduced over all of it. `size` is the examples of the batch that
    is measured, 1 outside batches; `suffix` is that of the names, where there are several validation loaders."""

    def __init__(self) -> None:
        self.size, self.suffix = 1, ""
        self._values: dict[str, list[tuple[Any, float]]] = {}
        self._reductions: dict[str, str] = {}
        self._metrics: dict[str, Any] = {}

    def log(self, name: str, value: Any, *_: Any, batch_size: int | None = None, **options: Any) -> None:
        """Takes the place of `LightningModule.log`."""
        name = f"{name}{self.suffix if options.get('add_dataloader_idx', True) else ''}"
        if _is_metric(value):
            self._metrics[name] = value
            return
        reduction = options.get("reduce_fx", "mean")
        reduction = getattr(reduction, "__name__", str(reduction)).lower().replace("avg", "mean")
        if reduction not in _REDUCED:
            raise JobError(
                f"self.log({name!r}) has reduce_fx={reduction}: give one of {', '.join(_REDUCED)}, or log a "
                "metric of torchmetrics"
            )
        self._reductions[name] = reduction
        value = torch.as_tensor(one_number(value, f"self.log({name!r})", "one number, or a metric of torchmetrics"))
        size = one_number(batch_size or self.size, f"self.log({name!r})", "a number as batch_size")
        self._values.setdefault(name, []).append((value.detach().double(), float(size)))

    def names(self) -> list[str]:
        """The names of all that was logged."""
        return sorted({*self._values, *self._metrics})

    def listed(self) -> str:
        """The names, for a message."""
        return ", ".join(map(repr, self.names())) or "nothing"

    def value(self, name: str) -> float:
        """The value over the whole validation."""
        if name in self._metrics:
            return computed(self._metrics[name])
        values, sizes = zip(*self._values[name], strict=True)
        reduced = _REDUCED[self._reductions[name]]
        return reduced(torch.stack([value.cpu() for value in values]), torch.tensor(sizes, dtype=torch.float64))


def reset_metrics(module: LightningModule) -> None:
    """Begins the metrics of a module anew, as Lightning does after an epoch with those that are logged."""
    metrics: list[Any] = [part for part in module.modules() if _is_metric(part)]
    for metric in metrics:
        metric.reset()


def _is_metric(value: Any) -> bool:
    """Whether it is one of torchmetrics, which isn't imported for it."""
    return callable(getattr(value, "compute", None)) and callable(getattr(value, "reset", None))
