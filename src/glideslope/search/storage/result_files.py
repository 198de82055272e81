"""What a search writes at its end: result.json, runs.csv and report.html."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glideslope.documents import sealed
from glideslope.search.storage.run_files import WRITTEN
from glideslope.search.storage.stored import strict


def contents(result: dict[str, Any], curves: Sequence[tuple[np.ndarray, np.ndarray]], report: str) -> dict[str, bytes]:
    """The files' contents by name: of what `--json` prints, the rates and losses of each run, and the page."""
    lines = ["run,step,lr,loss"]
    for i, (rates, losses) in enumerate(curves):
        pairs = zip(rates.tolist(), losses.tolist(), strict=False)  # a run that diverged has fewer losses
        lines += [f"{i},{t},{rate:.9g},{loss:.9g}" for t, (rate, loss) in enumerate(pairs)]
    texts = (sealed(plain(result), indent=1), "\n".join(lines), report.removesuffix("\n"))
    return {name: f"{text}\n".encode() for name, text in zip(WRITTEN, texts, strict=True)}


def plain(value: Any) -> Any:
    """Data that strict JSON can hold: a number that isn't finite becomes null."""
    return strict(value, named=False)
