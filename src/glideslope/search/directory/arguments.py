"""The arguments of a run directory: whether they are of their kinds."""

from __future__ import annotations

import os
from typing import Any

from glideslope.documents import shown
from glideslope.errors import RunDirectoryError
from glideslope.schedules.numbers import is_number


def check_arguments(folder: Any, search: Any, checkpoint_every: Any) -> None:
    """Raises a RunDirectoryError unless folder, search and the time between checkpoints are of their types."""
    if not isinstance(folder, str | os.PathLike):
        raise RunDirectoryError(f"the folder of a run is {shown(folder, 80)}: give its path")
    if not isinstance(search, dict):
        example = "{'steps': 20_000}"
        raise RunDirectoryError(f"search={shown(search, 80)}: give a dict of what is searched, such as {example}")
    if not (is_number(checkpoint_every) and checkpoint_every >= 0):
        raise RunDirectoryError(f"checkpoint_every={shown(checkpoint_every, 80)}: give seconds, math.inf for none")
