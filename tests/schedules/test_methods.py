"""Each method against what it says, update by update; extension; momentum; files and functions."""

import math
import pickle

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import glideslope as gs
from glideslope.schedules.durations import Frame
from glideslope.schedules.text import METHODS
from tests.schedules.strategies import schedules

T = np.arange(400)
BASE = gs.warmup(50) >> gs.cosine(150, final=0.2)


def base(t):
    return t / 50 if t < 50 else 0.2 + 0.8 * (1 + math.cos(math.pi * min((t - 50) / 150, 1))) / 2


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (BASE.clip(0.3, 0.9), lambda t: min(max(base(t), 0.3), 0.9)),
        (BASE.reverse(), lambda t: base(max(200 - t, 0))),
        (BASE.delay(30), lambda t: base(max(t - 30, 0))),
        (BASE.skip(30), lambda t: base(t + 30)),
        (BASE.stretch(2), lambda t: base(t / 2)),
        (BASE.lasting(120), lambda t: base(min(t, 120))),
        (BASE.lasting(300) >> gs.hold(), lambda t: base(t)),
        (BASE.repeat(), lambda t: base(t % 200)),
        (BASE.repeat(2), lambda t: base(t % 200) if t < 400 else base(200)),
        (BASE.repeat(ratio=0.5), lambda t: 0.5 ** (t // 200) * base(t % 200)),
        (gs.linear(100).repeat(stretch=2), lambda t: 1 - t / 100 if t < 100 else 1 - (t - 100) / 200 if t < 300 else
            1 - (t - 300) / 400),
        (BASE + 0.5 * gs.linear(100), lambda t: base(t) + 0.5 * (1 - min(t / 100, 1))),
        (BASE * gs.exponential(100), lambda t: base(t) * 10 ** (-t / 100)),
        (gs.max(BASE, gs.constant(0.5)), lambda t: max(base(t), 0.5)),
        (gs.min(BASE, gs.constant(0.5), gs.linear(400)), lambda t: min(base(t), 0.5, 1 - t / 400)),
        (gs.interpolate([0, 100, 300], [0, 1, 0.5], between="cosine"), lambda t: 0.5 - 0.5 * math.cos(math.pi * t / 100)
            if t < 100 else 0.75 + 0.25 * math.cos(math.pi * min((t - 100) / 200, 1))),
        (gs.interpolate([0, 100, 300], [0.1, 1, 0.5], between="step"),
            lambda t: 0.1 if t < 100 else 1 if t < 300 else 0.5),
    ],
    ids=lambda value: str(value) if isinstance(value, gs.Schedule) else "",
)  # fmt: skip
def test_method(schedule, expected):
    np.testing.assert_allclose(schedule(T), [expected(t) for t in T], rtol=0, atol=1e-12)
    np.testing.assert_allclose([schedule(int(t)) for t in T], [expected(t) for t in T], rtol=0, atol=1e-12)


@given(
    st.floats(0, 10), st.floats(1, 40), st.sampled_from(["linear", "sqrt", "cosine"]), st.integers(100, 10_000),
    st.floats(0, 1), st.floats(1, 20),
)  # fmt: skip
@settings(deadline=None)
def test_extension_keeps_the_past(rise, fall, shape, horizon, at, times):
    schedule = gs.wsd(f"{rise}%", f"{fall}%", shape=shape).over(horizon)
    begins = horizon * (1 - fall / 100)
    now = int(at * begins)
    longer = schedule.extend(now, horizon * times)
    past = np.arange(now + 1)
    np.testing.assert_allclose(longer(past), schedule(past), rtol=0, atol=1e-12)
    assert longer(horizon * times) == pytest.approx(0, abs=1e-12)
    assert longer(int(horizon * times * (1 - fall / 100)) - 1) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("extend", "says"),
    [
        (lambda: gs.cosine().over(100).extend(50, 200), "warmup(1%) >> hold() >> cooldown(20%)"),
        (lambda: gs.wsd().over(100).extend(90, 200), "cooldown began at update 80"),
        (lambda: gs.one_cycle().over(100).extend(50, 200), "can't be extended"),
        (lambda: (gs.hold() >> gs.cooldown("20%")).over(100).extend(90, 200), "cooldown began at update 80"),
        (lambda: (gs.hold() >> gs.cooldown("20%")).over(100).extend(50, 90), "at ≤ 100 ≤ to"),
        (lambda: gs.hold().extend(50, 90), "no horizon"),
        (lambda: (gs.warmup("5%") >> gs.linear()).over(100).extend(1, 200), "can't be extended"),
    ],
)
def test_extension_refuses(extend, says):
    with pytest.raises(gs.ScheduleError) as error:
        extend()
    assert says in str(error.value)


def test_endless_schedules_extend():
    for schedule in (gs.inverse_sqrt("5%"), gs.power("10%"), gs.constant(), gs.warmup("5%") >> gs.exponential("20%")):
        longer = schedule.over(1000).extend(at=1000, to=3000)
        np.testing.assert_allclose(longer(np.arange(1001)), schedule.over(1000)(np.arange(1001)), atol=1e-12)


def test_fractions_alone_move_with_the_horizon():
    schedule = gs.warmup(100) >> gs.hold("10%") >> gs.linear("1ep") >> gs.cosine()
    clock = gs.Clock(steps_per_epoch=200)
    short, long = schedule.over(2000, clock), schedule.over(4000, clock)
    assert short(50) == long(50) == 0.5
    assert (short(300), long(300)) == (1, 1)
    assert (short(301), long(501)) == (pytest.approx(0.995), pytest.approx(0.995))


def test_momentum_goes_the_other_way():
    momentum = gs.warmup(10, start=0.1).momentum(0.9, 0.8)
    assert [momentum(t) for t in (0, 5, 10)] == pytest.approx([0.9, 0.85, 0.8])
    with pytest.raises(gs.ScheduleError, match="ramps"):
        gs.power().momentum()
    with pytest.raises(gs.ScheduleError, match="low"):
        gs.one_cycle().momentum(0.8, 0.9)


def test_a_function_has_no_text():
    schedule = gs.from_function(lambda t: 1 / (1 + t))
    assert (schedule >> gs.cooldown(10)).over(100)(4) == 0.2
    np.testing.assert_allclose((2 * schedule)(np.arange(3)), [2, 1, 2 / 3])
    for write in (str, gs.to_json):
        with pytest.raises(gs.ScheduleError, match="from_points"):
            write(schedule)
    assert "Function" in repr(schedule)
    with pytest.raises(gs.ScheduleError):
        gs.from_function(3)


def test_csv(tmp_path):
    path = tmp_path / "lr.csv"
    path.write_text("step,lr\n0,0.1\n10,0.3\n")
    assert gs.from_csv(path)(5) == pytest.approx(0.2)
    path.write_text("0,1\n10,0.5\n20,0\n")
    assert [gs.from_csv(path)(t) for t in (0, 5, 20)] == [1.0, 0.75, 0.0]
    path.write_text("step,lr\n0,0.1\n10,x\n")
    with pytest.raises(gs.ScheduleError, match="line 3"):
        gs.from_csv(path)
    with pytest.raises(gs.ScheduleError, match="read"):
        gs.from_csv(tmp_path / "none.csv")


@pytest.mark.parametrize(
    "make",
    [
        lambda: gs.cosine().clip(0.5, 0.1), lambda: gs.cosine().repeat(1.5), lambda: gs.cosine().repeat(0),
        lambda: gs.cosine().repeat(stretch=0.5), lambda: gs.cosine().noise(2), lambda: gs.cosine().stretch(0),
        lambda: gs.cosine(10).repeat(3, ratio=-1), lambda: gs.max(), lambda: gs.max(1, 2),
        lambda: gs.interpolate([0], [1]), lambda: gs.interpolate([0, 0], [1, 1]),
        lambda: gs.interpolate(["10%", 5], [1, 1]), lambda: gs.interpolate([0, 1], [1, math.nan]),
        lambda: gs.noam("5%"), lambda: gs.hyperbolic(bound=50).over(100), lambda: gs.tanh(lower=-1),
        lambda: gs.triangular(low=2), lambda: gs.slanted_triangular(cut=2), lambda: gs.chebyshev(ratio=0.5),
        lambda: gs.step(0), lambda: gs.exponential(ratio=0), lambda: gs.multistep([20, 10]),
        lambda: gs.wsd("60%", "50%"),
        lambda: (gs.linear("5ep") >> gs.linear(10)).over(100), lambda: gs.cosine().reverse()(0),
        lambda: gs.linear(start=-1), lambda: gs.one_cycle(last=1), lambda: -1 * gs.cosine(), lambda: gs.cosine() / -2,
    ],
)  # fmt: skip
def test_bad_values_raise_at_construction(make):
    with pytest.raises(gs.ScheduleError):
        make()


def test_a_scaled_schedule_is_extended_as_it_is_without_the_scale():
    plain = gs.wsd().over(1000).extend(at=700, to=2000)
    for scaled in ((0.1 * gs.wsd()).over(1000), 0.1 * gs.wsd().over(1000)):
        longer = scaled.extend(at=700, to=2000)
        assert [longer(t) for t in range(0, 2001, 50)] == pytest.approx([0.1 * plain(t) for t in range(0, 2001, 50)])
    assert gs.wsd().over(1000).extend(at="70%", to=2000) == plain
    with pytest.raises(gs.ScheduleError, match="not as a percentage of the old one"):
        gs.wsd().over(1000).extend(at=700, to="50%")


@pytest.mark.parametrize(
    "text",
    ["linear(1).repeat(ratio=2)", "cosine_restarts(ratio=1e200)", "cosine_restarts(stretch=1e308)",
     "linear(10).repeat(500, ratio=10)", "multistep([30, 30])", "multistep([0, 0])",
     "multistep([1, 2, 3], ratio=1e200)"],
)  # fmt: skip
def test_what_would_grow_without_bound_is_refused(text):
    with pytest.raises(gs.ScheduleError):
        gs.parse(text)


def test_cycles_that_grow_have_an_end():
    schedule = gs.linear(10).repeat(3, ratio=2)
    assert [schedule(t) for t in (0, 10, 20, 10**12)] == pytest.approx([1, 2, 4, 0])


def test_a_function_after_a_phase_is_asked_for_no_time_before_its_own():
    asked = []
    later = gs.from_function(lambda t: asked.append(np.min(t)) or 1.0 + 0 * np.sqrt(t))
    for schedule in (gs.warmup(10) >> later, (gs.warmup(10) >> later).over(40)):
        np.testing.assert_array_equal(schedule(np.arange(30))[10:], 1.0)
    assert min(asked) == 0


def callable_alone(schedule):
    try:
        schedule(0)
    except gs.ScheduleError:
        return False
    return True


def in_updates(schedule):
    """The schedule without fractions of a horizon, most of the time: as a phase of a longer training has it."""
    try:
        return schedule.over(20_000)
    except gs.ScheduleError:
        assume(False)


@given(schedules, st.floats(1, 700) | st.integers(1, 700))
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.filter_too_much])
def test_what_lasts_is_itself_until_it_is_cut(schedule, duration):
    for whole in (schedule, in_updates(schedule)):
        if not callable_alone(whole):
            continue
        cut = whole.lasting(duration)
        times = [t for t in (0, 1, duration / 3, math.floor(duration) - 1, duration * 0.999) if 0 <= t < duration]
        assert [cut(t) for t in times] == pytest.approx([whole(t) for t in times], rel=1e-9, abs=1e-12)
        value = whole(duration)
        after = cut >> gs.hold()
        for held in (cut(duration + 0.5), cut(10**6), after(duration), after(10**6), after(np.array([10**6]))[0]):
            assert held == pytest.approx(value, rel=1e-9, abs=1e-12)
        assert gs.parse(str(cut)) == cut


@given(schedules, st.integers(1, 300), st.integers(1, 300), st.floats(0.3, 3))
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.filter_too_much])
def test_what_moves_a_schedule_and_cuts_it_is_itself_elsewhere(schedule, by, duration, times):
    whole = in_updates(schedule)
    places = {
        "delay": (whole.delay(by), lambda t: whole(max(t - by, 0))),
        "skip": (whole.skip(by), lambda t: whole(t + by)),
        "stretch": (whole.stretch(times), lambda t: whole(t / times)),
    }
    for moved, expected in places.values():
        for schedule_cut in (moved.lasting(duration), moved.lasting(2 * duration).lasting(duration)):
            for t in (0, 1, duration // 2, duration - 1):
                assert schedule_cut(t) == pytest.approx(expected(t), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (gs.piecewise([0.1, 1], [100]).lasting(5), [0.1, 0.1, 0.1, 0.1]),
        (gs.multistep([100]).lasting(5), [1, 1, 1, 1]),
        ((gs.warmup(100) >> gs.hold()).lasting(5), [0.03, 0.04, 0.05, 0.05]),
        ((gs.warmup(100) >> gs.linear()).lasting(5), [0.03, 0.04, 0.05, 0.05]),
        (gs.piecewise([0.1, 1], [100]).delay(2).stretch(3).lasting(5), [0.1, 0.1, 0.1, 0.1]),
        ((2 * gs.piecewise([0.1, 1], [100])).clip(0, 1).lasting(5), [0.2, 0.2, 0.2, 0.2]),
        (gs.max(gs.warmup(2) >> gs.hold(90) >> gs.linear(), gs.constant(0.1)).lasting(5), [1, 1, 1, 1]),
        ((gs.warmup(100) >> gs.linear()).delay(1).lasting(5), [0.02, 0.03, 0.04, 0.04]),
        ((gs.linear() * gs.multistep([100])).lasting(5), [0.4, 0.2, 0, 0]),
        (gs.exponential(5, duration=10).skip(20), [0.01, 0.01, 0.01, 0.01]),
    ],
    ids=str,
)
def test_a_sequence_that_is_longer_is_cut(schedule, expected):
    assert [schedule(t) for t in (3, 4, 5, 50)] == pytest.approx(expected)


def test_a_horizon_that_is_too_short_is_still_an_error():
    for make in (
        lambda: (gs.warmup(100) >> gs.hold()).over(50), lambda: gs.cosine(100).lasting(300).over(200),
        lambda: (gs.warmup(10) >> gs.hold()).repeat(2).lasting(5)(0), lambda: gs.multistep([100]).delay(5).over(50),
        lambda: (gs.warmup(30) >> gs.multistep([30])).over(50), lambda: gs.multistep([100]).stretch(2).over(150),
        lambda: gs.multistep([100]).reverse().over(50), lambda: gs.max(gs.multistep([100]), gs.hold()).over(50),
        lambda: (2 * gs.multistep([100]).clip(0.1)).over(50), lambda: gs.hold(60).over(50),
    ):  # fmt: skip
        with pytest.raises(gs.ScheduleError, match="longer horizon or shorter phases"):
            make()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: gs.warmup(0.1), "'10%'"), (lambda: gs.cosine(0.05), "'5%'"), (lambda: gs.hold(0.5), "'50%'"),
        (lambda: gs.parse("warmup(0.1) >> cosine()"), "'10%'"), (lambda: gs.parse('warmup("0.1")'), "'10%'"),
        (lambda: gs.piecewise([1, 0.1], [0.5]), "'50%'"), (lambda: gs.multistep([0.5, 0.75]), "'50%'"),
        (lambda: gs.cosine().delay(0.1), "'10%'"), (lambda: gs.cosine().skip(0.1), "'10%'"),
        (lambda: gs.cosine().lasting(0.1), "'10%'"), (lambda: gs.step(0.3), "'30%'"),
        (lambda: gs.exponential(0.5), "'50%'"), (lambda: gs.hyperbolic(bound=0.5), "'50%'"),
        (lambda: gs.triangular(0.1), "'10%'"), (lambda: gs.wsd(0.01, 0.2), "'1%'"),
        (lambda: gs.wsd().over(100).extend(0.5, 200), "'50%'"), (lambda: gs.cosine(np.float32(0.5)), "'50%'"),
        (lambda: gs.from_json('{"version": 1, "schedule": {"name": "cosine", "arguments": {"duration": 0.05}}}'),
            "'5%'"),
        (lambda: gs.from_points([(0, 1), (0.5, 0.3), (1, 0)]), "'50%'"),
        (lambda: gs.cosine().over(0.5), "whole training"),
        (lambda: gs.cosine().over(100).over(np.float64(0.1)), "whole training"),
        (lambda: gs.parse("cosine().over(0.5)"), "whole training"),
    ],
)  # fmt: skip
def test_a_fraction_of_an_update_is_refused(make, says):
    with pytest.raises(gs.ScheduleError, match=says):
        make()


def test_parts_of_an_update_that_are_meant():
    assert gs.warmup("5%").over(10)(0.25) == 0.5
    assert gs.warmup("0.5ep").over(10, gs.Clock(steps_per_epoch=1))(0.25) == 0.5
    for half in (gs.warmup(gs.Duration(0.5)), gs.warmup("0.5upd"), gs.parse("warmup(0.5upd)")):
        assert half(0.25) == 0.5
        assert str(half) == "warmup(0.5upd)"
        assert gs.parse(str(half)) == gs.from_json(gs.to_json(half)) == pickle.loads(pickle.dumps(half)) == half
    assert gs.parse("warmup(5upd)") == gs.warmup(5)
    assert gs.from_points([(0, 1), (0.5, 0.3), (10, 0)])(0.25) == pytest.approx(0.65)
    assert gs.from_points([(0, 1), (1, 0)])(0.25) == 0.75
    longer = gs.wsd("5%").over(10).extend(at=5, to=20)
    assert gs.parse(str(longer)) == longer
    assert longer(0.25) == 0.5


NUMBERS = [np.int64, np.int32, np.float32, np.float64, np.uint8, np.array, torch.tensor, jnp.asarray]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.__name__)
def test_numbers_of_any_library_are_numbers(number):
    plain = {
        gs.linear(number(10)): "linear(10)", gs.cosine(final=number(1)): "cosine(final=1)",
        number(2) * gs.cosine(): "2 * cosine()", gs.cosine() * number(2): "2 * cosine()",
        gs.cosine() / number(2): "0.5 * cosine()", gs.cosine() + number(2): "cosine() + constant(2)",
        number(2) + gs.cosine(): "constant(2) + cosine()", gs.cosine().over(number(100)): "cosine().over(100)",
        gs.cosine().repeat(number(2)): "cosine().repeat(2)",
        gs.cosine().clip(number(0), number(1)): "cosine().clip(high=1)",
        gs.linear("1ep").over(number(100), gs.Clock(number(10))): "linear(1ep).over(100, steps_per_epoch=10)",
        gs.wsd().over(number(100)).extend(number(50), number(200)): "(warmup(1) >> hold() >> cooldown(20%)).over(200)",
        gs.piecewise([number(1), number(0)], [number(10)]): "piecewise([1, 0], [10])",
        gs.from_points([(number(0), number(1)), (number(9), number(0))]): "interpolate([0, 9], [1, 0])",
        number(2) * gs.plateau(patience=number(3)): "constant(2) * plateau(patience=3)",
        gs.plateau(patience=number(3)) / number(2): "constant(0.5) * plateau(patience=3)",
        gs.cosine() * gs.greedy(patience=number(3)): "cosine() * greedy(patience=3)",
    }  # fmt: skip
    for schedule, text in plain.items():
        assert str(schedule) == text
        assert gs.parse(text) == schedule
        assert gs.from_json(gs.to_json(schedule)) == schedule
    assert float(gs.linear(10)(number(3))) == pytest.approx(0.7)
    assert len(gs.linear().sample(number(10))) == 10
    assert gs.piecewise(np.array([1, 0.5]), torch.tensor([10])) == gs.piecewise([1, 0.5], [10])
    assert gs.multistep(range(10, 30, 10)) == gs.multistep([10, 20])
    for to in ("torch", "optax", "keras", "csv"):
        code = gs.export(gs.linear(), number(10), number(2), to)
        assert code == gs.export(gs.linear(), 10, 2 if code == gs.export(gs.linear(), 10, 2, to) else 2.0, to)
    assert gs.batches.rate_for(number(1), number(2), number(4)) == 2
    assert gs.batches.growth(gs.linear(), number(10), number(40)) == gs.batches.growth(gs.linear(), 10, 40)


def _again(schedule):
    """The same tree, every node made anew; names are lost."""
    return schedule.map(_again)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(schedules)
def test_a_tree_that_is_mapped_onto_itself_has_the_same_values(schedule):
    t = np.arange(0, 600, 7)
    np.testing.assert_array_equal(_again(schedule).within(500)(t), schedule.within(500)(t))


@pytest.mark.parametrize(
    ("schedule", "begins"),
    [
        ((gs.warmup(10) >> gs.hold(20) >> gs.linear(30)).delay(5), {5, 15, 35, 65}),
        ((gs.warmup(10) >> gs.hold(20) >> gs.linear(30)).skip(5), {5, 25, 55}),
        ((gs.warmup(10) >> gs.hold(20) >> gs.linear(30)).reverse(), {60, 50, 30, 0}),
        ((gs.warmup(10) >> gs.hold(20) >> gs.linear(30)).stretch(3), {30, 90, 180}),
        ((gs.warmup(10) >> gs.linear(10)).repeat(3), {10, 20, 30, 40, 50, 60}),
        (gs.max(gs.warmup(10), gs.linear(40)) >> gs.hold(), {10, 40}),
        (0.5 * (gs.warmup("10%") >> gs.linear()).over(200), {20, 200}),
    ],
)
def test_the_turns_of_a_schedule(schedule, begins):
    assert begins <= set(schedule.turns(Frame(), schedule.allotted(Frame(), 1000.0)))


def test_a_text_may_call_every_method_that_makes_a_schedule():
    named = {name for name, value in vars(gs.Schedule).items() if hasattr(value, "__wrapped__")}
    assert set(METHODS) == named | {"over", "extend"}


@pytest.mark.parametrize(
    "combine",
    [
        lambda s: s >> "linear",
        lambda s: s * "linear",
        lambda s: "2" * s,
        lambda s: s + "linear",
        lambda s: "linear" + s,
    ],
)
def test_a_text_beside_a_schedule_is_refused_with_what_to_write(combine):
    with pytest.raises(gs.ScheduleError, match=r"is a text.* write glideslope\.parse\('"):
        combine(gs.linear())


@pytest.mark.parametrize("steps", [-5, 0, 2.5, "10", None, True, np.nan])
@pytest.mark.parametrize("schedule", [gs.linear(), gs.linear(100)])
def test_a_sample_is_of_a_whole_number_of_updates(schedule, steps):
    with pytest.raises(gs.ScheduleError, match=r"steps=1\.00e5000: give a whole number of updates"):
        schedule.sample(10**5000)
    with pytest.raises(gs.ScheduleError, match=f"steps={steps}: give a whole number of updates"):
        schedule.sample(steps)
