"""The colours of curves are told apart by people who lack a kind of cone, in light and in dark."""

import re
from importlib.resources import files

import pytest

from tests.studio.colour_vision import ciede2000, contrast, nearest

APART = 12
"""What two colours that stand together differ by at least, for anyone, where 1 is just noticed."""


def palette(package, file, letter):
    """The colours of a style sheet by their place, in light and in dark."""
    text = files(package).joinpath("web", file).read_text(encoding="utf-8")
    found = re.findall(rf"--{letter}(\d): (#[0-9a-f]{{6}})", text)
    count = len(found) // 2
    assert [int(place) for place, _ in found] == [*range(count)] * 2
    colours = [colour for _, colour in found]
    return {"light": colours[:count], "dark": colours[count:]}


CURVES = palette("glideslope.views", "report.css", "c")
BALLS = palette("glideslope.studio", "studio.css", "b")
GROUNDS = {"light": ("#ffffff", "#f6f7f9"), "dark": ("#12151a", "#1b2027")}


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1, 2), (50, 0, 0), 2.3669),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_difference_is_that_of_its_authors_examples(one, other, difference):
    """Sharma, Wu and Dalal, "The CIEDE2000 Color-Difference Formula", 2005, table 1."""
    assert ciede2000(one, other) == pytest.approx(difference, abs=5e-5)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colours_of_curves_in_a_row_are_told_apart_by_anyone(scheme):
    """Four have one dash; the next four have another."""
    colours = CURVES[scheme]
    assert len(colours) == 8
    for row in (colours[:4], colours[4:]):
        assert nearest(row)[0] > APART


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colours_of_balls_are_told_apart_by_anyone(scheme):
    assert len(BALLS[scheme]) == 6
    assert nearest(BALLS[scheme])[0] > APART


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_curves_stand_out_from_the_page(scheme):
    """WCAG 2 asks 3 of what is drawn, and 4.5 of what is written, as problems are in the second colour."""
    for ground in GROUNDS[scheme]:
        assert min(contrast(colour, ground) for colour in CURVES[scheme] + BALLS[scheme]) >= 3
        assert min(contrast(colour, ground) for colour in CURVES[scheme][1:3]) >= 4.5
