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
from typing import Any

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
from glideslope.schedules.tokens import Tokens

_TOKEN = re.compile(
    rf"""\s*(?:
    (?P<number>[+-]?{NUMBER})(?P<unit>%|[A-Za-z]+)?
    |(?P<word>[A-Za-z_]\w*)
    |(?P<quoted>"[^"]*"|'[^']*')
    |(?P<sign>>>|[()\[\],=*/.+])
    |(?P<end>$)
    |(?P<other>.))""",
    re.VERBOSE | re.ASCII,
)


LONGEST = 20_000
DEEPEST = 50
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
    if not parser.tokens.at("end"):
        several = "; several schedules are separated by ';'," if parser.tokens.at(",") else ""
        parser.tokens.fail(f"expected '>>' or the end{several}")
    return schedule


class _Parser:
    """Reads tokens from left to right; each method reads one rule of the grammar."""

    def __init__(self, text: str) -> None:
        self.tokens = Tokens(text, _TOKEN, DEEPEST, ScheduleError)
        self.heights: dict[int, tuple[int, Any]] = {}  # the methods on one another, and the schedule, by its identity

    def made(self, column: int, make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The result of `make`; an error in it gets the column of the call."""
        try:
            result = make(*args, **kwargs)
        except (GlideslopeError, TypeError, ArithmeticError) as error:
            self.tokens.fail(str(error), column)
        height = max((self.heights.get(id(part), (0,))[0] for part in args), default=0) + (make in METHODS.values())
        if height > DEEPEST:
            self.tokens.fail(f"more than {DEEPEST} methods on one schedule", column)
        self.heights[id(result)] = height, result  # kept, so that no other takes its identity
        return result

    def sequence(self) -> Schedule:
        column, phases = self.tokens.start, [self.as_schedule(self.tokens.start, self.sum())]
        while self.tokens.accept(">>"):
            phases.append(self.as_schedule(self.tokens.start, self.sum()))
            if not all(isinstance(phase, Schedule) for phase in phases):
                self.tokens.fail(
                    "a schedule times a feedback has no end that another could follow: (a >> b) * feedback", column
                )
        return self.made(column, in_sequence, *phases) if len(phases) > 1 else phases[0]

    def sum(self) -> Any:
        column, value = self.tokens.start, self.product()
        while self.tokens.accept("+"):
            value = self.made(column, total, value, self.product())
        return value

    def as_schedule(self, column: int, value: Any) -> Schedule:
        """A number where a schedule is meant is a constant."""
        return self.made(column, constant, value) if isinstance(value, int | float) else value  # type: ignore[no-any-return]

    def product(self) -> Any:
        column, value = self.tokens.start, self.factor()
        while self.tokens.at("*", "/"):
            divide = self.tokens.at("/")
            self.tokens.read()
            by = self.number() if divide else self.factor()
            if divide and by == 0:
                self.tokens.fail("division by zero")
            value = self.made(column, operator.mul, value, 1 / by if divide else by)
        return value

    def factor(self) -> Any:
        return self.number() if self.tokens.at("number") else self.operand()

    def number(self) -> float:
        if not self.tokens.at("number") or self.tokens.unit:
            self.tokens.fail("expected a number without a unit")
        value = float(written(self.tokens.text))
        self.tokens.read()
        return value

    def operand(self) -> Schedule:
        column = self.tokens.start
        if self.tokens.accept("("):
            schedule: Schedule = self.tokens.nested(self.sequence)
            self.tokens.expect(")")
        else:
            known = NAMES | FACTORS
            name = self.name("schedule", known | FUNCTIONS)
            if name in FUNCTIONS:
                schedule = self.made(column, FUNCTIONS[name], *self.tokens.nested(self.schedules))
            else:
                args, kwargs = self.arguments(known[name]) if self.tokens.at("(") else ([], {})
                schedule = self.made(column, known[name], *args, **kwargs)
        while self.tokens.accept("."):
            if not isinstance(schedule, Schedule):
                self.tokens.fail("a schedule times a feedback has no methods in a text")
            column, name = self.tokens.start, self.name("method", METHODS)
            args, kwargs = self.arguments(METHODS[name])
            schedule = self.made(column, METHODS[name], schedule, *args, **kwargs)
        return schedule

    def schedules(self) -> list[Schedule]:
        self.tokens.expect("(")
        schedules = [self.sequence()]
        while self.tokens.accept(","):
            schedules.append(self.sequence())
        self.tokens.expect(")")
        return schedules

    def name(self, what: str, known: dict[str, Any]) -> str:
        if not self.tokens.at("word"):
            self.tokens.fail(f"expected a {what}")
        self.check_known(what, self.tokens.text, known, self.tokens.start)
        name = self.tokens.text
        self.tokens.read()
        return name

    def check_known(self, what: str, name: str, known: Iterable[str], column: int) -> None:
        """Fails at a name that isn't known, with the nearest."""
        names = list(known)
        if name not in names:
            near = get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}"
            hint = theirs.hint(name, names) or hint
            self.tokens.fail(f"unknown {what} {name!r} ({hint})", column)

    def arguments(self, maker: Callable[..., Schedule]) -> tuple[list[Any], dict[str, Any]]:
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        known = argument_names(maker)

        def argument() -> None:
            column, value = self.tokens.start, self.value()
            if isinstance(value, str) and self.tokens.at("="):
                self.tokens.read()
                if value in kwargs:
                    self.tokens.fail(f"{value} is given twice", column)
                self.check_known("argument", value, known, column)
                kwargs[value] = self.value()
            elif kwargs:
                self.tokens.fail("a positional argument after a keyword argument", column)
            else:
                args.append(value)

        self.tokens.expect("(")
        self.separated(argument, ")")
        return args, kwargs

    def separated(self, rule: Callable[[], Any], end: str) -> list[Any]:
        """What a rule reads, again and again with commas between, up to the end."""
        values = []
        while not self.tokens.accept(end):
            values.append(rule())
            if not self.tokens.at(end) and not self.tokens.accept(","):
                self.tokens.fail(f"expected ',' or {end!r}")
        return values

    def value(self) -> Any:
        if self.tokens.accept("["):
            return self.separated(lambda: self.tokens.nested(self.value), "]")
        column, token, unit, kind = self.tokens.start, self.tokens.text, self.tokens.unit, self.tokens.kind
        if kind not in ("number", "word", "quoted"):
            self.tokens.fail("expected a value")
        self.tokens.read()
        if kind == "number":
            if unit in MULTIPLES:  # a bare number, which may be of anything
                return float(written(token + unit))
            return self.made(column, with_unit, token, unit)
        return token[1:-1] if kind == "quoted" else _WORDS.get(token, token)
