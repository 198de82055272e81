"""The file that a law over sizes is kept in."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from glideslope.documents import checked, unsealed
from glideslope.errors import DocumentError, LawError
from glideslope.laws.form import NAMES
from glideslope.laws.kinds import SIZES, kind_of
from glideslope.laws.law import Fitted
from glideslope.laws.law_file import Finite, FittedRun, NotNegative, Positive, law_bytes
from glideslope.laws.size_law import VERSION, Around, SizeLaw


class _Size(msgspec.Struct, forbid_unknown_fields=True):
    """A size and its runs."""

    params: Positive
    weight_decay: NotNegative | None
    runs: Annotated[list[FittedRun], Meta(min_length=1)]


class _Around(msgspec.Struct, forbid_unknown_fields=True):
    """What a law counts from; see `Around`."""

    center: Finite
    reference: Positive
    unit: Positive
    batch: Positive | None
    batches: tuple[Positive, Positive] | None
    decay: Positive | None


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    """What a file holds; for what each is see `SizeLaw`."""

    glideslope_size_law: Annotated[int, Meta(ge=VERSION, le=VERSION)]
    place: list[Finite]
    covariance: list[list[Finite]]
    around: _Around
    noise: NotNegative
    unseen: NotNegative
    shift: Finite
    sizes: Annotated[list[_Size], Meta(min_length=2, max_length=1000)]
    notes: list[str]


def load_sizes(path: Path | str) -> SizeLaw:
    """The law over sizes in a file that `SizeLaw.save` wrote. Raises a LawError if there is none, or it is of another
    version, or damaged."""
    content = law_bytes(path, SIZES)
    try:
        return _law(checked(unsealed(content), _Document))
    except DocumentError as error:
        raise LawError(
            f"{path} is no law over sizes of version {VERSION}, or damaged ({error}): fit it again"
        ) from None


def is_of_sizes(path: Path | str) -> bool:
    """Whether a file is that of a law over sizes; not, if it can't be read."""
    return kind_of(path) == SIZES


def _law(document: _Document) -> SizeLaw:
    length = 1 + len(NAMES) * (2 + len(document.sizes))
    covariance = document.covariance
    if len(document.place) != length or len(covariance) != length or any(len(row) != length for row in covariance):
        raise DocumentError(f"place and covariance of other lengths than {length}")
    matrix = np.array(covariance)
    if np.abs(matrix - matrix.T).max() > 1e-6 * np.abs(matrix).max() or np.diag(matrix).min() < 0:
        raise DocumentError("the covariance isn't that of anything: it isn't symmetric, or a variance is below 0")
    sizes = [size.params for size in document.sizes]
    if sizes != sorted(sizes):
        raise DocumentError("sizes out of order")
    around = Around(*msgspec.structs.astuple(document.around))
    fitted = tuple(
        (size.params, tuple(Fitted(run.name, run.peak, run.steps, run.points) for run in size.runs))
        for size in document.sizes
    )
    decays = tuple(math.nan if size.weight_decay is None else size.weight_decay for size in document.sizes)
    return SizeLaw(
        np.array(document.place), matrix, around, document.noise, document.unseen, document.shift, fitted, decays,
        tuple(document.notes),
    )  # fmt: skip
