"""The validation of a torch training, which leaves its data as they were."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import torch

from glideslope.errors import JobError
from glideslope.frameworks.torch.job import randomness
from glideslope.frameworks.torch.job.batch import moved
from glideslope.frameworks.torch.job.gradient_step import Precision
from glideslope.frameworks.torch.job.loader import Parts, Position
from glideslope.frameworks.torch.job.metric import Measure
from glideslope.frameworks.torch.job.resumable import stream


class Validation:
    """Measures a model over batches of a loader, at most `most`; a batch or a pass may draw from the generators. The
    position in the training data stays as it is."""

    def __init__(
        self,
        measurement: Callable[[], Measure],
        precision: Precision,
        data: Position,
        generators: list[randomness.Source],
        loader: Iterable[Any],
        most: int | None,
    ) -> None:
        self.measurement, self.precision, self.data, self.most = measurement, precision, data, most
        self._generators, self._parts, self._stream = generators, Parts(loader, most=most), stream(loader)
        self._begins = copy.deepcopy(self._stream.state_dict()) if self._stream is not None else None
        self._random = randomness.save(generators) if most is not None else None
        trained = data.stateful if data.stateful is not None else data.stream
        self._shares = trained is not None and (trained is loader or trained is self._stream)

    def __call__(self, model: torch.nn.Module, examples: float) -> float:
        """The measurement of a model on about so many examples; on all for infinitely many. Raises a JobError if the
        loader gave no batch."""
        position = copy.deepcopy(self.data.save()) if self._shares else None
        measure = self.measurement()
        batches = 0
        try:
            for batch in self._batches(examples):
                batch = moved(batch, self.precision.device)
                with self.precision.context():
                    measure.add(model, batch)
                batches += 1
        finally:
            if position is not None:
                self.data.load(position)
        if not batches:
            raise JobError("the validation loader is empty: it gave no batch")
        return measure.value()

    def _batches(self, examples: float) -> Iterable[Any]:
        """The same batches at each validation, also of a stream and of an endless loader."""
        if self._stream is not None:
            self._stream.load_state_dict(copy.deepcopy(self._begins))
        if self._random is not None:
            randomness.load(self._random, self._generators)
        return itertools.islice(self._parts.of(examples), self.most)
