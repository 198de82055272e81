"""Names as they may be shown: in a terminal, in the mathematics of matplotlib, in HTML and in CSV.

A name is data. What it holds that means something where it stands is escaped, so that it is shown whole and does
nothing: control characters and escape codes, marks that turn the direction of writing, halves of characters that a file
name may have, dollars, tags, formulas. Text for rich goes in a `rich.text.Text`, which reads no markup.
"""

from __future__ import annotations

import html as html_characters
import unicodedata

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula, in other widths too."""
_SPACE = "Zs"
_UNSEEN = {
    *"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0",
    *map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))),
}
"""Fillers, blanks and selectors of variants, which are letters or marks by their category and show nothing."""


def visible(text: str) -> str:
    """The text on one line, what can't be seen as its escape.

    >>> visible("a\\n\\x1b[31mred\\u202e"), visible("[red] ~/Köln/データ 🙂")
    ('a\\\\n\\\\x1b[31mred\\\\u202e', '[red] ~/Köln/データ 🙂')
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char
        if (char.isprintable() and char not in _UNSEEN) or unicodedata.category(char) == _SPACE
        else char.encode("unicode_escape").decode()
        for char in text
    )


def lines(text: str) -> str:
    """The same for a text of several lines, which stay."""
    return "\n".join(map(visible, text.split("\n")))


def mathtext(text: str) -> str:
    r"""The text as matplotlib draws it as it stands, without mathematics.

    >>> print(mathtext(r"$\foo$.csv"))
    \$\foo\$.csv
    """
    return visible(text).replace("$", r"\$")


def html(text: str) -> str:
    """The text in a page.

    >>> html("<script>")
    '&lt;script&gt;'
    """
    return html_characters.escape(visible(text))


def csv(text: str) -> str:
    """The text in a cell that a spreadsheet takes for no formula: with an apostrophe before what begins one.

    >>> csv("=cmd()"), csv("cosine()")
    ("'=cmd()", 'cosine()')
    """
    first = unicodedata.normalize("NFKC", text.lstrip()[:1])
    return f"'{visible(text)}" if first.startswith(_FORMULAS) or text.startswith(_FORMULAS) else visible(text)
