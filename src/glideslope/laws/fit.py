"""Fitting a law on runs: robust least squares on the logarithm of the loss, with weak priors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from glideslope.errors import LawError
from glideslope.laws import bins
from glideslope.laws.batch_sizes import extent, reference_batch
from glideslope.laws.bins import Points
from glideslope.laws.chosen import check_enough, groups_of, spread, useless
from glideslope.laws.curve_priors import any_data, like_public
from glideslope.laws.curve_problem import Problem, shift_of
from glideslope.laws.form import MULTI_POWER
from glideslope.laws.law import MOST_NOISE, Fitted, Law
from glideslope.laws.run import Run, used, without_twins
from glideslope.warning import warn

ROUGH, FINE = 1e-3, 1e-6  # how well a minimum is found at first, and in the end
ROUGH_RUNS, ROUGH_POINTS = 10, 1_000  # runs, and points of all of them, that the priors are tried with
FEW = 3
_OF_MISFIT, _OF_DRIFT = 3.5, 1.7
"""The deviation of a prediction over the misfit, and that of one of twice the updates over the drift. With these nine
tenths of the ends of 34 small trainings of benchmarks/search/tables lie within 1.645 deviations, at half the peak, half
and twice the updates: see benchmarks/search/laws_small.py."""


def fit(runs: Sequence[Run], *, form: str = "general") -> Law:
    """Fits a law on the loss curves of runs.

    Args:
        runs: two or more, with schedules that differ: a constant rate and one that is annealed tell most.
        form: "general", or "multi-power", the law as its paper has it, for runs of one peak rate.

    Of a run with more than 400 losses that a fit uses (of over 25 runs, 10,000 over their number), neighbours are
    averaged to so many; a mean counts by the noise that its points leave it. `notes` says so, and what was dropped.
    Where the law tells nothing, since the ends of runs are no nearer to what fits without them predict than to the mean
    loss of the others, `doubt` says so, and a warning does.

    Formula: L(t) = L0 + A·(S(t) + s0)^-α + B·Σ_k (v_k^p - v_{k-1}^p)·(1 - (1 + C·η_k^-γ·(R(t) - R_k))^-β), with
    v = η/Q^0.6, S(t) = Σ_{τ<t} v_τ and R(t) = Σ_{τ<t} η_τ/Q_τ. Q is the growth of ‖w‖², dQ/ds = a·η - b·Q along
    s = Σ η, from 1: the larger the weights, the less a rate turns them, and the less curved is the loss. v_{-1} = 0, so
    the warmup's rise counts. Rates are over the geometric mean of the peaks. Where batch sizes differ, b over their
    geometric mean, η·b^r is in the place of η, and v^p/b in that of v^p, the noise: r is 0 for SGD, and 1/2 for Adam
    where noise outweighs the gradient. The multi-power law has Q = 1, p = 1 and s0 = 0.

    Source: Luo et al. 2025, arXiv:2503.12811; Q, p, s0 and R, the noise's own clock, are ours.

    Raises:
        LawError: there are too few runs or points, or none whose rate falls; the message says what would help.
    """
    if not isinstance(form, str) or form not in ("general", "multi-power"):
        raise LawError(f"form={form!r}: give 'general' or 'multi-power'")
    kept, notes = without_twins(runs)
    notes += [f"{run.name}: {note}" for run in kept for note in run.notes]
    longest = max((len(run.lr) for run in kept), default=0)
    for run, why in [(run, why) for run in kept if (why := useless(run, longest))]:
        notes.append(f"{run.name} {why}, and is dropped")
        kept.remove(run)
    check_enough(kept, notes)
    few = [run.name for run in kept if len(used(run, longest)) < FEW]
    notes += [f"{name} tells little: it has under {FEW} losses that a fit uses" for name in few]
    reference = float(np.exp(np.mean([math.log(run.peak) for run in kept])))
    sizes = reference_batch(kept)
    fixed = {} if form == "general" else MULTI_POWER
    most = bins.most_of_a_run(len(kept))
    points = [Points.of(run, longest, most) for run in kept]
    means = zip((len(used(run, longest)) for run in kept), (len(of_run.log) for of_run in points), strict=True)
    notes += bins.note([run.name for run in kept], list(means))
    lowest = min(float(run.loss.min()) for run in kept)
    priors = [any_data(longest, reference, lowest), *([] if fixed else [like_public(lowest)])]
    few_runs, few_points = kept, points
    if len(kept) > ROUGH_RUNS or sum(len(of_run.log) for of_run in points) > ROUGH_POINTS:
        few_runs = spread(kept, ROUGH_RUNS)
        few_points = [Points.of(run, longest, min(most, ROUGH_POINTS // len(few_runs))) for run in few_runs]
    try:
        problems = [Problem(few_runs, few_points, prior, longest, sizes, fixed) for prior in priors]
        rough, best = _chosen(problems, groups_of(few_runs))
        problem = rough
        if few_runs is not kept:
            problem = Problem(kept, points, rough.prior, longest, sizes, fixed)
        problem.noise = problem.noise_at(best)
        _, best = problem.solved(best, FINE)
        misfit, drift = min(_OF_MISFIT * problem.misfit(best), 3.0), min(_OF_DRIFT * problem.drift(best), 3.0)
    except (ValueError, FloatingPointError, np.linalg.LinAlgError) as error:
        raise LawError(f"these curves can't be fitted ({error}): look at them, and at their rates") from None
    groups, prior = groups_of(kept), problem.prior
    theta, covariance, noise = problem.settled(best, groups)
    if not problem.noise < MOST_NOISE:
        raise LawError(
            f"these curves don't follow a law: points lie {problem.noise:.0%} from it; look at them, and at their rates"
        )
    fitted = tuple(
        Fitted(run.name, run.peak, len(run.lr), len(run.step), bins.drawn(of_run, len(kept)))
        for run, of_run in zip(kept, points, strict=True)
    )
    shift = shift_of(kept, [theta] * len(kept), prior.reference, prior.unit, sizes)
    baseline = problem.of_means(groups)
    law = Law(
        theta, covariance, prior.reference, prior.unit, noise, shift, fitted, tuple(notes), sizes, baseline, misfit,
        drift, extent(kept),
    )  # fmt: skip
    if not law.doubt:
        return law
    warn(law.doubt)
    return replace(law, notes=(*law.notes, law.doubt))


def _chosen(problems: Sequence[Problem], groups: Sequence[Sequence[int]]) -> tuple[Problem, np.ndarray]:
    """The problem whose prior explains the losses best, or else the one of public curves where ends lie nearer to its
    fits without their runs, and nearer than to the mean of the others; and the place of its minimum.

    Args:
        problems: one for each prior, that of public curves last.
        groups: the runs that are left out together.
    """
    places = [problem.solved(problem.begun(ROUGH), ROUGH)[1] for problem in problems]
    noise = min(problem.noise_at(place) for problem, place in zip(problems, places, strict=True))
    for problem in problems:
        problem.noise = noise
    ends = [(problem, problem.solved(place, FINE)[1]) for problem, place in zip(problems, places, strict=True)]
    likeliest, public = max(ends, key=lambda end: end[0].evidence(end[1])), ends[-1]
    error, of_public = (problem.settled(place, groups)[2] for problem, place in (likeliest, public))
    return public if of_public < min(error, public[0].of_means(groups)) else likeliest
