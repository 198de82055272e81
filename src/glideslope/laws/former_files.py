"""Laws in files of versions that this program no longer writes."""

from __future__ import annotations

from typing import Any

BEFORE_BATCHES = 1
"""The version whose laws knew no batch sizes, and so had no r."""
WITH_BATCHES = 2
_R = 0.2
"""The median of the prior of r. Without a batch size it has no effect on any loss."""


def upgraded(document: Any) -> Any:
    """A document of the first version as one of the second; any other as it is.

    >>> upgraded({"glideslope_law": 3})
    {'glideslope_law': 3}
    """
    if not isinstance(document, dict) or document.get("glideslope_law") is not BEFORE_BATCHES:
        return document
    parameters, covariance = document.get("parameters"), document.get("covariance")
    if not isinstance(parameters, dict) or not isinstance(covariance, list):
        return document
    rows = [[*row, 0.0] if isinstance(row, list) else row for row in covariance]
    return document | {
        "glideslope_law": WITH_BATCHES,
        "parameters": parameters | {"r": _R},
        "covariance": [*rows, [0.0] * (len(rows) + 1)],
        "batch_size": None,
    }
