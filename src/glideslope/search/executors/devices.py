"""The GPUs of this machine, and which of them each worker process has."""

from __future__ import annotations

import os
import subprocess

from glideslope.errors import SearchError
from glideslope.plural import plural

VISIBLE = "CUDA_VISIBLE_DEVICES"


def gpus() -> list[str]:
    """The GPUs of this process: those in `CUDA_VISIBLE_DEVICES`, where it is set, else all that the driver lists."""
    if (visible := os.environ.get(VISIBLE)) is not None:
        names = [name.strip() for name in visible.split(",")]
        return names[: names.index("-1")] if "-1" in names else [name for name in names if name]
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return []
    return listed.stdout.split()


def shares(workers: int, gpus_per_trial: int) -> list[dict[str, str]]:
    """The environment by which each worker sees its GPUs only, {} for 0 each. Raises a SearchError for too few."""
    if gpus_per_trial < 0:
        raise SearchError(f"--gpus-per-trial {gpus_per_trial}: give 0 or more")
    if gpus_per_trial == 0:
        return [{}] * workers
    there, needed = gpus(), workers * gpus_per_trial
    if len(there) < needed:
        which = f"{VISIBLE} names {len(there)}" if VISIBLE in os.environ else f"this machine has {len(there)}"
        advice = f"at most {len(there) // gpus_per_trial} workers, or " if len(there) >= gpus_per_trial else ""
        raise SearchError(
            f"{plural(workers, 'worker')} with {plural(gpus_per_trial, 'GPU')} each need {needed}, and {which}: give "
            f"{advice}--gpus-per-trial 0 for runs on the CPU"
        )
    parts = [there[i * gpus_per_trial : (i + 1) * gpus_per_trial] for i in range(workers)]
    return [{VISIBLE: ",".join(part)} for part in parts]
