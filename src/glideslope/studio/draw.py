"""The room where schedules are drawn: curves of texts, what a drag makes of a text, and the text in other forms."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.routing import Route

from glideslope.conversion.export import export
from glideslope.conversion.json_form import to_json
from glideslope.errors import GlideslopeError, ScheduleError
from glideslope.escape import visible
from glideslope.schedules import Schedule
from glideslope.schedules.units import by_clock
from glideslope.studio import handles
from glideslope.studio.exchange import posted
from glideslope.studio.plan import Plan, parsed, scheduled
from glideslope.views.curves import Curve, Time, chart
from glideslope.views.digits import rounded
from glideslope.views.gallery import entries

MOST_EACH = 50_000  # the updates that a copied table has one by one: of more, a page would hang on its text


class Edit(msgspec.Struct, forbid_unknown_fields=True):
    """A change of the schedule that is edited."""

    act: Literal["move", "remove", "add", "points"]  # a handle moved or removed, a point added, or all in points
    handle: Annotated[int, Meta(ge=0, le=10_000)] = 0  # which, from the left
    x: float | None = None  # where it is moved, on the axis of time
    y: float | None = None  # the rate that it is moved to


class Drawing(msgspec.Struct, forbid_unknown_fields=True):
    """What is drawn: a plan, after a change of it if there is one."""

    plan: Plan
    edit: Edit | None = None


class Copy(msgspec.Struct, forbid_unknown_fields=True):
    """A schedule in another form."""

    plan: Plan
    to: Literal["text", "torch", "optax", "keras", "transformers", "deepspeed", "json", "csv"]


def edited(plan: Plan, edit: Edit | None) -> Plan:
    """The plan after a change. Raises a ScheduleError if the schedule can't be changed so."""
    if edit is None:
        return plan
    texts = [*plan.schedules]
    texts[min(plan.chosen, len(texts) - 1)] = str(_changed(plan, edit, scheduled(plan.text)))
    return msgspec.structs.replace(plan, schedules=tuple(texts))


def drawn(drawing: Drawing, beside: Sequence[Curve] = ()) -> dict[str, Any]:
    """The chart of a plan after a change, with the curves `beside`; what is wrong with each of its texts; and the
    handles of the one that is edited. Raises a ScheduleError if the schedule can't be changed so."""
    plan = edited(drawing.plan, drawing.edit)
    curves: list[Curve] = []
    states: list[dict[str, Any]] = []
    for text in plan.schedules:
        try:
            curve = plan.curve(text)
        except GlideslopeError as error:
            states.append({"message": visible(str(error)), "column": getattr(error, "column", None)})
            continue
        curves.append(curve)
        states.append({"canonical": curve.text})
    time = Time.of(plan.axis, plan.clock)
    title = f"{plan.steps:,} updates at a peak of {plan.peak:g}"
    return {
        "text": plan.text, "chart": chart([*curves, *beside], time, title).data(), "schedules": states,
        "handles": _handles(plan, time.per_update),
        "end": plan.steps * time.per_update, "note": plan.note,
        "worth": {"epochs": plan.steps * plan.batch / plan.epoch, "examples": plan.steps * plan.batch,
                  "tokens": plan.steps * plan.batch * plan.tokens},
    }  # fmt: skip


def copied(copy: Copy) -> dict[str, str]:
    """The schedule that is edited, as text or JSON with what else moves it, and else alone; of rows that aren't of
    every update, how many they are. Raises a ConversionError if it has no such form."""
    plan = copy.plan
    if copy.to == "text":
        return {"code": str(parsed(plan.text))}
    if copy.to == "json":
        return {"code": json.dumps(json.loads(to_json(parsed(plan.text))), indent=2)}
    code = export(by_clock(scheduled(plan.text), plan.clock), plan.steps, plan.peak, copy.to, MOST_EACH)
    if copy.to == "csv" and plan.steps > MOST_EACH:
        rows = code.count("\n") - 1
        return {"code": code, "note": f"{rows:,} of {plan.steps:,} updates"}
    return {"code": code}


def gallery(asked: None) -> list[dict[str, Any]]:
    """Every schedule by name, with an example and its curve."""
    return [
        {"example": entry.example, "summary": entry.summary,
         "curve": rounded(entry.curve.rates[::8] / max(entry.curve.rates), 3)}
        for entry in entries()
    ]  # fmt: skip


ROUTES: Sequence[Route] = (
    posted("/api/draw", Drawing, drawn),
    posted("/api/copy", Copy, copied),
    posted("/api/gallery", type(None), gallery),
)


def _handles(plan: Plan, per_update: float) -> list[dict[str, Any]]:
    """The handles of the schedule that is edited; none where its text can't be read or has none."""
    try:
        movable = handles.handles(scheduled(plan.text), plan.steps, plan.clock)
    except GlideslopeError:
        return []
    return [
        {"name": handle.name, "x": handle.x * per_update, "y": handle.y * plan.peak, "up": handle.up is not None,
         "across": handle.across is not None, "removable": handle.removed is not None}
        for handle in movable if math.isfinite(handle.x) and math.isfinite(handle.y)
    ]  # fmt: skip


def _changed(plan: Plan, edit: Edit, value: Schedule) -> Schedule:
    if edit.act == "points":
        return handles.in_points(value, plan.steps, plan.clock)
    if edit.act == "add":
        return handles.with_point(value)
    movable = handles.handles(value, plan.steps, plan.clock)
    if edit.handle >= len(movable):
        raise ScheduleError(f"{value} has {len(movable)} handles: none has the number {edit.handle + 1}")
    handle = movable[edit.handle]
    if edit.act == "remove":
        if handle.removed is None:
            raise ScheduleError(f"the {handle.name} can't be left out")
        return handle.removed
    changed = value
    if edit.x is not None and handle.across is not None and math.isfinite(edit.x):
        x = edit.x / Time.of(plan.axis, plan.clock).per_update
        changed = handle.across(min(max(x, 0.0), float(plan.steps)))
    if edit.y is not None and handle.up is not None and math.isfinite(edit.y):
        again = handles.handles(changed, plan.steps, plan.clock)[edit.handle]
        if again.up is not None:
            changed = again.up(min(max(float(f"{edit.y / plan.peak:.3g}"), 0.0), 1e6))
    changed.over(plan.steps, plan.clock)(0)  # raises where its phases don't fit
    return changed
