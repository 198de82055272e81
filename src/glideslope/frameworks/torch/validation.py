"""The validation of a torch training, which leaves it as it was."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from glideslope.errors import JobError
from glideslope.frameworks.torch import randomness
from glideslope.frameworks.torch.averaging import STATISTICS, as_evaluated, measure_statistics
from glideslope.frameworks.torch.batch import moved
from glideslope.frameworks.torch.gradient_step import Precision
from glideslope.frameworks.torch.loader import Position, spread
from glideslope.frameworks.torch.metric import Measure
from glideslope.frameworks.torch.resumable import stream

_FEWEST = 512
"""Examples in an estimate: the mean of fewer would rank runs by chance."""


class Validation:
    """Measures a model over batches.

    Args:
        measurement: begins a measurement.
        forward: makes a forward pass of a model on a batch, for the statistics of batch normalization.
        precision: of the passes.
        data: the position in the training data.
        optimizers: those with `train` and `eval`, whose weights for evaluation are measured.
        generators: that a batch or a pass may draw from.
        loader: gives the batches of a full validation.
        most: batches of a validation; all if not given.
    """

    def __init__(
        self,
        measurement: Callable[[], Measure],
        forward: Callable[[torch.nn.Module, Any], Any],
        precision: Precision,
        data: Position,
        optimizers: Sequence[Any],
        generators: list[randomness.Source],
        loader: Iterable[Any],
        most: int | None,
    ) -> None:
        self.measurement, self.forward, self.precision, self.data = measurement, forward, precision, data
        self.optimizers, self.generators, self.most = optimizers, generators, most
        self._stream = stream(loader)
        self._begins = copy.deepcopy(self._stream.state_dict()) if self._stream is not None else None
        self._random = randomness.save(generators) if most is not None else None
        trained = data.stateful if data.stateful is not None else data.stream
        self._parts: dict[int, Iterable[Any]] = {}  # of the loader, by the examples asked for
        self._shares = trained is not None and (trained is loader or trained is self._stream)

    @torch.no_grad()
    def __call__(self, loader: Iterable[Any], model: torch.nn.Module, averaged: bool) -> float:
        """The measurement of a model.

        Args:
            loader: gives the batches.
            model: the model.
            averaged: whether its weights are averages of those that are trained.

        Raises:
            JobError: the loader gave no batch.
        """
        random_state = randomness.save(self.generators)
        position = copy.deepcopy(self.data.save()) if self._shares else None
        measure = self.measurement()
        batches = 0
        with as_evaluated(model, [] if averaged else self.optimizers) as other:
            try:
                if other or averaged:
                    measure_statistics(model, self.data.sample(STATISTICS), self._pass)
                model.eval()
                for batch in self._batches(loader):
                    batch = moved(batch, self.precision.device)
                    with self.precision.context():
                        measure.add(model, batch)
                    batches += 1
            finally:
                if position is not None:
                    self.data.load(position)
                randomness.load(random_state, self.generators)
        if not batches:
            raise JobError("the validation loader is empty: it gave no batch")
        return measure.value()

    @torch.no_grad()
    def state_of(self, model: torch.nn.Module) -> dict[str, Any]:
        """The state dictionary of a model with the weights that its optimizers evaluate."""
        if not self.optimizers:
            return dict(model.state_dict())
        random_state = randomness.save(self.generators)
        with as_evaluated(model, self.optimizers):
            measure_statistics(model, self.data.sample(STATISTICS), self._pass)
            state = copy.deepcopy(model.state_dict())
        randomness.load(random_state, self.generators)
        return dict(state)

    def part(self, loader: Iterable[Any], examples: float) -> Iterable[Any]:
        """About so many examples, spread over a loader: the same part each time; the loader for infinitely many."""
        if math.isinf(examples):
            return loader
        wanted = max(_FEWEST, math.ceil(examples))
        if wanted not in self._parts:
            self._parts[wanted] = spread(loader, wanted)
        return self._parts[wanted]

    def _batches(self, loader: Iterable[Any]) -> Iterable[Any]:
        """The same batches at each validation, also of a stream and of an endless loader."""
        if self._stream is not None:
            self._stream.load_state_dict(copy.deepcopy(self._begins))
        if self._random is not None:
            randomness.load(self._random, self.generators)
        return loader if self.most is None else itertools.islice(loader, self.most)

    def _pass(self, model: torch.nn.Module, batch: Any) -> None:
        with self.precision.context():
            self.forward(model, moved(batch, self.precision.device))
