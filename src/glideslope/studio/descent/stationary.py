"""Where the slope is zero: by Newton's method from many places, and by algebra."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from glideslope.studio.descent.algebra import coupled
from glideslope.studio.descent.surfaces import Surface

_STARTS = {1: 400, 2: 40}  # starts of Newton's method along each coordinate
_ITERATIONS = 60
_FLAT = 1e-9  # the largest slope at a place that counts as stationary, over the largest in the window
_STRAIGHT = 1e-6  # the least curvature that tells a minimum from a maximum, over the largest in the window
_AROUND = 1e-3  # how far from a place without a curvature its surroundings are looked at, over the window


@dataclass(frozen=True)
class Stationary:
    """A place where the slope is zero."""

    position: tuple[float, ...]  # where
    # "minimum", "maximum", "saddle", or "flat": where the curvature is none, and heights around are neither all above
    # nor all below.
    kind: str


@dataclass(frozen=True)
class Algebra:
    """What SymPy gave for the places where the slope is zero."""

    # The real solutions of a formula, or their count in so many variables; None where none came in time, or it has no
    # method.
    result: Any
    seconds: float  # what it took
    problem: str = ""  # why there is none


def by_newton(surface: Surface, window: list[tuple[float, float]]) -> list[Stationary]:
    """The places without a slope in a window, which has the least and the largest of each coordinate: each as a
    minimum, a maximum or a saddle, the lowest first. The surface has second derivatives."""
    axes = [np.linspace(low, high, _STARTS[len(window)]) for low, high in window]
    points = np.stack([axis.ravel() for axis in np.meshgrid(*axes)], axis=1)
    low, high = np.array(window).T
    scale, bend = np.nanmax(np.abs(surface.gradients(points))), np.nanmax(np.abs(surface.curvatures(points)))
    for _ in range(_ITERATIONS):
        slopes, matrices = surface.gradients(points), surface.curvatures(points)
        step = np.full_like(points, np.nan)
        regular = np.isfinite(matrices).all(axis=(1, 2)) & (np.abs(np.linalg.det(np.nan_to_num(matrices))) > 1e-300)
        step[regular] = np.linalg.solve(matrices[regular], slopes[regular][:, :, None])[:, :, 0]
        longest = 0.25 * (high - low)
        points = points - np.clip(step, -longest, longest)
    flat = np.abs(surface.gradients(points)).max(axis=1) <= _FLAT * max(scale, 1e-300)
    inside = np.all((points >= low) & (points <= high), axis=1)
    rounded = {tuple(np.round((point - low) / (high - low), 6)): point for point in points[flat & inside]}
    places = np.array(list(rounded.values())).reshape(-1, len(window))
    if not len(places):
        return []
    order = np.argsort(surface.values(places))
    kinds = [_kind(matrix, _STRAIGHT * bend) for matrix in surface.curvatures(places[order])]
    return [
        Stationary(tuple(place.tolist()), kind or _kind_by_heights(surface, place, _AROUND * (high - low)))
        for place, kind in zip(places[order], kinds, strict=True)
    ]


def by_algebra(problem: str | int, seconds: float) -> Algebra:
    """What SymPy solves within so many seconds, in a process of its own, for a formula or `coupled` variables."""
    began = time.monotonic()
    program = "from glideslope.studio.descent.algebra import main; main()"
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], input=json.dumps(problem), capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return Algebra(None, time.monotonic() - began, f"nothing in {seconds:g} s")
    if done.returncode:
        return Algebra(None, time.monotonic() - began, done.stderr.strip().rpartition("\n")[2] or "it ended early")
    said = json.loads(done.stdout)
    return Algebra(said.get("solutions", said.get("count")), said["seconds"], said["problem"])


def descended(dimensions: int) -> tuple[int, float, float]:
    """The updates, seconds and final height of a descent on `coupled` at a rate of 0.2, to a slope under 1e-8."""
    point = np.full(dimensions, 0.3)
    began, updates = time.monotonic(), 0
    while updates < 100_000:
        beside = np.zeros(dimensions)
        beside[:-1] += point[1:]
        beside[1:] += point[:-1]
        slope = point**3 - point + np.arange(1, dimensions + 1) / 20 + beside / 5
        if np.abs(slope).max() < 1e-8:
            break
        point = point - 0.2 * slope
        updates += 1
    return updates, time.monotonic() - began, float(coupled(point.tolist(), 1 / 20))


def _kind(matrix: np.ndarray, least: float) -> str:
    """What a place is by its curvature; "" where one is too small to tell."""
    values = np.linalg.eigvalsh(np.nan_to_num(matrix))
    if np.abs(values).min() <= least:
        return ""
    return "minimum" if values.min() > 0 else "maximum" if values.max() < 0 else "saddle"


def _kind_by_heights(surface: Surface, place: np.ndarray, far: np.ndarray) -> str:
    """What a place is by the heights around it."""
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False) if len(place) == 2 else np.array([0.0, np.pi])
    around = place + far * np.stack([np.cos(angles), np.sin(angles)], axis=1)[:, : len(place)]
    rise = surface.values(around) - surface.values(place[None])
    return "minimum" if np.all(rise > 0) else "maximum" if np.all(rise < 0) else "flat"
