"""Several curves in a terminal: each has a letter, on its curve and in the legend, with colours and without."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import glideslope as gs
from glideslope.views import terminal
from glideslope.views.curves import Curve, Time

TEXTS = ["linear", "cosine", "constant", "hold", "warmup(30%) >> cosine", "0.5 * linear", "step(20%)", "one_cycle"]
STEPS, WIDTH, HEIGHT = 500, 66, 14


def picture(texts, **console):
    """The lines as they are printed, the picture's without their labels."""
    drawn = [Curve.of(gs.parse(text), STEPS, 1.0, gs.Clock()) for text in texts]
    out = io.StringIO()
    Console(file=out, width=90, **console).print(terminal.curves(drawn, Time("updates"), False), soft_wrap=True)
    return drawn, out.getvalue().splitlines()


@given(st.lists(st.sampled_from(TEXTS), min_size=2, max_size=20))
def test_each_curve_has_its_letter_where_it_is(texts):
    """Also a curve that lies wholly on another. Against the schedules' values at a letter's column."""
    drawn, lines = picture(texts)
    letters = "ABCDEFGHIJKLMNOPQRST"[: len(texts)]
    assert [line[:2] for line in lines[-len(texts) :]] == [f"{letter} " for letter in letters]
    assert [line[2:] for line in lines[-len(texts) :]] == [curve.text for curve in drawn]
    cells = [line[11:] for line in lines[:HEIGHT]]
    top = max(curve.rates.max() for curve in drawn)
    for letter, curve in zip(letters, drawn, strict=True):
        places = [(x, y) for y, row in enumerate(cells) for x, cell in enumerate(row) if cell == letter]
        assert places
        for x, y in places:
            near = curve.rates[max(int((x - 0.6) * STEPS / WIDTH), 0) : int((x + 1.6) * STEPS / WIDTH) + 1]
            low, high = top * (HEIGHT - 1 - y - 0.5) / HEIGHT, top * (HEIGHT - y + 0.5) / HEIGHT
            assert np.any((near >= low) & (near <= high)) or near.min() <= low <= near.max()


def test_one_curve_has_none_and_letters_are_there_with_colours():
    assert picture(["linear"])[1][-1] == "━━ linear()"
    coloured = picture(["linear", "cosine"], force_terminal=True, color_system="standard")[1]
    assert "\x1b[36mA " in coloured[-2]
    assert "\x1b[35mB " in coloured[-1]


@pytest.mark.parametrize("number", [2, 7, 30, 60])
def test_many_curves(number):
    _, lines = picture([f"{1 - i / 100} * constant" for i in range(number)])
    legend = [line.split(" ")[0] for line in lines[-number:]]
    assert len(set(legend)) == number
    assert set(legend) <= set("".join(lines[:HEIGHT]))
