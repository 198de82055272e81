"""The section of a DeepSpeed configuration that gives a schedule."""

from __future__ import annotations

from typing import Any

import numpy as np

from glideslope.frameworks.conversion.from_configuration import from_deepspeed


def deepspeed_section(at: np.ndarray, rates: np.ndarray, steps: int, peak: float) -> dict[str, Any] | None:
    """The section that gives exactly these rates, DeepSpeed's lag of an update included; None if there is none.

    The rates, shape (n,), are of updates from 0 to `steps`, 0 and 1 and `steps` among them; `peak` is the optimizer's
    rate, which WarmupCosineLR multiplies.
    """
    for section in _candidates(at, rates, steps, peak):
        of = peak if section["type"] == "WarmupCosineLR" else 1.0
        theirs = of * np.asarray(from_deepspeed(section)(at))
        if np.abs(theirs - rates).max() <= 1e-12 * rates.max():
            return section
    return None


def _candidates(at: np.ndarray, rates: np.ndarray, steps: int, peak: float) -> list[dict[str, Any]]:
    """Configurations whose warmup ends where the rates are highest."""
    top = float(rates.max())
    warm = int(at[np.argmax(rates >= top * (1 - 1e-12))]) - 1
    if warm < 2:
        return []
    sections = []
    for kind in ("linear", "log"):
        updates = warm + (kind == "log")
        params: dict[str, Any] = {"warmup_num_steps": updates, "warmup_type": kind}
        ends = {"warmup_min_lr": float(rates[0]), "warmup_max_lr": top}
        sections.append({"type": "WarmupLR", "params": ends | params})
        for total in {steps, steps - 1}:
            sections.append({"type": "WarmupDecayLR", "params": ends | params | {"total_num_steps": total}})
            ratios = {"warmup_min_ratio": float(rates[1]) / peak, "cos_min_ratio": float(rates[-1]) / peak}
            sections.append({"type": "WarmupCosineLR", "params": ratios | params | {"total_num_steps": total}})
    return sections
