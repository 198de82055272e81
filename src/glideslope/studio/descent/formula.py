"""A formula in x and y: its grammar, and what it is worth at points. Nothing is evaluated as a program.

sum     = product {("+" | "-") product}
product = signed {("*" | "/") signed}
signed  = ("-" | "+") signed | power
power   = atom [("^" | "**") signed]
atom    = number | "pi" | "e" | "x" | "y" | name "(" sum ")" | "(" sum ")"
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from glideslope.errors import GlideslopeError
from glideslope.schedules.tokens import Tokens
from glideslope.studio.descent.jet import FUNCTIONS, Jet, Numbers

LONGEST = 300
DEEPEST = 30
VARIABLES = ("x", "y")
OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "negative": operator.neg,
}  # fmt: skip
_CONSTANTS = {"pi": math.pi, "e": math.e}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<sign>\*\*|[-+*/^()])|(?P<end>$))",
    re.ASCII,
)


class FormulaError(GlideslopeError, ValueError):
    """A formula can't be read."""

    column: int = LONGEST  #: where in its text the problem is, from 0


@dataclass(frozen=True)
class Node:
    """A part of a formula."""

    kind: str  # "number", "variable", "+", "-", "*", "/", "^", "negative", or a function's name
    parts: tuple[Node, ...] = ()  # what it is made of
    value: float = 0.0  # of a number
    name: str = ""  # of a variable


@dataclass(frozen=True)
class Formula:
    """A formula that was read."""

    text: str  # as it was written
    root: Node  # the whole of it
    variables: tuple[str, ...]  # those that it has: ("x",) or ("x", "y")

    def at(self, point: tuple[Numbers, ...], second: bool = False) -> Jet:
        """Its value and derivatives at points, a coordinate for each variable, numbers or arrays of one shape; NaN
        where it has none. With `second` the second derivatives too.

        >>> import numpy as np
        >>> formula = parsed("(x - 1)^2 + 3*y")
        >>> jet = formula.at((np.float64(3), np.float64(1)))
        >>> float(jet.value), [float(slope) for slope in jet.first]
        (7.0, [4.0, 3.0])
        """
        variables = dict(zip(self.variables, Jet.variables(point, second), strict=True))
        return _value(self.root, variables, next(iter(variables.values())))


def parsed(text: str) -> Formula:
    """The formula that a text describes. Raises a FormulaError if it isn't one; the message has the column.

    >>> parsed("x^2 + y^2").variables
    ('x', 'y')
    """
    if len(text) > LONGEST:
        raise FormulaError(f"a formula of {len(text)} characters: at most {LONGEST} are read")
    parser = _Parser(text)
    root = parser.sum()
    if not parser.tokens.at("end"):
        parser.tokens.fail("expected an operator or the end")
    return Formula(text, root, VARIABLES if "y" in parser.names else VARIABLES[:1])


class _Parser:
    """Reads tokens from left to right; each method reads one rule of the grammar."""

    def __init__(self, text: str) -> None:
        self.tokens = Tokens(text, _TOKEN, DEEPEST, FormulaError)
        self.names: set[str] = set()

    def sum(self) -> Node:
        node = self.product()
        while sign := self.tokens.accept("+", "-"):
            node = Node(sign, (node, self.product()))
        return node

    def product(self) -> Node:
        node = self.signed()
        while sign := self.tokens.accept("*", "/"):
            node = Node(sign, (node, self.signed()))
        return node

    def signed(self) -> Node:
        if sign := self.tokens.accept("-", "+"):
            node = self.tokens.nested(self.signed)
            return Node("negative", (node,)) if sign == "-" else node
        return self.power()

    def power(self) -> Node:
        base = self.atom()
        return Node("^", (base, self.tokens.nested(self.signed))) if self.tokens.accept("^", "**") else base

    def atom(self) -> Node:
        token, column = self.tokens.text, self.tokens.start
        if self.tokens.accept("("):
            return self.closed()
        if self.tokens.at("number"):
            self.tokens.read()
            if not math.isfinite(float(token)):
                self.tokens.fail("a number that is too large", column)
            return Node("number", value=float(token))
        if not self.tokens.at("word"):
            self.tokens.fail("expected a number, x, y or a function")
        self.tokens.read()
        if token in _CONSTANTS:
            return Node("number", value=_CONSTANTS[token])
        if token in VARIABLES:
            self.names.add(token)
            return Node("variable", name=token)
        if token in FUNCTIONS:
            if not self.tokens.accept("("):
                self.tokens.fail(f"expected '(' after {token}")
            return Node(token, (self.closed(),))
        near = get_close_matches(token, [*FUNCTIONS, *VARIABLES, *_CONSTANTS], 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are x, y, pi, e, {', '.join(FUNCTIONS)}"
        return self.tokens.fail(f"unknown name {token!r} ({hint})", column)

    def closed(self) -> Node:
        node = self.tokens.nested(self.sum)
        self.tokens.expect(")")
        return node


def _value(node: Node, variables: dict[str, Jet], like: Jet) -> Jet:
    """The jet of a part; `like` has the shape of its derivatives."""
    if node.kind == "number":
        zeros = None if like.second is None else (0.0,) * len(like.second)
        return Jet(like.value * 0.0 + node.value, (0.0,) * len(like.first), zeros)
    if node.kind == "variable":
        return variables[node.name]
    if node.kind == "^" and (exponent := _constant(node.parts[1])) is not None:
        return _value(node.parts[0], variables, like).power(exponent)
    parts = [_value(part, variables, like) for part in node.parts]
    if node.kind in OPERATORS:
        jet: Jet = OPERATORS[node.kind](*parts)
        return jet
    return _applied("exp", parts[1] * _applied("log", parts[0])) if node.kind == "^" else _applied(node.kind, parts[0])


def _applied(name: str, jet: Jet) -> Jet:
    value, slope, bend = FUNCTIONS[name]
    return jet.through(value(jet.value), slope(jet.value), lambda: bend(jet.value))


def _constant(node: Node) -> float | None:
    """The value of a part that has no variable, such as an exponent; None of others."""
    return None if _varies(node) else float(_value(node, {}, Jet(np.float64(0.0), (), None)).value)


def _varies(node: Node) -> bool:
    return node.kind == "variable" or any(map(_varies, node.parts))
