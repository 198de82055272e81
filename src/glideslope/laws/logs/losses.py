"""Which losses of some runs are fitted, those of the training or those of validations."""

from __future__ import annotations

from glideslope.errors import LawError
from glideslope.laws.logs import roles
from glideslope.laws.logs.names import normal, ranked
from glideslope.laws.logs.run_of_log import Assigned, run_of
from glideslope.laws.logs.series import Log
from glideslope.laws.logs.source import Labels
from glideslope.laws.run import used

ENOUGH = 10  # validation losses of a run that are enough for them to be fitted, and not the training losses


TRAINING_FIRST = ("training", "validation")


def kind_of_loss(
    logs: dict[str, Log], labels: Labels, warmup: int | None, assigned: Assigned | None
) -> tuple[tuple[str, ...], list[str]]:
    """The roles of the losses that are fitted, for all runs alike, and a note where there was a choice."""
    if labels.loss is not None:
        return TRAINING_FIRST, []
    kinds = {name: (bool(ranked(log, "training")), bool(ranked(log, "validation"))) for name, log in logs.items()}
    measured = {name: kind for name, kind in kinds.items() if any(kind)}
    notes = []
    if any(all(kind) for kind in measured.values()):
        why = "there are too few"
        if all(validation for _, validation in measured.values()):
            why = _lacking({name: logs[name] for name in measured}, labels, warmup, assigned)
            if not why:
                return TRAINING_FIRST[::-1], ["the validation losses are fitted, the training losses aren't used"]
        notes.append(f"the training losses are fitted: of the validation losses {why}")
    for kind in TRAINING_FIRST:
        series = {name: (ranked(logs[name], kind) or [""])[0] for name in measured}
        if len(different := sorted({normal(column) for column in series.values() if column})) > 1:
            notes.append(f"the {kind} losses have different names, {', '.join(different)}: are they of the same data?")
    alone = [name for name, (training, _) in measured.items() if not training]
    if alone and len(alone) < len(measured):
        notes.append(f"{', '.join(alone)}: validation losses are fitted, beside the training losses of the others")
    return TRAINING_FIRST, notes


def _lacking(logs: dict[str, Log], labels: Labels, warmup: int | None, assigned: Assigned | None) -> str:
    """What the validation losses lack for a fit, if anything."""
    runs = []
    for name, log in logs.items():
        try:
            runs.append(run_of(name, log, ("validation",), labels, warmup, assigned)[0])
        except LawError as error:
            if assigned is None and roles.rate(log, labels)[0] is None:
                continue
            return f"some can't be fitted ({error})"
    longest = max((len(run.lr) for run in runs), default=0)
    few = [run for run in runs if len(used(run, longest)) < ENOUGH]
    return f"there are too few in {', '.join(run.name for run in few)}" if few else ""
