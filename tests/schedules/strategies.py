"""Random schedules, for property tests."""

from functools import reduce

from hypothesis import strategies as st

import glideslope as gs

SHAPES = st.sampled_from(["linear", "cosine", "sqrt", "exponential", "power", "rex"])
factors = st.floats(0, 10)
fractions = st.floats(0, 1)
lengths = st.integers(1, 500) | st.floats(1, 500)
percents = st.floats(1, 20).map(lambda p: f"{p}%")
parts_of_an_update = st.floats(0.01, 0.99).map(gs.Duration)
times = lengths | percents | parts_of_an_update

_phases = st.one_of(
    st.builds(gs.warmup, times, start=factors, peak=factors, shape=SHAPES),
    st.builds(gs.hold, times),
    st.builds(gs.cooldown, times, final=factors, shape=SHAPES),
    st.builds(gs.constant, factors, times),
    st.builds(gs.linear, times, start=factors, final=factors),
    st.builds(gs.cosine, times, final=factors),
    st.builds(gs.k_decay, times, k=st.floats(0.2, 4), final=factors),
    st.builds(gs.rex, times, final=factors),
    st.builds(gs.tanh, times, lower=factors, upper=factors),
    st.builds(gs.hyperbolic, st.integers(1, 500), bound=st.integers(500, 900), final=fractions),
    st.builds(gs.polynomial, times, power=st.floats(0.1, 5)),
    st.builds(gs.power, times, exponent=st.floats(0, 3), duration=times),
    st.builds(gs.inverse_time, times, staircase=st.booleans(), duration=times),
    st.builds(gs.exponential, times, ratio=st.floats(0.01, 1), staircase=st.booleans(), duration=times),
    st.builds(gs.one_cycle, times, last=st.floats(0, 0.9)),
    st.builds(gs.slanted_triangular, times, cut=fractions, ratio=st.floats(1, 50)),
    st.builds(gs.cosine_hard_restarts, times, cycles=st.integers(1, 5), final=fractions),
    st.builds(gs.chebyshev, st.integers(1, 300), ratio=st.floats(1, 100)),
    st.lists(st.tuples(st.integers(0, 500), factors), min_size=2, max_size=6, unique_by=lambda point: point[0]).flatmap(
        lambda points: st.sampled_from(["linear", "cosine", "step"]).map(
            lambda between: gs.from_points(sorted(points), between=between)
        )
    ),
)


def short(name, strategy):
    """The same strategy, whose name in a message is short."""

    @st.composite
    def drawn(draw):
        return draw(strategy)

    drawn.__name__ = name
    return drawn()


phases = short("phases", _phases)
endless = st.one_of(
    st.just(gs.linear()), st.builds(gs.cosine, final=fractions), st.builds(gs.inverse_sqrt, times),
    st.builds(gs.noam, st.integers(1, 500)), st.builds(gs.step, times, ratio=st.floats(0.01, 1)),
    st.builds(gs.triangular, times, low=fractions), st.builds(gs.triangular2, times, low=fractions),
    st.builds(gs.exp_range, times, low=fractions, ratio=st.floats(0.9, 1)),
    st.builds(gs.cosine_restarts, times, stretch=st.floats(1, 3), ratio=fractions, final=fractions),
    st.builds(gs.multistep, st.just(["10%", "40%"]), ratio=fractions), st.builds(gs.two_phase_one_cycle),
    st.builds(gs.three_phase_one_cycle, shape=SHAPES), st.builds(gs.wsd, percents, percents, shape=SHAPES),
    st.builds(gs.trapezoid), st.builds(gs.flat_cosine),
)  # fmt: skip
changed = st.one_of(
    st.builds(lambda s, low, more: s.clip(low, low + more), phases, factors, factors),
    st.builds(lambda s: s.reverse(), phases),
    st.builds(lambda s, d: s.delay(d), phases, times),
    st.builds(lambda s, d: s.skip(d), phases, times),
    st.builds(lambda s, k: s.stretch(k), phases, st.floats(0.1, 3)),
    st.builds(
        lambda s, n, m, r: s.repeat(n, stretch=m, ratio=r), phases, st.integers(1, 4), st.floats(1, 2), fractions
    ),
    st.builds(lambda s, a, seed: s.noise(a, seed=seed), phases, fractions, st.integers(0, 10**6)),
)
sequences = st.lists(phases, min_size=1, max_size=3).map(lambda parts: reduce(lambda a, b: a >> b, parts))
simple = short("simple", phases | endless | changed | sequences)
_schedules = st.one_of(
    simple,
    st.builds(lambda k, s: k * s, st.floats(0.001, 100), simple),
    st.builds(lambda a, b: a + b, simple, simple),
    st.builds(lambda a, b: a * b, simple, simple),
    st.builds(gs.max, simple, simple),
    st.builds(gs.min, simple, simple, phases),
)
schedules = short("schedules", _schedules)
"""Every kind of schedule that has a text form. Over 20,000 updates they all fit."""
