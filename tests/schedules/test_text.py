"""The parser: what people write, and what they mistype."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("warmup('5%')>>hold>>cooldown(20%,shape='sqrt')", "warmup(5%) >> hold() >> cooldown(20%, shape=sqrt)"),
        ("2 * 3 * cosine / 2", "3 * cosine()"),
        ("(warmup(10) >> cosine(90)).over(100)", "(warmup(10) >> cosine(90)).over(100)"),
        ("piecewise([1, .5], [10ep])", "piecewise([1, 0.5], [10ep])"),
        ("exponential(staircase=true)", "exponential(staircase=true)"),
        ("cosine(duration=100, final=1e-3)", "cosine(100, final=0.001)"),
    ],
)
def test_read_and_written(text, canonical):
    assert str(gs.parse(text)) == canonical


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("warmup(5%) >> cosin()", "(did you mean 'cosine'?) at column 15"),
        ("warmup(5%", "expected ',' or ')' at column 10"),
        ("warmup(5x)", "unknown unit 'x'"),
        ("cosine().oder(10)", "did you mean 'over'"),
        ("cosine().over()", "at column 10"),
        ("cosine(fnal=1)", "fnal"),
        ("cosine(final=sqrt)", "final='sqrt'"),
        ("", "expected a schedule at column 1"),
        ("cosine() cosine()", "expected '>>' or the end at column 10"),
        ("(" * 1000, "nested"),
    ],
)
def test_mistakes_are_pointed_at(text, says):
    with pytest.raises(gs.ScheduleError) as error:
        gs.parse(text)
    assert says in str(error.value)


PIECES = ["warmup", "hold", "cosine", "piecewise", ">>", "*", "/", "(", ")", "[", "]", ",", "=", ".over", "5%", "10ep",
          "1e400", "-1", "0", "'", "none", "true", "final", "é", " ", "shape=sqrt", "duration"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=40))
@settings(max_examples=5000, deadline=None)
def test_any_text_is_a_schedule_or_a_schedule_error(text):
    try:
        schedule = gs.parse(text)
    except gs.ScheduleError:
        return
    assert gs.parse(str(schedule)) == schedule


def mutated(text, random):
    """A text with some of it deleted, doubled, or replaced by a piece."""
    for _ in range(random.randint(1, 4)):
        a, b = sorted(random.randint(0, len(text)) for _ in range(2))
        text = text[:a] + random.choice(["", text[a:b] * 2, random.choice(PIECES)]) + text[b:]
    return text[:300]


SEEDS = [
    "warmup(5%) >> hold() >> cooldown(20%, shape=sqrt)", "0.1 + 0.9 * cosine(100).repeat(3, stretch=2)",
    "max(linear(), constant(0.1)).over(1e4, steps_per_epoch=10)", "piecewise([1, 0.5, 0.1], [10ep, 20ep])",
    "interpolate([0, 10], [1, 0], between='cosine').clip(0.2).momentum()", "one_cycle().noise(0.5, seed=3) / 2",
    "triangular2(10, low=0.5).extend(1, 2) * step(5)",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_a_hundred_thousand_texts_are_schedules_or_schedule_errors(seed):
    random = Random(seed)
    for i in range(25_000):
        text = (
            mutated(random.choice(SEEDS), random) if i % 4 else "".join(random.choices(PIECES, k=random.randint(0, 25)))
        )
        try:
            gs.parse(text)
        except gs.ScheduleError:
            continue


LONG = [
    "(" * 10_000, "max(" * 5000, "[" * 10_000, "1*" * 9000, "hold()" + ".clip()" * 2000, "cosine(" + "[" * 9000,
    "hold(1)" + ">>hold(1)" * 2000, "1+" * 9000 + "hold",
]  # fmt: skip


@pytest.mark.parametrize("text", LONG, ids=range(len(LONG)))
def test_long_texts_are_bounded(text):
    try:
        str(gs.parse(text))
    except gs.ScheduleError:
        return


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cooldown(20%, shap=sqrt)", "unknown argument 'shap' (did you mean 'shape'?) at column 15"),
        ("warmup(5%) >> cosine(fina=0.1)", "(did you mean 'final'?) at column 22"),
        ("cosine_restarts(10, 2)", "it takes cosine_restarts(period, stretch=…, ratio=…, final=…)"),
        ("warmup(5%) -> cosine", "expected '>>' or the end at column 12"),
        ("warmup(5 %) >> cosine", "expected ',' or ')' at column 10"),
        ("cosine(final=10%)", "final=10%: give a number, such as 0.1"),
        ("cosine().over(10, steps_per_epok=3)", "(did you mean 'steps_per_epoch'?) at column 19"),
        ("triangular2(up=1e308) >> multistep()", "at column"),
        ("(" * 12 + "hold()" + (".clip()" * 50 + ")") * 12 + " >> hold(1)", "more than 50 methods on one schedule"),
    ],
)
def test_mistakes_in_arguments_and_depth(text, says):
    with pytest.raises(gs.ScheduleError) as error:
        gs.parse(text)
    assert says in str(error.value)


@pytest.mark.parametrize(
    "text", ["+".join(["cosine"] * 60), "*".join(["cosine"] * 60), "0.9*" * 60 + "cosine", "cosine" + ".skip(1)" * 50]
)
def test_long_flat_texts_are_read_again(text):
    schedule = gs.parse(text)
    assert gs.parse(str(schedule)) == schedule
    schedule.over(100)(50)


@pytest.mark.parametrize(
    ("read", "says"),
    [
        ("ReduceLROnPlateau", "'plateau'"), ("CosineAnnealingLR(100)", "'cosine'"), ("StepLR", "'step'"),
        ("cosine_with_restarts", "'cosine_hard_restarts'"), ("MultiStepLR", "'multistep'"),
        ("OneCycleLR", "'two_phase_one_cycle'"), ("cosine(warmup_steps=5)", "warmup(…) >>"),
        ("warmup_cosine_decay_schedule", "'warmup(…) >> cosine()'"), ("CosineDecay", "'cosine'"),
        ("cosine(eta_min=0.1)", "'final', a factor?"), ("cosine(T_max=100)", "'duration'"),
        ("step(gamma=0.5)", "'ratio'"),
        ("exponential(gamma=0.5)", "'ratio'"), ("plateau(min_lr=0.1)", "'floor'"),
        ("wsd(warmup_steps=5)", "'warmup'"), ("cosine_restarts(T_0=5)", "'period'"), ("step(step_size=5)", "'every'"),
        ("linear(total_iters=5)", "'duration'"), ("cosine(min_lr=0.1)", "'final'"), ("cosin", "'cosine'"),
        ("cosine, one_cycle", "several schedules are separated by ';'"), ("cosine(10), linear", "';'"),
    ],
)  # fmt: skip
def test_names_of_other_libraries_are_answered_with_ours(read, says):
    with pytest.raises(gs.ScheduleError) as error:
        gs.parse(read)
    assert says in str(error.value)


def test_arguments_of_other_libraries_are_answered_in_python_too():
    with pytest.raises(gs.ScheduleError, match="eta_min: did you mean 'final'"):
        gs.cosine(eta_min=0.1)
    with pytest.raises(gs.ScheduleError, match="gamma: did you mean 'ratio'"):
        gs.step(30, gamma=0.1)
    with pytest.raises(AttributeError, match=r"'CosineAnnealingLR'.*'cosine'"):
        _ = gs.CosineAnnealingLR
    for theirs, ours in (("pytorch", "torch"), ("jax", "optax"), ("kears", "keras")):
        with pytest.raises(gs.ConversionError, match=f"did you mean '{ours}'"):
            gs.export(gs.cosine(), 10, 0.1, theirs)
