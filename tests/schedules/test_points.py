"""Schedules from files of points: what is a header, and what a slip in the first row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import glideslope as gs


def saved(tmp_path, text):
    path = tmp_path / "lr.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    "first",
    ["0.l,5", "O,5", "o,0.5", "O.O,l.O", "0,x", "x,1", "1e-3x,1", "0;0.5", "0,5,1", "nan,1", "0,inf", "l0,1", "-.x,1",
     "0 1", '"0,1",1', "step,0.1", "(0,1)", "1st,2nd"],
)  # fmt: skip
def test_a_misspelt_number_in_the_first_row_is_not_read_as_a_header(first, tmp_path):
    with pytest.raises(gs.ScheduleError, match=r"lr\.csv, line 1: "):
        gs.from_csv(saved(tmp_path, f"{first}\n10,0.5\n20,0.1\n"))


@pytest.mark.parametrize(
    "first", ["step,lr", "Step,Learning rate", '"step","lr"', " t , factor", "updates,value", "# step,lr"]
)
def test_a_header_has_names_only(first, tmp_path):
    assert gs.from_csv(saved(tmp_path, f"{first}\n0,1\n10,0.5\n"))(5) == 0.75


def test_other_forms_of_the_same_file(tmp_path):
    for text in (b"\xef\xbb\xbf0,1\n10,0.5\n", "0,1\r\n10,0.5\r\n", "\n0,1\n\n10,0.5\n", "0, 1\n10, 0.5\n"):
        assert gs.from_csv(saved(tmp_path, text))(5) == 0.75


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lr,step\n0.1,0\n0.2,10\n", "line 1: 'lr,step': give the columns as step,lr"),
        ("step,lr\n0,1\n10,0.5,3\n", "line 3"),
        ("step,lr\n0,1\n10,nan\n", "line 3"),
        ("step,lr\n\n0,1\n10\n", "line 4"),
        ("step,lr\n", r"lr\.csv: .*0 times"),
        ("step,lr\n10,1\n0,0.5\n", r"lr\.csv: .* must rise"),
    ],
)
def test_mistakes_say_where_they_are(text, says, tmp_path):
    with pytest.raises(gs.ScheduleError, match=says):
        gs.from_csv(saved(tmp_path, text))


@given(st.integers(0, 5), st.sampled_from("lOoIx"))
def test_no_row_is_lost_to_a_slip(tmp_path_factory, place, letter):
    """Whatever letter is in the place of a digit of the first row, it isn't taken for a header."""
    row = "12.50,0.75"
    digits = [i for i, sign in enumerate(row) if sign.isdigit()]
    spoilt = row[: digits[place]] + letter + row[digits[place] + 1 :]
    path = tmp_path_factory.mktemp("points") / "lr.csv"
    path.write_text(f"{spoilt}\n20,0.5\n30,0.1\n")
    with pytest.raises(gs.ScheduleError, match="line 1"):
        gs.from_csv(path)
