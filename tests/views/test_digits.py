"""Numbers of a chart are those that the formatting of floats rounds to."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glideslope.views.digits import rounded


@pytest.mark.parametrize("digits", [3, 5, 7])
@given(numbers=st.lists(st.floats(), max_size=20))
def test_each_number_is_as_the_format_of_a_float_rounds_it(digits, numbers):
    expected = [float(f"{number:.{digits}g}") if math.isfinite(number) else None for number in numbers]
    assert rounded(np.array(numbers), digits) == expected


@pytest.mark.parametrize("digits", [3, 5, 7])
def test_numbers_near_a_half_are_rounded_as_they_are_and_not_as_their_product(digits):
    halves = np.arange(10 ** (digits - 1), 10 ** (digits - 1) + 2000) + 0.5
    numbers = np.concatenate([halves * unit for unit in (1e-9, 1e-4, 1e-3, 1e5)])
    assert rounded(numbers, digits) == [float(f"{number:.{digits}g}") for number in numbers.tolist()]


def test_numbers_of_half_the_precision_are_as_the_same_numbers_of_the_whole():
    numbers = np.nextafter(np.float32(10.0) ** np.arange(-5, 6, dtype=np.float32), np.float32(0))
    assert rounded(numbers, 7) == [float(f"{number:.7g}") for number in numbers.tolist()]


def test_whole_numbers_are_kept():
    assert rounded(np.arange(1_234_567, 1_234_570), 3) == [1_234_567, 1_234_568, 1_234_569]
    assert rounded([], 3) == []
