"""The file that a law of final losses is kept in."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from glideslope.documents import checked, unsealed
from glideslope.errors import DocumentError, LawError
from glideslope.laws.kinds import LOSSES
from glideslope.laws.law_file import Finite, NotNegative, Positive, check_covariance, law_bytes
from glideslope.laws.table_law import NAMES, VERSION, TableLaw

_Place = Annotated[list[Finite], Meta(min_length=len(NAMES), max_length=len(NAMES))]
_Range = tuple[Positive, Positive]


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    """What a file holds; for what each is see `TableLaw`."""

    glideslope_table_law: Annotated[int, Meta(ge=VERSION, le=VERSION)]
    place: _Place
    covariance: Annotated[list[_Place], Meta(min_length=len(NAMES), max_length=len(NAMES))]
    center: tuple[Finite, Finite, Finite, Finite]
    noise: NotNegative
    ranges: tuple[_Range, _Range, _Range, _Range]
    notes: tuple[str, ...]
    edges: list[tuple[Finite, Finite, Finite, Finite | None, Finite | None]]


def load_table(path: Path | str) -> TableLaw:
    """The law of final losses in a file that `TableLaw.save` wrote. Raises a LawError if there is none, or it is of
    another kind or version, or damaged."""
    try:
        document = checked(unsealed(law_bytes(path, LOSSES)), _Document)
        covariance = np.array(document.covariance)
        check_covariance(covariance)
    except DocumentError as error:
        raise LawError(
            f"{path} is no law of final losses of version {VERSION}, or damaged ({error}): fit it again"
        ) from None
    edges = np.array(document.edges, dtype=float).reshape(-1, 5)
    edges[:, 3:] = np.where(np.isnan(edges[:, 3:]), (-math.inf, math.inf), edges[:, 3:])
    law = (document.center, document.noise, document.ranges, document.notes)
    return TableLaw(np.array(document.place), covariance, *law, edges)
