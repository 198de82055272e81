"""The room where a law says what schedules would end at: curves with their bands, a design, and what-ifs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from glideslope.errors import GlideslopeError, LawError
from glideslope.escape import visible
from glideslope.laws import Designed, Law, Rates, design
from glideslope.laws.reach import TIMES_THE_LONGEST, far_peak, span
from glideslope.plural import plural
from glideslope.schedules.numbers import MOST_UPDATES
from glideslope.studio.course import batch, course, losses, what_ifs
from glideslope.studio.draw import Drawing, drawn, edited
from glideslope.studio.exchange import MOST_UPLOAD, TooLargeError, answer, content, posted, refusal
from glideslope.studio.library import Known, Library
from glideslope.studio.plan import Plan, Text
from glideslope.views.charts import Chart, Mark, Series
from glideslope.views.curves import Curve

_NO_CURVES = "The file of this law has no curves of its runs: drop their logs here, or fit it again, to draw them"
Name = Annotated[str, Meta(max_length=300)]


class Prediction(Drawing, forbid_unknown_fields=True):
    """A plan, and the law that its losses are predicted by."""

    law: Name = ""  # its name
    moving: bool = False  # whether a drag goes on, during which what-ifs wait


class Group(msgspec.Struct, forbid_unknown_fields=True):
    """Files that were dropped together."""

    group: Annotated[str, Meta(pattern="^[a-z0-9]{1,32}$")]


Column = Annotated[str, Meta(max_length=200)] | None
Updates = Annotated[int, Meta(ge=0, le=MOST_UPDATES)] | None


class Logs(Group, forbid_unknown_fields=True):
    """Files that were dropped together, to be fitted, and what they don't say: arguments of `laws.read`."""

    step: Column = None
    lr: Column = None
    loss: Column = None
    warmup: Updates = None
    steps_per_epoch: Annotated[float, Meta(gt=0, le=1e12)] | None = None
    schedule: Text | None = None
    peak: Annotated[float, Meta(gt=0, le=1e6)] | None = None
    steps: Updates = None

    @property
    def options(self) -> dict[str, Any]:
        """Those that were given."""
        values = msgspec.structs.asdict(self)
        return {name: value for name, value in values.items() if name != "group" and value is not None}


def predicted(library: Library, asked: Prediction) -> dict[str, Any]:
    """All that is drawn of a plan and of the schedule that the law would design beside it, and the predicted losses.
    Raises a LawError if there is no such law, or a ScheduleError if the schedule can't be changed as asked."""
    if not asked.law:
        raise LawError("no law: drop logs on the page, or open the studio on a folder with what glideslope fit wrote")
    known = library.law(asked.law)
    law, plan = known.law, edited(asked.plan, asked.edit)
    beside = _designed(law, msgspec.structs.replace(plan, schedules=(), chosen=0))
    picture = drawn(Drawing(plan), [] if beside is None else [beside.curve])
    series, final = _series(law, plan, picture["schedules"])
    if beside is not None:
        series.append(Series(beside.curve.text, *beside.losses, "dashed"))
    for run in law.fitted:
        if run.means[0]:
            step, measured = map(np.array, run.means)
            series.append(Series(f"{run.name}, measured", step, measured, "points"))
    return {
        **picture, "loss_chart": _chart(law, plan, series).data(), "final": final, "law": _described(known),
        "warnings": [visible(text) for text in law.warnings(plan.steps, plan.peak)],
        "what_if": None if asked.moving else what_ifs(law, plan) if final else [],
        "design": beside and beside.plain(), "careful": _careful(law, plan, beside),
    }  # fmt: skip


def routes(library: Library) -> Sequence[Route]:
    """The routes of the room."""

    async def drop(request: Request) -> Response:
        try:
            group = msgspec.convert({"group": request.path_params["group"]}, Group).group
            library.keep(group, request.path_params["name"], await content(request, MOST_UPLOAD))
        except TooLargeError as error:
            return refusal(error, 413)
        except (GlideslopeError, msgspec.ValidationError, OSError) as error:
            return refusal(error)
        return answer(None)

    return (
        posted("/api/laws", type(None), lambda asked: library.names()),
        posted("/api/predict", Prediction, lambda asked: predicted(library, asked)),
        Route("/api/drop/{group}/{name:path}", drop, methods=["POST"]),
        posted("/api/fit", Logs, lambda asked: {"law": library.fitted(asked.group, asked.options)}),
    )


@dataclass(frozen=True)
class _Beside:
    """The schedule that a law designs for a plan's horizon and peak."""

    curve: Curve  # its rates
    losses: tuple[np.ndarray, np.ndarray]  # updates, and the predicted losses after them
    best: Designed  # with its predicted loss
    free: Designed  # the one that may choose its peak too

    def plain(self) -> dict[str, Any]:
        """What the page says of it."""
        return {
            name: {"schedule": str(one.schedule), "peak": one.peak, "loss": one.loss}
            for name, one in (("best", self.best), ("free", self.free))
        }


@lru_cache(maxsize=64)
def _design(law: Law, steps: int, peak: float | None) -> Designed:
    return design(law, steps, peak=peak).simplest()


@lru_cache(maxsize=64)
def _designed(law: Law, plan: Plan) -> _Beside | None:
    """The design beside a plan without schedules; None where the law has none, as of a short run."""
    try:
        best, free = (_design(law, plan.steps, peak) for peak in (plan.peak, None))
        rates = Rates.of_schedule(best.schedule.over(plan.steps), plan.steps, best.peak)
    except GlideslopeError:
        return None
    return _Beside(
        replace(plan.curve(str(best.schedule)), text="the design of the law"), losses(law, plan, rates), best, free
    )


def _series(law: Law, plan: Plan, states: list[dict[str, Any]]) -> tuple[list[Series], dict[str, float] | None]:
    """The predicted curve of each schedule, and the end of the one that is edited; a problem is put in its state."""
    series: list[Series] = []
    final = None
    for text, state in zip(plan.schedules, states, strict=True):
        if "message" in state:
            continue
        try:
            alone = msgspec.structs.replace(plan, schedules=(text,), chosen=0, axis="updates", log=False)
            rates, at, loss = course(law, alone, plan.fine)
            band = law.interval(rates, at, 0.9, batch(law, plan)) if text == plan.text else None
        except GlideslopeError as error:
            state["message"], state["column"] = visible(str(error)), None
            continue
        series.append(Series(state["canonical"], at, loss, band=band))
        if band is not None:
            final = {"loss": float(loss[-1]), "low": float(band[0][-1]), "high": float(band[1][-1])}
    return series, final


def _chart(law: Law, plan: Plan, series: list[Series]) -> Chart:
    marks, peaks = [], [run.peak for run in law.fitted]
    seen = TIMES_THE_LONGEST * max(run.steps for run in law.fitted)
    if plan.steps > seen:
        marks.append(Mark(f"beyond {TIMES_THE_LONGEST} times the longest run fitted", float(seen), float(plan.steps)))
    if far_peak(plan.peak, peaks):
        marks.append(Mark(f"a peak far from those fitted, {span(peaks)}", 0.0, float(plan.steps)))
    return Chart(
        "Predicted loss", "Lines are predicted; the band of the schedule that is edited has the loss in 90% of runs.",
        "update", "loss", series, marks, linear=True, top=_top(series),
    )  # fmt: skip


def _careful(law: Law, plan: Plan, beside: _Beside | None) -> list[str]:
    """What should be known of the numbers beside the prediction and isn't said of it: those at half and twice the
    horizon and the peak, and of the design at its own peak."""
    others = [(2 * plan.steps, plan.peak), (plan.steps, plan.peak / 2), (plan.steps, 2 * plan.peak)]
    others += [] if beside is None else [(plan.steps, beside.free.peak)]
    said = law.warnings(plan.steps, plan.peak)
    warnings = [
        text for steps, peak in others if steps <= MOST_UPDATES and peak > 0 for text in law.warnings(steps, peak)
    ]
    return [visible(text) for text in dict.fromkeys(warnings) if text not in said]


def _top(series: list[Series]) -> float:
    """The largest loss that is shown at first: what is early and high would flatten the rest."""
    starts = [float(np.interp(0.08 * one.x[-1], one.x, one.y)) for one in series if len(one.x)]
    return max(starts, default=math.inf)


def _described(known: Known) -> dict[str, Any]:
    law, peaks = known.law, [run.peak for run in known.law.fitted]
    notes = [visible(note) for note in known.notes[:20]]
    if not any(run.means[0] for run in law.fitted):
        notes.append(_NO_CURVES)
    runs = f"{plural(len(peaks), 'run')} of up to {max(run.steps for run in law.fitted):,} updates"
    over = f"{'peaks' if ' ' in span(peaks) else 'a peak of'} {span(peaks)}"
    return {
        "says": f"{runs}, {over}; ends of runs are {law.noise:.2%} from what fits without them predict",
        "doubt": visible(law.doubt), "notes": notes, "knows_batch": law.batch_size is not None,
    }  # fmt: skip
