"""Names are shown whole wherever they stand: read back by other readers of terminals' text, pictures, pages and CSV."""

import csv
import html
import io
import re
import unicodedata
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

import glideslope as gs
from glideslope import escape
from glideslope.views import plots, report, terminal
from glideslope.views.charts import Chart, Series

matplotlib.use("agg")
NAMES = st.text(
    st.characters() | st.sampled_from("[]/$\\<>&\"'=+-@\n\t\r\x1b\x07\x9b\u202e\u2028\udcff_:{}"), max_size=12
)
HOSTILE = [
    "o[/x]", "[red]", r"$\foo$.csv", "<script>", "a\nb", "\x1b[31m", "\x9b31m", "\u202egnp", "\udcff", "=cmd()", ":x:",
    "_hidden", "\\$", "x\\", "\u3164", "a\ufe0f", "\u2800x", "\uffa0=1",
]  # fmt: skip


def seen(text):
    """The characters of an escaped text."""
    codes = r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})|\\([nrt])"
    named = {"n": "\n", "r": "\r", "t": "\t"}
    return re.sub(codes, lambda m: named[m[4]] if m[4] else chr(int(m[1] or m[2] or m[3], 16)), text)


@settings(deadline=None)
@given(NAMES)
def test_what_is_visible_is_one_line_without_control_characters_and_loses_nothing(name):
    shown = escape.visible(name)
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    if "\\" not in name:
        assert seen(shown) == name
    assert escape.lines(f"{name}\n{name}") == "\n".join(map(escape.visible, f"{name}\n{name}".split("\n")))


IGNORABLE = "034F 115F-1160 17B4-17B5 180B-180D 180F 3164 FE00-FE0F FFA0 E0100-E01EF"
"""Letters and marks that are Default_Ignorable_Code_Point in Unicode's DerivedCoreProperties.txt."""


def test_what_shows_nothing_is_escaped_whatever_its_category():
    for part in IGNORABLE.split():
        first, _, last = part.partition("-")
        for code in range(int(first, 16), int(last or first, 16) + 1):
            assert escape.visible(f"a{chr(code)}").isascii()
    assert escape.visible("\u2800") == "\\u2800"  # braille without a dot
    assert escape.visible("e\u0301 한글 \u3000") == "e\u0301 한글 \u3000"


class Text(HTMLParser):
    def __init__(self):
        super().__init__()
        self.cells, self.tags = [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag in ("td", "th", "h2"):
            self.cells.append("")

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data


@settings(deadline=None)
@given(NAMES)
@example("</td><script>")
def test_a_page_has_the_name_and_no_tag_of_it(name):
    page = Text()
    page.feed(report.listing(name, [name], [[name]]))
    assert page.cells == [escape.visible(name)] * 3
    assert page.tags <= {"section", "h2", "div", "table", "thead", "tbody", "tr", "th", "td"}


@settings(deadline=None)
@given(NAMES)
@example("o[/x]")
@example(":smile:")
def test_a_table_has_the_name_and_reads_no_markup(name):
    console = Console(file=io.StringIO(), width=500, force_terminal=False)
    console.print(terminal.table("title", ["first", "last"], [[f"<{name}>", "end"]]))
    assert f"<{escape.visible(name)}>" in console.file.getvalue()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_long_name_is_folded_and_not_cut(name):
    console = Console(file=io.StringIO(), width=40)
    console.print(terminal.table(name, [name], [["x" * 100 + name]]))
    assert console.file.getvalue().count("x") >= 100
    assert "…" not in console.file.getvalue()


@settings(max_examples=25, deadline=None)
@given(NAMES)
@example(r"$\foo$.csv")
@example("_hidden")
@example("$")
@example("\\$\\")
def test_a_picture_has_the_name_without_mathematics(name):
    figure, axes = plots.figure("x", "y")
    plots.legend(axes, [(axes.plot([0, 1])[0], f"<{name}>")])
    drawn = axes.get_legend().get_texts()[0]
    text, is_math = drawn._preprocess_math(drawn.get_text())
    assert (text, is_math) == (f"<{escape.visible(name)}>", False)
    assert figure is axes.figure


def test_pictures_of_hostile_names_are_drawn():
    series = [Series(name, np.arange(5), gs.linear().over(5).sample(5)) for name in HOSTILE]
    svg = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        plots.picture(Chart("", "", "update", "rate", series)).savefig(svg, format="svg")
    for name in HOSTILE:
        assert escape.visible(name) in html.unescape(svg.getvalue().decode())


@settings(deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=4))
def test_a_csv_cell_is_escaped_from_formulas(names):
    file = io.StringIO()
    csv.writer(file).writerow(map(escape.csv, names))
    cells = next(csv.reader(io.StringIO(file.getvalue())), [])
    assert len(cells) == len(names) or names == [""]
    for cell, name in zip(cells, names, strict=False):
        assert not cell.lstrip().startswith(("=", "+", "-", "@"))
        assert cell.removeprefix("'") == escape.visible(name).removeprefix("'")


@pytest.mark.parametrize("sign", ["＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫"])
def test_a_sign_of_another_width_begins_no_formula(sign):
    assert [escape.csv(f"{space}{sign}cmd()")[0] for space in ("", " ", "\u3000")] == ["'"] * 3
    assert escape.csv(f"a{sign}") == f"a{sign}"


def test_names_of_layers_in_a_csv_file(tmp_path):
    model = torch.nn.Sequential()
    model.add_module("=cmd()", torch.nn.Linear(1, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = gs.torch.Monitor(model, optimizer, every=1, to=gs.torch.to_csv(tmp_path / "ratios.csv"))
    model(torch.ones(1, 1)).sum().backward()
    optimizer.step()
    monitor.read()
    rows = list(csv.reader((tmp_path / "ratios.csv").open()))
    assert {row[1][:2] for row in rows[1:]} == {"'="}
