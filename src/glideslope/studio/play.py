"""The room where balls descend: their ways, the surface, and where its slope is zero."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from starlette.routing import Route

from glideslope.errors import GlideslopeError, ScheduleError
from glideslope.escape import visible
from glideslope.plural import plural
from glideslope.studio.descent.optimizers import limits
from glideslope.studio.descent.paths import Ball, Ended, Path, World, path
from glideslope.studio.descent.stationary import by_algebra, by_newton, descended
from glideslope.studio.descent.surfaces import PLACES, Surface, surface
from glideslope.studio.exchange import posted
from glideslope.views.charts import Chart, Series
from glideslope.views.digits import rounded

SECONDS = 2.0  # the most that the ways of all balls take to compute
_ALGEBRA = 6.0
_GRID = {1: 400, 2: 72}
_COARSE = 40  # places along each coordinate at which the height is taken: of a formula, and of a network
_CURVED = 60  # positions of a way at which the curvature is taken; between them it is straight
_MOST_DIMENSIONS = 12
End = Annotated[float, Meta(ge=-1e6, le=1e6)]
Window = Annotated[list[tuple[End, End]], Meta(min_length=1, max_length=2)]


class Play(msgspec.Struct, forbid_unknown_fields=True):
    """What is played."""

    surface: str = "ravine"  # its name; "formula" for one that is typed in
    formula: Annotated[str, Meta(max_length=400)] = "x^2 + 3*y^2 + 0.5*sin(3*x)"  # that one
    window: Window | None = None  # the least and the largest of each coordinate; that of the surface if not given
    balls: Annotated[list[Ball], Meta(min_length=1, max_length=6)] = msgspec.field(
        default_factory=lambda: [Ball([-2.6, 1.1], rate=0.05)]
    )
    """What is raced."""
    world: World = msgspec.field(default_factory=World)  # what they meet


class Dimensions(msgspec.Struct, forbid_unknown_fields=True):
    """In how many variables algebra and descent are compared."""

    dimensions: Annotated[int, Meta(ge=1, le=_MOST_DIMENSIONS)]
    solve: bool = True


def played(play: Play) -> dict[str, Any]:
    """The surface, and the way of each ball with the rates at which it would crawl, swing and diverge. Raises a
    FormulaError if the formula can't be read, or a ScheduleError if a ball's schedule can't, or there is no such
    surface."""
    ground = _surface(play)
    window = _window(play, ground)
    size = max(high - low for low, high in window)
    ways: list[Path | GlideslopeError] = []
    for ball in play.balls:
        try:
            ways.append(path(ground, ball, play.world, size, SECONDS / len(play.balls)))
        except GlideslopeError as error:
            ways.append(error)
    answers = [_way(ground, ball, way, window) for ball, way in zip(play.balls, ways, strict=True)]
    return {
        "dimensions": ground.dimensions, "window": window, "examples": ground.examples,
        "height": _heights(play.surface, play.formula, tuple(window)), "balls": answers,
        "chart": _chart(play.balls, answers).data(),
    }  # fmt: skip


def solved(play: Play) -> dict[str, Any]:
    """The places without a slope, by Newton's method and by algebra, with their times. Raises a FormulaError."""
    ground = _surface(play)
    window = _window(play, ground)
    if ground.examples:
        return {"places": [], "newton_seconds": None, "algebra": {
            "problem": "there is no formula to solve: the loss is a program over 1,000 weights and 256 examples",
            "count": None, "seconds": 0.0,
        }}  # fmt: skip
    began = time.monotonic()
    places = by_newton(ground, window)[:300]
    seconds = time.monotonic() - began
    algebra = by_algebra(play.formula if play.surface == "formula" else PLACES[play.surface].formula, _ALGEBRA)
    return {
        "places": [{"position": rounded(place.position, 7), "kind": place.kind} for place in places],
        "newton_seconds": seconds,
        "algebra": {"count": None if algebra.result is None else len(algebra.result), "seconds": algebra.seconds,
                    "problem": visible(algebra.problem)},
    }  # fmt: skip


def compared(asked: Dimensions) -> dict[str, Any]:
    """What it takes to solve for all places without a slope, and to descend to one, in so many variables."""
    updates, seconds, height = descended(asked.dimensions)
    answer: dict[str, Any] = {
        "dimensions": asked.dimensions, "places": 3**asked.dimensions, "updates": updates, "descent_seconds": seconds,
        "height": height, "count": None, "algebra_seconds": None, "problem": "",
    }  # fmt: skip
    if asked.solve:
        algebra = by_algebra(asked.dimensions, _ALGEBRA)
        answer |= {"count": algebra.result, "algebra_seconds": algebra.seconds, "problem": visible(algebra.problem)}
    return answer


def places(asked: None) -> list[dict[str, Any]]:
    """Every surface by name."""
    return [
        {"name": name, "title": place.title, "formula": place.formula, "about": place.about, "start": place.start,
         "rate": place.rate, "window": place.window}
        for name, place in PLACES.items()
    ]  # fmt: skip


ROUTES: Sequence[Route] = (
    posted("/api/play", Play, played), posted("/api/solve", Play, solved),
    posted("/api/dimensions", Dimensions, compared), posted("/api/places", type(None), places),
)  # fmt: skip


def _surface(play: Play) -> Surface:
    if play.surface not in (*PLACES, "formula"):
        raise ScheduleError(f"no surface {play.surface!r}: known are {', '.join(PLACES)} and formula")
    return surface(play.surface, play.formula)


def _window(play: Play, ground: Surface) -> list[tuple[float, float]]:
    usual = PLACES[play.surface].window if play.surface in PLACES else ((-3.0, 3.0), (-3.0, 3.0))
    axes = list(play.window or usual)
    window = [*axes, *usual[len(axes) :]][: ground.dimensions]
    window += [(-3.0, 3.0)] * (ground.dimensions - len(window))
    if any(high - low < 1e-6 for low, high in window):
        raise ScheduleError("the window is empty: give a least and a largest of each coordinate, the largest above it")
    return window


@lru_cache(maxsize=32)
def _heights(name: str, formula: str, window: tuple[tuple[float, float], ...]) -> list[float | None]:
    """The height over the window, row by row from the least y up."""
    ground = surface(name, formula)
    count = _COARSE if ground.examples else _GRID[len(window)]
    axes = [np.linspace(low, high, count) for low, high in window]
    points = np.stack([axis.ravel() for axis in np.meshgrid(*axes)], axis=1)
    return rounded(ground.values(points), 5)


def _way(ground: Surface, ball: Ball, way: Path | GlideslopeError, window: list[tuple[float, float]]) -> dict[str, Any]:
    if isinstance(way, GlideslopeError):
        return {"message": visible(str(way)), "column": getattr(way, "column", None)}
    marked = _marked(way, window)
    some = np.unique(np.linspace(0, len(way.at) - 1, min(_CURVED, len(way.at))).astype(int))
    curved = _steepest(ground.curvatures(way.positions[marked[some]]), ball.layers)
    bounds = limits(ball.optimizer, ball.momentum, np.interp(np.arange(len(way.at)), some, curved))
    return {
        "at": way.at.tolist(), "positions": [rounded(column, 7) for column in way.positions.T],
        "rates": rounded(way.rates, 5), "losses": rounded(ground.values(way.positions), 6), "ended": way.ended,
        "says": _says(way.ended, way), "limits": None if bounds is None else [rounded(bound, 4) for bound in bounds],
        "left": int(marked[-1]) if way.ended == "diverged" else None,
    }  # fmt: skip


def _marked(way: Path, window: list[tuple[float, float]]) -> np.ndarray:
    """The positions of a way, by number, at which its limits are taken: its own, shape (n,). Where a ball was lost the
    curvature tells nothing: from the last position in the window on it is taken there, and at the start where none is
    in it."""
    each = np.arange(len(way.at))
    if way.ended != "diverged":
        return each
    low, high = np.array(window).T
    inside = np.flatnonzero(np.all((way.positions >= low) & (way.positions <= high), axis=1))
    return np.asarray(np.minimum(each, inside.max(initial=0)))


def _steepest(matrices: np.ndarray, layers: list[float]) -> np.ndarray:
    """The largest eigenvalue of D^½·H·D^½ for each H, shape (n, d, d). The first d of `layers` are the diagonal of D:
    what the rate of each coordinate is multiplied by. H·D has the same eigenvalues."""
    roots = np.sqrt(layers[: matrices.shape[1]])
    scaled = np.nan_to_num(matrices, posinf=0.0, neginf=0.0) * np.outer(roots, roots)
    return np.asarray(np.linalg.eigvalsh(scaled)[:, -1])


def _says(ended: Ended, way: Path) -> str:
    updates = plural(int(way.at[-1]), "update", ",")
    if ended == "diverged" and np.isnan(way.positions[-1]).any():
        return f"where the surface has no slope after {updates}"
    return {
        "whole": updates,
        "diverged": f"diverged after {updates}",
        "time": f"the first {updates}: more take too long to compute here",
    }[ended]


def _named(ball: Ball) -> str:
    """What a ball is raced with, less what is usual."""
    parts = [f"{ball.optimizer} at {ball.rate:.4g}"]
    if ball.optimizer in ("momentum", "nesterov"):
        parts.append(f"momentum {ball.momentum:g}")
    if ball.layers != [1.0, 1.0]:
        parts.append("times " + ", ".join(f"{times:g}" for times in ball.layers))
    if ball.schedule.strip() not in ("constant", "constant()"):
        parts.append(ball.schedule)
    return "; ".join(parts)


def _chart(balls: list[Ball], ways: list[dict[str, Any]]) -> Chart:
    series = [
        Series(f"{i}: {_named(ball)}", np.array(way["at"]), np.array(way["losses"], dtype=float))
        if "at" in way else Series(f"{i}: no schedule", np.zeros(0), np.zeros(0))
        for i, (ball, way) in enumerate(zip(balls, ways, strict=True), 1)
    ]  # fmt: skip
    return Chart("Loss", "The height of each ball after each update.", "update", "loss", series)
