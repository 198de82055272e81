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
from glideslope.laws.law import Fitted
from glideslope.laws.law_file import law_bytes
from glideslope.laws.size_law import KEY, VERSION, Around, SizeLaw

_Positive = Annotated[float, Meta(gt=0, lt=1e100)]
_Finite = Annotated[float, Meta(gt=-1e100, lt=1e100)]


class _Run(msgspec.Struct, forbid_unknown_fields=True):
    """A run that a law was fitted on."""

    name: str
    peak: _Positive
    steps: Annotated[int, Meta(ge=1, le=2**53)]
    points: Annotated[int, Meta(ge=1, le=2**53)]


class _Size(msgspec.Struct, forbid_unknown_fields=True):
    """A size and its runs."""

    params: _Positive
    weight_decay: Annotated[float, Meta(ge=0, lt=1e100)] | None
    runs: Annotated[list[_Run], Meta(min_length=1)]


class _Around(msgspec.Struct, forbid_unknown_fields=True):
    """What a law counts from; see `Around`."""

    center: _Finite
    reference: _Positive
    unit: _Positive
    batch: _Positive | None
    batches: tuple[_Positive, _Positive] | None
    decay: _Positive | None


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    """What a file holds; for what each is see `SizeLaw`."""

    glideslope_size_law: Annotated[int, Meta(ge=VERSION, le=VERSION)]
    place: list[_Finite]
    covariance: list[list[_Finite]]
    around: _Around
    noise: Annotated[float, Meta(ge=0, lt=1e100)]
    unseen: Annotated[float, Meta(ge=0, lt=1e100)]
    shift: _Finite
    sizes: Annotated[list[_Size], Meta(min_length=2, max_length=1000)]
    notes: list[str]
    checksum: str = ""


def load_sizes(path: Path | str) -> SizeLaw:
    """The law over sizes in a file that `SizeLaw.save` wrote. Raises a LawError if there is none, or it is of another
    version, or damaged."""
    content = law_bytes(path)
    try:
        document = checked({**unsealed(content)}, _Document)
        return _law(document)
    except DocumentError as error:
        if b'"glideslope_law"' in content[:1000]:
            raise LawError(f"{path} is a law of one size: design takes it with --steps, laws.load reads it") from error
        raise LawError(
            f"{path} is no law over sizes of version {VERSION}, or damaged ({error}): fit it again"
        ) from None


def is_of_sizes(path: Path | str) -> bool:
    """Whether a file is that of a law over sizes; not, if it can't be read."""
    try:
        with Path(path).open("rb") as file:
            return f'"{KEY}"'.encode() in file.read(1000)
    except OSError:
        return False


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
    around = Around(**{name: getattr(document.around, name) for name in _Around.__struct_fields__})
    fitted = tuple(
        (size.params, tuple(Fitted(run.name, run.peak, run.steps, run.points) for run in size.runs))
        for size in document.sizes
    )
    decays = tuple(math.nan if size.weight_decay is None else size.weight_decay for size in document.sizes)
    return SizeLaw(
        np.array(document.place), matrix, around, document.noise, document.unseen, document.shift, fitted, decays,
        tuple(document.notes),
    )  # fmt: skip
