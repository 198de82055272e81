"""The text form of a schedule and its parser: a grammar, nothing is evaluated.

sequence  = sum {">>" sum}
sum       = product {"+" product}
product   = factor {"*" factor | "/" number}
factor    = number | operand
operand   = (call | "(" sequence ")") {"." method "(" arguments ")"}
call      = name ["(" arguments ")"] | ("max" | "min") "(" sequence {"," sequence} ")"
arguments = [argument {"," argument}]
argument  = [name "="] value
value     = number [["k" | "M"] unit] | word | "quoted" | "[" [value {"," value}] "]"
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, NoReturn

from glideslope.documents import shown
from glideslope.errors import GlideslopeError, ScheduleError
from glideslope.schedules import theirs
from glideslope.schedules.combined import FUNCTIONS, total
from glideslope.schedules.durations import with_unit
from glideslope.schedules.methods import METHODS, argument_names
from glideslope.schedules.names import FACTORS, NAMES
from glideslope.schedules.numbers import MULTIPLES, NUMBER, written
from glideslope.schedules.phases import constant
from glideslope.schedules.schedule import Schedule
from glideslope.schedules.sequence import in_sequence

LONGEST = 20_000
DEEPEST = 50
_TOKEN = re.compile(
    rf"""\s*(?:
    (?P<number>[+-]?{NUMBER})(?P<unit>%|[A-Za-z]+)?
    |(?P<word>[A-Za-z_]\w*)
    |(?P<quoted>"[^"]*"|'[^']*')
    |(?P<sign>>>|[()\[\],=*/.+])
    |(?P<end>$))""",
    re.VERBOSE | re.ASCII,
)
_WORDS = {"true": True, "false": False, "none": None, "True": True, "False": False, "None": None}


def parse(text: str) -> Schedule:
    """The schedule that a text describes: what `str` prints, and the ways people write it.

    Args:
        text: such as `warmup(5%) >> hold >> cooldown("20%", shape=sqrt)`; positional and keyword arguments; quotes and
            empty parentheses may be left out.

    Returns:
        The schedule; of a text that multiplies one by a feedback, such as `cosine * plateau`, a `gs.Controlled`.

    Raises:
        ScheduleError: the text isn't a schedule; the message has the column, and the nearest name for a misspelt one.

    >>> parse("0.5 * warmup('5%')>>hold")
    0.5 * warmup(5%) >> hold()
    """
    if not isinstance(text, str):
        raise ScheduleError(f"{shown(text, 80)} isn't a text: write a schedule as 'warmup(5%) >> cosine()'")
    if len(text) > LONGEST:
        raise ScheduleError(f"a schedule of {len(text)} characters: at most {LONGEST} are read")
    parser = _Parser(text)
    schedule = parser.sequence()
    if not parser.at("end"):
        several = "; several schedules are separated by ';'," if parser.at(",") else ""
        parser.fail(f"expected '>>' or the end{several}")
    return schedule


class _Parser:
    """Reads tokens from left to right; each method reads one rule of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.depth = 0
        self.place = 0
        self.heights: dict[int, tuple[int, Any]] = {}  # the methods on one another, and the schedule, by its identity
        self.read()

    def read(self) -> None:
        """Moves to the next token."""
        match = _TOKEN.match(self.text, self.place)
        if match is None:
            self.start = self.place + len(self.text[self.place :]) - len(self.text[self.place :].lstrip())
            self.fail("unexpected character")
        self.kind: str = "number" if match["number"] else str(match.lastgroup)
        self.token, self.unit = match[self.kind], match["unit"] or ""
        self.start, self.place = match.start(self.kind), match.end()

    def fail(self, problem: str, column: int | None = None) -> NoReturn:
        """Raises with the column at which the problem is."""
        column = self.start if column is None else column
        error = ScheduleError(f"{problem} at column {column + 1} of {self.text!r}")
        error.column = column
        raise error

    def at(self, *tokens: str) -> bool:
        return (self.token if self.kind == "sign" else self.kind) in tokens

    def accept(self, token: str) -> bool:
        if is_there := self.at(token):
            self.read()
        return is_there

    def expect(self, token: str) -> None:
        if not self.accept(token):
            self.fail(f"expected {token!r}")

    def made(self, column: int, make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The result of `make`; an error in it gets the column of the call."""
        try:
            result = make(*args, **kwargs)
        except (GlideslopeError, TypeError, ArithmeticError) as error:
            self.fail(str(error), column)
        height = max((self.heights.get(id(part), (0,))[0] for part in args), default=0) + (make in METHODS.values())
        if height > DEEPEST:
            self.fail(f"more than {DEEPEST} methods on one schedule", column)
        self.heights[id(result)] = height, result  # kept, so that no other takes its identity
        return result

    def nested(self, rule: Callable[[], Any]) -> Any:
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail(f"nested more than {DEEPEST} deep")
        result = rule()
        self.depth -= 1
        return result

    def sequence(self) -> Schedule:
        column, phases = self.start, [self.as_schedule(self.start, self.sum())]
        while self.accept(">>"):
            phases.append(self.as_schedule(self.start, self.sum()))
            if not all(isinstance(phase, Schedule) for phase in phases):
                self.fail(
                    "a schedule times a feedback has no end that another could follow: (a >> b) * feedback", column
                )
        return self.made(column, in_sequence, *phases) if len(phases) > 1 else phases[0]

    def sum(self) -> Any:
        column, value = self.start, self.product()
        while self.accept("+"):
            value = self.made(column, total, value, self.product())
        return value

    def as_schedule(self, column: int, value: Any) -> Schedule:
        """A number where a schedule is meant is a constant."""
        return self.made(column, constant, value) if isinstance(value, int | float) else value  # type: ignore[no-any-return]

    def product(self) -> Any:
        column, value = self.start, self.factor()
        while self.at("*", "/"):
            divide = self.at("/")
            self.read()
            by = self.number() if divide else self.factor()
            if divide and by == 0:
                self.fail("division by zero")
            value = self.made(column, operator.mul, value, 1 / by if divide else by)
        return value

    def factor(self) -> Any:
        return self.number() if self.at("number") else self.operand()

    def number(self) -> float:
        if not self.at("number") or self.unit:
            self.fail("expected a number without a unit")
        value = float(written(self.token))
        self.read()
        return value

    def operand(self) -> Schedule:
        column = self.start
        if self.accept("("):
            schedule: Schedule = self.nested(self.sequence)
            self.expect(")")
        else:
            known = NAMES | FACTORS
            name = self.name("schedule", known | FUNCTIONS)
            if name in FUNCTIONS:
                schedule = self.made(column, FUNCTIONS[name], *self.nested(self.schedules))
            else:
                args, kwargs = self.arguments(known[name]) if self.at("(") else ([], {})
                schedule = self.made(column, known[name], *args, **kwargs)
        while self.accept("."):
            if not isinstance(schedule, Schedule):
                self.fail("a schedule times a feedback has no methods in a text")
            column, name = self.start, self.name("method", METHODS)
            args, kwargs = self.arguments(METHODS[name])
            schedule = self.made(column, METHODS[name], schedule, *args, **kwargs)
        return schedule

    def schedules(self) -> list[Schedule]:
        self.expect("(")
        schedules = [self.sequence()]
        while self.accept(","):
            schedules.append(self.sequence())
        self.expect(")")
        return schedules

    def name(self, what: str, known: dict[str, Any]) -> str:
        if not self.at("word"):
            self.fail(f"expected a {what}")
        self.check_known(what, self.token, known, self.start)
        name = self.token
        self.read()
        return name

    def check_known(self, what: str, name: str, known: Iterable[str], column: int) -> None:
        """Fails at a name that isn't known, with the nearest."""
        names = list(known)
        if name not in names:
            near = get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}"
            hint = theirs.hint(name, names) or hint
            self.fail(f"unknown {what} {name!r} ({hint})", column)

    def arguments(self, maker: Callable[..., Schedule]) -> tuple[list[Any], dict[str, Any]]:
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        known = argument_names(maker)

        def argument() -> None:
            column, value = self.start, self.value()
            if isinstance(value, str) and self.at("="):
                self.read()
                if value in kwargs:
                    self.fail(f"{value} is given twice", column)
                self.check_known("argument", value, known, column)
                kwargs[value] = self.value()
            elif kwargs:
                self.fail("an argument by place after one by name", column)
            else:
                args.append(value)

        self.expect("(")
        self.separated(argument, ")")
        return args, kwargs

    def separated(self, rule: Callable[[], Any], end: str) -> list[Any]:
        """What a rule reads, again and again with commas between, up to the end."""
        values = []
        while not self.accept(end):
            values.append(rule())
            if not self.at(end):
                self.expect(",")
        return values

    def value(self) -> Any:
        if self.accept("["):
            return self.separated(lambda: self.nested(self.value), "]")
        column, token, unit, kind = self.start, self.token, self.unit, self.kind
        if kind not in ("number", "word", "quoted"):
            self.fail("expected a value")
        self.read()
        if kind == "number":
            if unit in MULTIPLES:  # a bare number, which may be of anything
                return float(written(token + unit))
            return self.made(column, with_unit, token, unit)
        return token[1:-1] if kind == "quoted" else _WORDS.get(token, token)
