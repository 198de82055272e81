"""The tokens of a schedule's text, read from left to right."""

from __future__ import annotations

import re
from typing import NoReturn

from glideslope.errors import ScheduleError
from glideslope.schedules.numbers import NUMBER

_TOKEN = re.compile(
    rf"""\s*(?:
    (?P<number>[+-]?{NUMBER})(?P<unit>%|[A-Za-z]+)?
    |(?P<word>[A-Za-z_]\w*)
    |(?P<quoted>"[^"]*"|'[^']*')
    |(?P<sign>>>|[()\[\],=*/.+])
    |(?P<end>$))""",
    re.VERBOSE | re.ASCII,
)


class Tokens:
    """A text at one of its tokens: its `kind` ("number", "word", "quoted", "sign" or "end"), its own `text`, the `unit`
    that a number has ("" without one), and `start`, the column where it begins."""

    def __init__(self, source: str) -> None:
        self._source, self._next = source, 0
        self.read()

    def read(self) -> None:
        """Moves to the next token."""
        match = _TOKEN.match(self._source, self._next)
        if match is None:
            rest = self._source[self._next :]
            self.start = self._next + len(rest) - len(rest.lstrip())
            self.fail("unexpected character")
        self.kind: str = "number" if match["number"] else str(match.lastgroup)
        self.text, self.unit = match[self.kind], match["unit"] or ""
        self.start, self._next = match.start(self.kind), match.end()

    def at(self, *tokens: str) -> bool:
        """Whether the token is one of these signs, or of one of these kinds."""
        return (self.text if self.kind == "sign" else self.kind) in tokens

    def accept(self, token: str) -> bool:
        """Moves on if it is this token; whether it was."""
        if is_there := self.at(token):
            self.read()
        return is_there

    def expect(self, token: str) -> None:
        """Moves on from this token. Raises a ScheduleError if it is another."""
        if not self.accept(token):
            self.fail(f"expected {token!r}")

    def fail(self, problem: str, column: int | None = None) -> NoReturn:
        """Raises a ScheduleError with the column of the problem, by default that of the token."""
        column = self.start if column is None else column
        error = ScheduleError(f"{problem} at column {column + 1} of {self._source!r}")
        error.column = column
        raise error
