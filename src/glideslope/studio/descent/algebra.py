"""The places where a slope is zero, by SymPy: a program of a process by itself, which can be ended."""

from __future__ import annotations

import json
import operator
import sys
import time
from itertools import pairwise
from typing import Any

import numpy as np

from glideslope.studio.descent.formula import OPERATORS, Node, parsed


def main() -> None:
    """Reads a formula, or a number of variables, as JSON on standard input, and writes what is solved."""
    problem = json.load(sys.stdin)
    began = time.monotonic()
    if isinstance(problem, str):
        solutions, why = solve(problem)
        result: dict[str, Any] = {"solutions": solutions, "problem": why}
    else:
        result = {"count": count(problem), "problem": ""}
    json.dump({**result, "seconds": time.monotonic() - began}, sys.stdout)


def solve(formula: str) -> tuple[list[tuple[float, ...]] | None, str]:
    """The real points at which a surface has a height and no slope, and why there are none.

    >>> solve("x^2 + (y - 1)^2")
    ([(0.0, 1.0)], '')
    """
    import sympy

    read = parsed(formula)
    variables = sympy.symbols(read.variables, real=True)
    height = _expression(read.root, dict(zip(read.variables, variables, strict=True)))
    try:
        solved = sympy.solve([sympy.diff(height, variable) for variable in variables], variables, dict=True)
    except NotImplementedError as error:
        return None, f"SymPy has no method for it ({str(error).splitlines()[0][:100]})"
    points = []
    for solution in solved:
        if len(solution) < len(variables) or any(value.free_symbols for value in solution.values()):
            return None, f"whole curves of places have no slope: {str(solution)[:80]}"
        values = [complex(sympy.N(solution[variable])) for variable in variables]
        point = tuple(value.real for value in values)
        with np.errstate(all="ignore"):
            has_height = np.isfinite(read.at(tuple(map(np.float64, point))).value)
        if has_height and all(abs(value.imag) < 1e-9 for value in values):
            points.append(point)
    return points, ""


def count(dimensions: int) -> int:
    """How many real points of `coupled` have no slope, by a Gröbner basis: its last polynomial has a root for each.

    >>> count(1), count(2)
    (3, 9)
    """
    import sympy

    variables = sympy.symbols(f"x0:{dimensions}")
    height = coupled(variables, sympy.Rational(1, 20))
    slopes = [sympy.diff(height, variable) for variable in variables]
    basis = sympy.groebner(slopes, *variables, order="grevlex").fglm("lex")
    return int(sympy.Poly(basis.exprs[-1], variables[-1]).count_roots())


def coupled(variables: Any, part: Any) -> Any:
    """A surface of any number of variables, symbols or numbers: two valleys along each, tilted, and each coupled to the
    next. `part` is a twentieth, as exact as the variables are. Formula: Σ (x_i⁴/4 - x_i²/2 + i·x_i/20) + Σ
    x_i·x_{i+1}/5. Of d variables 3^d places have no slope, real or not."""
    wells = sum(x**4 / 4 - x**2 / 2 + (i + 1) * part * x for i, x in enumerate(variables))
    return wells + 4 * part * sum(a * b for a, b in pairwise(variables))


def _expression(node: Node, variables: dict[str, Any]) -> Any:
    """A formula as SymPy has it; its numbers are exact."""
    import sympy

    if node.kind == "number":
        return sympy.nsimplify(node.value, [sympy.pi, sympy.E], rational=False)
    if node.kind == "variable":
        return variables[node.name]
    kinds = OPERATORS | {"^": operator.pow, "abs": sympy.Abs}
    parts = [_expression(part, variables) for part in node.parts]
    return (kinds.get(node.kind) or getattr(sympy, node.kind))(*parts)
