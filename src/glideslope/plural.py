"""Numbers of things in messages: 1 update, 2 updates."""

from __future__ import annotations


def plural(number: float, noun: str, form: str = "") -> str:
    """A number and its noun, in the plural unless it is 1.

    >>> plural(1, "update"), plural(2000, "update", ","), plural(0, "loss"), plural(1.0, "batch", "g")
    ('1 update', '2,000 updates', '0 losses', '1 batch')
    """
    plain = format(number, form)
    if plain == "1":
        return f"1 {noun}"
    return f"{plain} {noun}{'es' if noun.endswith(('s', 'ch')) else 's'}"
