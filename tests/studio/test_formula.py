"""Formulas that are typed in: what is read, what is refused, and their values and derivatives."""

import math

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from glideslope.studio.descent.formula import FormulaError, parsed

SMALL = st.floats(0.2, 1.5).map(lambda x: round(x, 3))
LEAVES = st.one_of(SMALL.map(str), st.sampled_from(["x", "y", "pi"]))
FORMULAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda a: f"({a})^2"), inner.map(lambda a: f"-({a})"), inner.map(lambda a: f"({a})**-1"),
        st.tuples(st.sampled_from(["sin", "cos", "tanh", "exp"]), inner).map(lambda t: f"{t[0]}({t[1]})"),
    ),
    max_leaves=6,
)  # fmt: skip


@given(text=FORMULAS, x=SMALL, y=SMALL)
def test_values_and_derivatives_are_those_of_sympy(text, x, y):
    symbols = sympy.symbols("x y")
    expected = sympy.sympify(text.replace("^", "**"))
    at = dict(zip(symbols, (x, y), strict=True))
    formula = parsed(text)
    with np.errstate(all="ignore"):
        jet = formula.at((np.float64(x), np.float64(y))[: len(formula.variables)], second=True)
    value = complex(expected.evalf(subs=at)) if not expected.has(sympy.zoo, sympy.nan) else complex("nan")
    if not math.isfinite(abs(value)) or abs(value) > 1e8:
        return
    assert float(jet.value) == pytest.approx(value.real, rel=1e-9, abs=1e-9)
    names = symbols[: len(formula.variables)]
    slopes = [complex(sympy.diff(expected, name).evalf(subs=at)) for name in names]
    if all(math.isfinite(abs(slope)) and abs(slope) < 1e8 for slope in slopes):
        assert [float(slope) for slope in jet.first] == pytest.approx(
            [slope.real for slope in slopes], rel=1e-7, abs=1e-7
        )
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i:]]
    bends = [complex(sympy.diff(expected, a, b).evalf(subs=at)) for a, b in pairs]
    if all(math.isfinite(abs(bend)) and abs(bend) < 1e8 for bend in bends):
        assert [float(bend) for bend in jet.second] == pytest.approx([bend.real for bend in bends], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-x^2", -4.0), ("2^3^2", 512.0), ("2*-x", -4.0), ("x-1-1", 0.0), ("8/x/2", 2.0), ("2^-x", 0.25), (".5*x", 1.0),
        ("1e2", 100.0), ("x^(1+1)", 4.0), ("(0-x)^3", -8.0),
    ],
)  # fmt: skip
def test_operators_bind_as_in_mathematics(text, value):
    assert float(parsed(text).at((np.float64(2.0),)).value) == value


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 0), ("x +", 3), ("x ** ", 5), ("(x", 2), ("x)", 1), ("foo(x)", 0), ("sin x", 4), ("x y", 2), ("x; y", 1),
        ("x.__class__", 1), ("__import__('os')", 0), ("lambda: 1", 6), ("x[0]", 1), ("x = 1", 2), ("eval(x)", 0),
        ("'a'", 0), ("z", 0), ("x^", 2), ("1..2", 2), ("x\u00b2", 1), ("\uff58", 0), ("0x10", 1), ("1_0", 1),
        ("1e999", 0),
    ],
)  # fmt: skip
def test_what_is_no_formula_is_refused_at_its_column(text, column):
    with pytest.raises(FormulaError, match=f"at column {column + 1} of"):
        parsed(text)


@pytest.mark.parametrize(
    "text", ["(" * 200 + "x" + ")" * 90, "-" * 200 + "x", "x^" * 100 + "x", "sin(" * 60 + "x" + ")" * 60]
)
def test_a_formula_is_no_deeper_than_can_be_read(text):
    with pytest.raises(FormulaError, match=r"deep|characters"):
        parsed(text)


def test_the_longest_formula_has_its_derivatives_at_once():
    """By the chain rule the work grows with the length, not with its square or cube."""
    jet = parsed("*".join(["x"] * 150)).at((np.linspace(0.9, 1.1, 1000),), second=True)
    assert jet.first[0][0] == pytest.approx(150 * 0.9**149)
    assert jet.second[0][0] == pytest.approx(150 * 149 * 0.9**148)


@given(st.text(max_size=60) | st.text(alphabet="xy+-*/^().0123456789sincoelg ", max_size=60))
def test_any_text_is_read_or_refused(text):
    column = 0
    try:
        parsed(text)
    except FormulaError as error:
        column = error.column
    assert 0 <= column <= len(text)
