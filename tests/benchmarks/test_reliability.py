"""The kinds of silent faults whose cases aren't property tests elsewhere; the documented table has every kind."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from reliability import KINDS  # noqa: E402


@pytest.mark.parametrize("name", ["searches", "guards"])
def test_none_is_wrong(name):
    _, tally, _ = KINDS[name]
    result = tally(12)
    assert result.tried == 12
    assert result.shown == ()


def test_the_table_in_the_docs_is_of_these_kinds():
    text = (ROOT / "docs" / "reliability.md").read_text()
    rows = [line.split("|") for line in text.splitlines() if line.startswith("|") and line.count("|") == 5]
    table = {title.strip(): counts for _, title, *counts, _ in rows}
    for title, _, number in KINDS.values():
        tried, wrong, tracebacks = (int(cell.replace(",", "")) for cell in table[title])
        assert tried >= 0.9 * number
        assert tracebacks == 0
        assert wrong == 0, title
