"""The answer of tune, on the screen, in the report and in a notebook."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from glideslope.feedback import Event
from glideslope.plural import plural
from glideslope.search.runs.contestant import Contestant, Run
from glideslope.search.runs.idle import shown_name
from glideslope.search.strategy.outcomes import final_loss
from glideslope.search.tune import Tuned
from glideslope.views import events, report, run_charts
from glideslope.views.answer import Answer, in_html, made_again
from glideslope.views.charts import Chart
from glideslope.views.reasons import WHY, Compared

COLUMNS = ("schedule", "peak", "updates", "loss")


def answer(tuned: Tuned, problem: str | None = None) -> Answer:
    """What to do, how sure that is, what it beat, and what it cost; or why a search ended with an error."""
    problem = problem or tuned.problem
    contestant = tuned.final.made_with
    do = (
        f"Train with {contestant.name} at a peak of {contestant.peak:g}: validation loss {tuned.final_loss:.4g} after "
        f"{plural(tuned.steps, 'update', ',')}."
    )
    predicted = () if problem else ("predicted", "in …% of trainings")
    if problem:
        do = f"{problem[0].upper()}{problem[1:]}."
    return Answer(
        do=do,
        sure=(*([f"The best run was {contestant}."] if problem else _sure(tuned)), *_capped(tuned.final)),
        beaten=_beaten(tuned),
        cost=_cost(tuned)
        + made_again(tuned.wasted)
        + (f" Up to {tuned.ahead:,} more were made ahead, and weren't asked for." if tuned.ahead else ""),
        terms=("peak", "updates", "loss", "untrained", *predicted, "short run", "full run"),
    )


def _capped(run: Run) -> Iterable[str]:
    """Where the rate was capped."""
    for event in run.events if run.has_caps else ():
        if event.factor == 0:
            yield (
                f"The validation loss was least after update {event.back_to:,}, and ended at {event.loss:.4g}: "
                "the answer is the training there, its rate zero from then on."
            )
            continue
        back = f" it went back to update {event.back_to:,}, and" if _went_back(event) else ""
        what = "wasn't finite" if event.kind == "not finite" else "rose"
        said = f"The training loss {what} by update {event.update + 1:,}"
        yield f"{said}:{back} its rate stayed under half of that there."
    if run.has_caps and any(event.factor > 0 and _went_back(event) for event in run.events):
        yield "The updates in between were lost: a run of the schedule itself makes them, and ends at another loss."


def _went_back(event: Event) -> bool:
    return event.back_to <= event.update


def _cost(tuned: Tuned) -> str:
    full, batch = tuned.full[0].contestant.cost(tuned.steps), tuned.full[0].contestant.batch
    updates = f"{plural(tuned.search_updates, 'update', ',')}"
    took = updates if batch == 1 else f"as many examples as {updates} of the job's own batch"
    return f"The search took {took}, {tuned.search_updates / full:.2f} full runs."


def row(run: Run) -> tuple[str, float, int, float]:
    """A run as a row under `COLUMNS`; a feedback that never acted is called that, and caps of the rate are said."""
    name = run.made_with.name if run.has_caps else shown_name([run])
    return name, run.contestant.peak, run.steps, run.final_loss


def rounds(candidates: Iterable[Run]) -> dict[str, list[Run]]:
    """The short runs by the round that they were made in, each by its peak: first the peaks of one schedule, then
    other schedules, then other optimizers, averages and numbers of the optimizer."""
    by_round: dict[str, list[Run]] = {}
    first = None
    for run in candidates:
        first = first or run.contestant.name
        by_round.setdefault(_round(run.contestant, first), []).append(run)
    return {
        f"Round {i}: {title}": sorted(runs, key=lambda run: run.contestant.peak)
        for i, (title, runs) in enumerate(by_round.items(), 1)
    }


def _round(contestant: Contestant, first: str) -> str:
    if contestant.name == first:
        return f"peaks of {first}"
    if contestant.settings:
        return f"other values of {', '.join(name for name, _ in contestant.settings)}"
    return f"peaks of {contestant.name}" if contestant.optimizer or contestant.average else "other schedules"


def full_runs(tuned: Tuned) -> list[Run]:
    """The full runs, then those of constant rates, the best of each first."""
    others = sorted((run for run in tuned.full if run.losses is not tuned.final.losses), key=final_loss)
    return [tuned.final, *others, *sorted(tuned.constants, key=final_loss)]


def chart(tuned: Tuned) -> Chart:
    """The final loss of short runs, and of full ones, against their peak."""
    ends = [
        (f"{run.contestant.name}, {plural(run.steps, 'update', ',')}", run.contestant.peak, run.final_loss)
        for run in (*tuned.candidates, *tuned.full, *tuned.constants)
    ]
    caption = "The validation loss that each run ends with; runs of one schedule and one length are joined."
    return run_charts.peaks(ends, max(run.untrained for run in tuned.candidates), caption)


def page(tuned: Tuned, job: str, problem: str | None, paste: Sequence[str], load: Sequence[str]) -> str:
    """The report of a job's search, with lines to train with its answer, and lines that load what was trained."""
    said, full = answer(tuned, problem), full_runs(tuned)
    compared = Compared(tuned.candidates, tuned.full, tuned.constants, (), tuned.noise, tuned.final)

    def listing(title: str, runs: Iterable[Run]) -> str:
        return report.listing(title, (*COLUMNS, WHY), [(*row(run), compared.reason(run)) for run in runs])

    short = [
        report.figure(run_charts.losses(tuned.candidates, "Losses of the short runs")),
        *(listing(name, runs) for name, runs in rounds(tuned.candidates).items()),
    ]
    parts = [
        in_html(said),
        report.code("To train with it yourself", paste),
        report.figure(chart(tuned)),
        report.figure(run_charts.losses(full, "Losses of the full runs")),
        report.figure(run_charts.rates(full, "Rates of the full runs")),
        listing("Full runs", full),
        *events.sections([tuned.final]),
        report.folded(f"Short runs, {len(tuned.candidates)}", short),
        report.code("To load what was trained", load),
        report.glossary(said.terms),
    ]
    return report.page(f"Tuning {job}", parts)


def _stopped(tuned: Tuned) -> list[str]:
    """A sentence where the run of the answer stops early."""
    if any(run is tuned.final for run in tuned.full):
        return []
    others = [run.final_loss for run in tuned.full if run.losses is not tuned.final.losses]
    noise = "The training learns its noise"
    noise += ", or the peak is too large for a longer one" if len(others) == len(tuned.full) else ""
    return [
        f"It stops after {plural(tuned.final.made, 'update', ',')}, since no full run ended as low: "
        f"{min(others):.4g} at best. {noise}. The updates at rate 0 can be left out."
    ]


def _sure(tuned: Tuned) -> list[str]:
    low, high = tuned.predicted
    length = min(run.steps for run in tuned.candidates)
    full = f" and {len(tuned.full)} full runs" if len(tuned.full) > 1 else ""
    said = [
        *_stopped(tuned),
        f"Predicted from short runs of {plural(length, 'update', ',')}: {low:.4g} to {high:.4g}.",
        f"After such short runs{full}, in {tuned.near:.0%} of trainings no other peak ends lower by over 1%.",
    ]
    beside = [
        f"{loss:.4g} at {place}"
        for place, loss in zip(("half of it", "twice it"), tuned.sensitivity, strict=True)
        if math.isfinite(loss)
    ]
    if beside:
        best = min(map(final_loss, tuned.candidates))
        said.append(f"Short runs end at {best:.4g} at their best peak; interpolated, {' and '.join(beside)}.")
    if len({str(run.contestant.schedule) for run in tuned.candidates}) == 1:
        said.append("The peak was tuned; the schedule is the usual one.")
    return said


def _beaten(tuned: Tuned) -> tuple[str, ...]:
    said = [f"The untrained loss, {tuned.final.untrained:.4g}."] if math.isfinite(tuned.final.untrained) else []
    if tuned.constant is None or not math.isfinite(tuned.constant.final_loss):
        return tuple(said)
    peak, loss = tuned.constant.contestant.peak, tuned.constant.final_loss
    lower = tuned.final_loss < loss
    share = f": the answer ends {1 - tuned.final_loss / loss:.0%} lower" if lower and tuned.final_loss > 0 else ""
    number = f"the best of {len(tuned.constants)} constant rates, {peak:g}, ended at {loss:.4g}"
    said.append(f"{number[0].upper()}{number[1:]}{share}." if lower else f"Not beaten: {number}.")
    return tuple(said)
