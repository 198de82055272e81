"""The file that a law is kept in."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from glideslope.documents import MOST_BYTES, checked, parsed, shown, unsealed
from glideslope.errors import DocumentError, LawError, reason
from glideslope.laws.form import NAMES, RELAXATION, H
from glideslope.laws.kinds import ONE_SIZE, check_kind
from glideslope.laws.law import VERSION, Fitted, Law

_CURVELESS = 4  # the version before, without the curves of the runs
_ONE_CLOCK = 3  # the one before that, whose noise had no clock of its own: its h is that of the loss
_UNSEALED = 2  # the one before, which had no checksum either
_BATCHLESS = 1  # the first, whose laws knew no batch sizes, and so had no r
_R = 0.2  # The median of the prior of r. Without a batch size it has no effect on any loss.
_ROUNDING = 1e-9  # of the largest variance: by how much a covariance may miss what one is
Positive = Annotated[float, Meta(gt=0, lt=1e100)]
Finite = Annotated[float, Meta(gt=-1e100, lt=1e100)]
NotNegative = Annotated[float, Meta(ge=0, lt=1e100)]
_Count = Annotated[int, Meta(ge=1, le=2**53)]
_Row = Annotated[list[float], Meta(min_length=len(NAMES), max_length=len(NAMES))]


class FittedRun(msgspec.Struct, forbid_unknown_fields=True):
    """A run that a law was fitted on."""

    name: str
    peak: Positive
    steps: _Count
    points: _Count
    means: tuple[list[NotNegative], list[NotNegative]] = ([], [])


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    """What a file holds; for what each is see `Law`."""

    glideslope_law: int
    parameters: dict[str, NotNegative]
    covariance: Annotated[list[_Row], Meta(min_length=len(NAMES), max_length=len(NAMES))]
    reference: Positive
    unit: Positive
    noise: NotNegative
    shift: Finite
    fitted: Annotated[list[FittedRun], Meta(min_length=1)]
    notes: list[str]
    batch_size: Positive | None
    baseline: Positive | None = None
    misfit: NotNegative = 0.0
    drift: NotNegative = 0.0
    batches: tuple[Positive, Positive] | None = None


def load(path: Path | str) -> Law:
    """The law in a file that `Law.save` wrote; one of a version without a checksum has a note that says so. Raises a
    LawError if there is none, or it is of another version, or damaged."""
    content = law_bytes(path, ONE_SIZE)
    try:
        document = _upgraded(parsed(content))
        version = document.get("glideslope_law") if isinstance(document, dict) else None
        if version not in (_UNSEALED, _ONE_CLOCK, _CURVELESS, VERSION) or isinstance(version, bool):
            raise LawError(
                f"{path} is no law of a version from 1 to {VERSION} (it has {shown(version, 40)}): fit it again"
            )
        if version != _UNSEALED or "checksum" in document:
            document = unsealed(content)
        return _law(checked(document, _Document))
    except DocumentError as error:
        what = "is a damaged law" if b"glideslope_law" in content else "is no law, or a damaged one"
        raise LawError(f"{path} {what} ({error}): fit makes one") from None


def _upgraded(document: Any) -> Any:
    """A document of the first version as one of the second; any other as it is."""
    if not isinstance(document, dict) or document.get("glideslope_law") is not _BATCHLESS:
        return document
    parameters, covariance = document.get("parameters"), document.get("covariance")
    if not isinstance(parameters, dict) or not isinstance(covariance, list):
        return document
    rows = [[*row, 0.0] if isinstance(row, list) else row for row in covariance]
    return document | {
        "glideslope_law": _UNSEALED, "parameters": parameters | {"r": _R},
        "covariance": [*rows, [0.0] * (len(rows) + 1)], "batch_size": None,
    }  # fmt: skip


def _law(document: _Document) -> Law:
    """The law of a document. Raises a DocumentError if its parameters or covariance aren't those of a law."""
    parameters = document.parameters
    if document.glideslope_law <= _ONE_CLOCK:
        parameters = parameters | {"h": H}
    if parameters.keys() != {*NAMES, *RELAXATION}:
        raise DocumentError(f"parameters other than {', '.join([*NAMES, *RELAXATION])}")
    if zero := [name for name, value in parameters.items() if not value and name != "offset"]:
        raise DocumentError(f"{', '.join(zero)} at 0, which must be above it")
    covariance = np.array(document.covariance)
    check_covariance(covariance)
    notes = document.notes
    if document.glideslope_law == _UNSEALED:
        notes = [*notes, f"the file of the law is of version {_UNSEALED}, without a checksum: save it again"]
    return Law(
        {name: parameters[name] for name in (*NAMES, *RELAXATION)}, covariance, document.reference, document.unit,
        document.noise, document.shift, tuple(map(_fitted, document.fitted)), tuple(notes), document.batch_size,
        document.baseline, document.misfit, document.drift, document.batches,
    )  # fmt: skip


def _fitted(run: FittedRun) -> Fitted:
    step, loss = map(tuple, run.means)
    if len(step) != len(loss) or any(one >= after for one, after in pairwise((0.0, *step, run.steps + 1.0))):
        raise DocumentError(f"the means of {shown(run.name, 60)} have other updates than its {len(loss)} losses")
    return Fitted(run.name, run.peak, run.steps, run.points, (step, loss))


def check_covariance(covariance: Any) -> None:
    """Raises unless a matrix is symmetric and has no negative eigenvalue, but for rounding."""
    most = float(np.abs(covariance).max())
    if most >= 1e100 or np.abs(covariance - covariance.T).max() > _ROUNDING * most:
        raise DocumentError("the covariance isn't symmetric")
    if most and np.linalg.eigvalsh(covariance / most).min() < -_ROUNDING:
        raise DocumentError("the covariance isn't positive: a variance comes out below 0")


def law_bytes(path: Path | str, kind: str) -> bytes:
    """The content of a file that may be a law's of some kind. Raises a LawError if it can't be read, is too large for
    one, or is a law of another kind."""
    try:
        if Path(path).stat().st_size > MOST_BYTES:
            raise LawError(f"{path} can't be read as a law: it is larger than {MOST_BYTES:,} bytes")
        content = Path(path).read_bytes()
    except (OSError, TypeError, ValueError) as error:  # ValueError: a name with a null character
        raise LawError(f"{path} can't be read as a law: {reason(error)}") from None
    check_kind(path, content, kind)
    return content
