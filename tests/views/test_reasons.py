"""Why each run of a tuning is its answer, or isn't, for runs whose losses are chosen here."""

from dataclasses import replace

import numpy as np
import pytest

import glideslope as gs
from glideslope.feedback import Event
from glideslope.search.race import standings
from glideslope.search.runs.contestant import Contestant, Run
from glideslope.search.strategy.stopped import stopped
from glideslope.search.trials import Trials
from glideslope.views.race import reasons
from glideslope.views.reasons import Compared, lost
from tests.views.results import Quadratic


def made(peak, loss, steps=100, schedule="one_cycle", curve=(4.0, 1.0), **details):
    losses = np.interp(np.arange(steps), np.linspace(0, steps - 1, len(curve)), curve)
    return Run(Contestant(gs.parse(schedule), peak), steps, 0, losses, (), loss, untrained=5.0, **details)


def reasons_of(short, full=(), constants=(), again=(), noise=0.0, final=None):
    compared = Compared(short, full, constants, again, noise, final)
    return [compared.reason(run) for run in (*short, *full, *constants, *again)]


def test_short_runs_before_there_is_a_full_one():
    short = [made(0.1, 2.0), made(0.4, 1.0), made(1.6, 6.0), made(0.8, np.inf, curve=(4.0, np.nan))]
    assert reasons_of(short) == [
        "1 above the best short run, at 0.25 times its peak",
        "the best short run so far",
        "no lower than the untrained loss: 5 above the best short run, at 4 times its peak",
        "diverged after 100 updates",
    ]


def test_the_best_of_several_full_runs_is_the_answer():
    short, full = [made(0.4, 1.0)], [made(0.3, 0.5, 400), made(0.6, 0.7, 400), made(0.15, 1.2, 400)]
    constant = made(0.3, 0.4, 400, "constant")
    assert reasons_of(short, full, [constant], final=full[0]) == [
        "the best short run: the first full run is made after it, at a peak of 0.3",
        "the answer: the lowest of 3 full runs",
        "0.2 above the lowest full run, at twice its peak",
        "0.7 above the lowest full run, at half its peak; no lower than a short run",
        "a constant rate, to compare with: 0.1 below the answer",
    ]


def test_a_rise_and_a_cap_of_the_rate_are_said():
    capped = made(0.3, 0.5, 400, curve=(4.0, 1.0, 1.6, 0.5), events=(Event(250, "rise", 1.6, 251, 0.5),))
    assert reasons_of([made(0.4, 1.0, curve=(4.0, 1.0, 3.0, 0.5))], [capped], final=capped) == [
        "the best short run: the first full run is made after it, at a peak of 0.3, "
        "lower since its training loss blew up on the way",
        "the answer: the full run; its training loss rose 1.5-fold on the way; its rate was capped there",
    ]


def test_a_short_run_is_the_answer_where_it_ends_lower():
    """As the search makes it: with the curve of the short run, and a rate of zero after it."""
    short, full = [made(0.4, 1.0)], [made(0.3, 1.5, 400)]
    final, _ = stopped(Trials(Quadratic()), short[0], short, full[0], 0.0)
    assert reasons_of(short, full, final=final) == [
        "the answer: it ends lower than every full run",
        "0.5 above the short run that is the answer",
    ]
    assert Compared(short, full, (), (), 0.0, final).reason(final) == "the answer: it ends lower than every full run"


def test_noise_decides_between_short_runs_as_the_search_does():
    """Of peaks within the noise the largest that does no harm, and no other schedule that is lower by less."""
    short = [
        made(0.1, 1.0),
        made(0.4, 1.03),
        made(1.6, 1.05, curve=(4.0, 6.0, 1.0)),
        made(0.4, 0.98, schedule="linear"),
    ]
    assert reasons_of(short, again=[made(0.4, 1.13)], noise=0.1) == [
        "within the noise of the best short run, at 0.25 times its peak",
        "the best short run so far",
        "within the noise of the best short run, at 4 times its peak",
        "within the noise of the best short run, with another schedule",
        "a short run in another data order, for the noise: 0.1 apart",
    ]


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ({"optimizer": "adam"}, "with another optimizer"),
        ({"average": gs.averages.Average.read("ema(0.9)")}, "with another average of the weights"),
        ({"settings": (("momentum", 0.9),)}, "with momentum 0.9"),
    ],
)
def test_what_a_run_was_made_with_is_said(details, said):
    best, other = made(0.4, 1.0), made(0.4, 2.0)
    other = replace(other, contestant=replace(other.contestant, **details))
    assert reasons_of([best, other])[1] == f"1 above the best short run, {said}"


def test_a_run_that_learned_nothing_is_no_answer():
    run = made(0.4, 5.5, 400, curve=(4.0, 4.0))
    assert reasons_of([], [run], final=run) == [
        "no answer, since it ends no lower than the untrained loss: the full run"
    ]


@pytest.mark.parametrize(
    ("problem", "last", "said"),
    [
        ("", np.nan, "diverged after 100 updates"),
        ("", 1.0, "its validation loss isn't finite"),
        ("no way back", 1.0, "stopped by its guard: no way back"),
    ],
)
def test_how_a_run_without_a_loss_ended_is_said_as_it_was(problem, last, said):
    assert lost(made(0.1, np.inf, curve=(1.0, last), problem=problem)) == said


def raced(**losses):
    """The runs of contestants of a race, a seed each."""
    groups = []
    for name, by_peak in losses.items():
        for peak, ends in by_peak.items():
            groups.append([replace(made(peak, loss, schedule=name), seed=seed) for seed, loss in enumerate(ends)])
    return groups


def test_the_contestants_of_a_race():
    groups = raced(
        linear={0.1: (1.0, 1.2, 1.1), 0.2: (2.0, 2.2, 1.9)},
        cosine={0.1: (1.02, 1.1, 1.25), 0.2: (3.0, 3.3, 3.1), 0.4: (1.0, np.inf, 1.0), 0.8: (9.0, 9.0, 9.0)},
        constant={0.1: (1.5, 1.8, 1.6), 0.05: (1.5, 1.8)},
    )
    said = reasons(groups, "the answer")
    assert said == [
        "the answer: the lowest of 7 by its mean over 3 seeds",
        "0.933 above the answer, at twice its peak",
        "0.0233 above the answer, within the noise of 3 seeds",
        "2.01 above the lowest of its kind, at twice its peak",
        "diverged with 1 of 3 seeds",
        "no lower than the untrained loss, at 8 times its peak",
        "0.533 above the answer, with another schedule",
        "not yet run with every seed",
    ]
    tied = standings([runs for runs in groups if len(runs) == 3], None, 0).tied
    assert [runs[0].contestant for runs, one in zip(groups, said, strict=True) if "noise" in one] == list(tied[1:])


def test_a_race_of_one_seed_has_no_noise():
    groups = raced(linear={0.1: (1.0,)}, constant={0.1: (1.5,), 0.2: (np.inf,)})
    assert reasons(groups, "the best so far") == [
        "the best so far: the lowest of 3",
        "0.5 above the best so far, with another schedule",
        "its validation loss isn't finite",
    ]
