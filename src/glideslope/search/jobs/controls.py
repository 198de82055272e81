"""What the step of a job can set besides the rate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from glideslope.documents import shown
from glideslope.errors import JobError


def controls_of(job: Any) -> frozenset[str]:
    """The names of what the step of a job can set besides the rate. Raises a JobError if its `controls` aren't
    names."""
    names = getattr(job, "controls", ())
    if not isinstance(names, str) and isinstance(names, Iterable) and all(isinstance(name, str) for name in names):
        return frozenset(names)
    raise JobError(
        f"the job's controls are {shown(names)}: give the names of what its step sets, such as "
        '("batch_size", "weight_decay")'
    )
