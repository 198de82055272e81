"""A text as tokens, for a parser that has a method for each rule of its grammar."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

Result = TypeVar("Result")


class Tokens:
    """A text at one of its tokens: its `kind`, the group of the pattern that it is ("number", "word", "sign", "end" and
    the like), its own `text`, the `unit` that a number has ("" without one), and `start`, the column where it begins.
    What can't be read raises an error of the class `error`, whose `column` is the place, and so do rules that are
    nested deeper than `deepest`."""

    def __init__(self, source: str, pattern: re.Pattern[str], deepest: int, error: type[Any]) -> None:
        self._source, self._pattern, self._deepest, self._error = source, pattern, deepest, error
        self._next = self._depth = 0
        self.read()

    def read(self) -> None:
        """Moves to the next token."""
        match = self._pattern.match(self._source, self._next)
        if match is None:
            rest = self._source[self._next :]
            self.start = self._next + len(rest) - len(rest.lstrip())
            self.fail("unexpected character")
        self.kind: str = "number" if match["number"] else str(match.lastgroup)
        self.text, self.unit = match[self.kind], match.groupdict().get("unit") or ""
        self.start, self._next = match.start(self.kind), match.end()

    def at(self, *tokens: str) -> bool:
        """Whether the token is one of these signs, or of one of these kinds."""
        return (self.text if self.kind == "sign" else self.kind) in tokens

    def accept(self, *signs: str) -> str:
        """Moves on if the token is one of these signs; the sign, or "" if it is another token."""
        sign = self.text if self.at(*signs) else ""
        if sign:
            self.read()
        return sign

    def expect(self, sign: str) -> None:
        """Moves on from this sign. Raises an error if it is another token."""
        if not self.accept(sign):
            self.fail(f"expected {sign!r}")

    def nested(self, rule: Callable[[], Result]) -> Result:
        """What a rule reads within another. Raises an error if there are too many within one another."""
        self._depth += 1
        if self._depth > self._deepest:
            self.fail(f"nested more than {self._deepest} deep")
        result = rule()
        self._depth -= 1
        return result

    def fail(self, problem: str, column: int | None = None) -> NoReturn:
        """Raises an error with the column of the problem, by default that of the token."""
        column = self.start if column is None else column
        error = self._error(f"{problem} at column {column + 1} of {self._source!r}")
        error.column = column
        raise error
