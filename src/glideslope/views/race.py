"""The answer of a race, on the screen, in the report and in a notebook."""

from __future__ import annotations

import math
from collections.abc import Sequence

from glideslope.plural import plural
from glideslope.search.race import Race, Standing, mean_loss, within_noise
from glideslope.search.runs.contestant import Run
from glideslope.search.runs.idle import shown_name
from glideslope.search.strategy.outcomes import not_finite
from glideslope.views import events, report, run_charts
from glideslope.views.answer import Answer, in_html, made_again
from glideslope.views.charts import Chart
from glideslope.views.reasons import WHY, apart, beside, lost

_CURVES = 40  # the runs whose curves a report has, at most: the best


def answer(raced: Race) -> Answer:
    """What to do after a race."""
    best, seeds = raced.standings[0], _seeds_of(raced)
    return Answer(
        do=_do(raced),
        sure=() if _failed(raced) else (*_tied(raced), *_seeds(best, seeds)),
        beaten=() if _failed(raced) else _beaten(raced),
        cost=f"{plural(raced.updates, 'update', ',')} for {plural(len(raced.standings), 'contestant')}"
        + (f", {plural(seeds, 'seed')} each." if seeds > 1 else ".")
        + made_again(raced.wasted)
        + (f" Not run: {'; '.join(raced.left_out)}." if raced.left_out else ""),
        terms=("peak", "loss", *(("± s.e.",) if seeds > 1 else ()), "updates to"),
    )


def columns(raced: Race) -> tuple[str, ...]:
    """The heads of the table; with several seeds one for the standard error."""
    return "schedule", "peak", "loss", *(("± s.e.",) if _seeds_of(raced) > 1 else ()), f"updates to {raced.target:.4g}"


def rows(raced: Race) -> list[tuple[object, ...]]:
    """The standings under `columns`."""
    several = _seeds_of(raced) > 1
    return [
        (shown_name(s.runs), s.contestant.peak, s.mean, *((s.standard_error,) if several else ()), s.updates_to_target)
        for s in raced.standings
    ]


def reasons(contestants: Sequence[Sequence[Run]], lead: str) -> list[str]:
    """Why each contestant is the answer of a race, or isn't, from its runs, one for each seed: a short phrase each.
    `lead` is what the best is called."""
    seeds = max(map(len, contestants))
    order = sorted((runs for runs in contestants if len(runs) == seeds), key=mean_loss)
    tied = {id(runs) for runs in within_noise(order)[1:]}
    best = order[0]

    def reason(runs: Sequence[Run]) -> str:
        infinite = [run for run in runs if not math.isfinite(run.final_loss)]
        if infinite:
            return lost(infinite[0]) if seeds == 1 else f"diverged with {len(infinite)} of {plural(len(runs), 'seed')}"
        if len(runs) < seeds:
            return "not yet run with every seed"
        if runs is best:
            mean = f" by its mean over {seeds} seeds" if seeds > 1 else ""
            return f"{lead}: the lowest of {len(order)}{mean}"
        if id(runs) in tied and seeds > 1:
            return f"{apart(mean_loss(runs) - mean_loss(best))} {lead}, within the noise of {seeds} seeds"
        alike = next(one for one in order if one[0].contestant.name == runs[0].contestant.name)
        of, name = (best, lead) if alike in (runs, best) else (alike, "the lowest of its kind")
        if all(run.final_loss >= run.untrained > mean_loss(of) for run in runs):
            return f"no lower than the untrained loss, {beside(runs[0], of[0])}"
        return f"{apart(mean_loss(runs) - mean_loss(of))} {name}, {beside(runs[0], of[0])}"

    return list(map(reason, contestants))


def chart(raced: Race) -> Chart:
    """The final loss against the peak, a curve for each schedule."""
    ends = [(one.contestant.name, one.contestant.peak, one.mean) for one in raced.standings]
    untrained = max((run.untrained for one in raced.standings for run in one.runs), default=math.nan)
    return run_charts.peaks(ends, untrained, "The validation loss at the end of each contestant's runs.")


def page(raced: Race, job: str) -> str:
    """The report."""
    said = answer(raced)
    why = reasons([one.runs for one in raced.standings], "the answer")
    standings = [(*row, reason) for row, reason in zip(rows(raced), why, strict=True)]
    first = [one.runs[0] for one in raced.standings[:_CURVES]]
    every = [run for one in raced.standings for run in one.runs]
    parts = [
        in_html(said), report.figure(chart(raced)), report.listing("Standings", (*columns(raced), WHY), standings),
        report.figure(run_charts.losses(first, "Losses, the best runs first")),
        report.figure(run_charts.rates(first, "Rates")), *events.sections(every), report.glossary(said.terms),
    ]  # fmt: skip
    return report.page(f"Race of {job}", parts)


def _seeds_of(raced: Race) -> int:
    return len(raced.standings[0].runs)


def _failed(raced: Race) -> bool:
    return not math.isfinite(raced.standings[0].mean)


def _do(raced: Race) -> str:
    best = raced.standings[0]
    if _failed(raced):
        runs = [run for one in raced.standings for run in one.runs]
        reason = not_finite(runs) or "the rates are too large for this job, or its validation loss isn't finite"
        return f"Every contestant diverged: {reason}."
    steps = best.runs[0].steps
    if not raced.learned:
        return (
            f"Nothing learned: the best, {best.contestant}, ended at {best.mean:.4g} after "
            f"{plural(steps, 'update', ',')}, no lower than the untrained loss, {best.runs[0].untrained:.4g}."
        )
    return (
        f"Train with {best.contestant.name} at a peak of {best.contestant.peak:g}: validation loss {best.mean:.4g} "
        f"after {plural(steps, 'update', ',')}."
    )


def _tied(raced: Race) -> tuple[str, ...]:
    others = raced.tied[1:]
    if not others:
        return ()
    apart = "within noise of the best" if _seeds_of(raced) > 1 else "as low as the best"
    return (f"A tie, {apart}: {'; '.join(map(str, others))}.",)


def _seeds(best: Standing, seeds: int) -> tuple[str, ...]:
    if seeds == 1:
        return (
            "One seed doesn't show the noise: of two contestants that differ by less than it, the lower may be so by "
            "chance. --seeds 3, in Python seeds=3, measures it.",
        )
    return (f"{plural(seeds, 'seed')}; the standard error of the best mean is {best.standard_error:.2g}.",)


def _beaten(raced: Race) -> tuple[str, ...]:
    best, constant = raced.standings[0], raced.constant
    if best is constant:
        said = [f"A constant rate is best: no schedule ended below {best.mean:.4g}."]
    else:
        said = [f"The best constant rate, {constant.contestant.peak:g}, ended at {constant.mean:.4g}."]
    second = next((one for one in raced.standings[1:] if one is not constant), None)
    if second is not None:
        said.append(
            f"Next: {second.contestant}, {second.mean:.4g}." if math.isfinite(second.mean) else "All others diverged."
        )
    return tuple(said)
