"""Numbers of updates as people write them, and epochs, at the command line and in texts."""

import math
import re

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

import glideslope as gs
from glideslope.cli import app, main
from glideslope.cli.options import whole
from glideslope.cli.results import parse_schedules
from glideslope.schedules.durations import duration
from glideslope.schedules.numbers import written


@pytest.fixture
def called(monkeypatch, capsys):
    """(exit status, standard output, standard error) of a command, run here."""

    def call(*args):
        monkeypatch.setattr("sys.argv", ["glideslope", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return call


@pytest.mark.parametrize("text", ["10000", "10_000", "1e4", "1E4", "10k", "10K", "0.01M", "1_0.0k"])
def test_ten_thousand_updates(text, called):
    assert whole("--steps", text) == 10_000
    assert duration(text) == duration(10_000)
    assert gs.parse(f"warmup({text}) >> hold") == gs.warmup(10_000) >> gs.hold()
    assert gs.hold(text) == gs.hold(10_000)
    status, out, _ = called("convert", "linear", "--steps", text, "--to", "csv")
    assert (status, len(out.splitlines())) == (0, 10_001)  # a header, and every update


WRITERS = [
    lambda n: str(n), lambda n: f"{n:_}", lambda n: f"{n}.0", lambda n: f"{n}e0", lambda n: f"{n * 1000}e-3",
    lambda n: f"{n // 1000}.{n % 1000:03}k", lambda n: f"{n // 10**6}.{n % 10**6:06}M",
    lambda n: f"{n // 10**9}.{n % 10**9:09}B", lambda n: f"{n // 10**12}.{n % 10**12:012}T",
]  # fmt: skip


@given(st.integers(1, 10**15), st.sampled_from(WRITERS), st.sampled_from(["", "ep", "ex", "tok", "upd"]))
def test_each_way_to_write_a_number_is_that_number(number, write, unit):
    text = write(number)
    assert whole("--steps", text) == number
    read = duration(text + unit)
    assert (read.value, read.unit) == (float(number), "" if unit == "upd" else unit)
    assert gs.parse(f"hold({text}{unit})") == gs.hold(f"{number}{unit}")


@given(st.text("0123456789_.eEkKMBTm+- ", max_size=8))
def test_what_is_read_is_what_python_reads_but_for_the_letters(text):
    """Against Python's own float, which is what a text without a letter must be."""
    bare, by = text.strip(), {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(text.strip()[-1:], 1.0)
    try:
        theirs = float(bare[:-1] if by > 1 else bare) * by
    except ValueError:
        theirs = math.nan
    try:
        value = float(written(text))
    except ValueError:
        value = math.nan
    assert value == pytest.approx(theirs, nan_ok=True)


@pytest.mark.parametrize(
    "text", ["10m", "10G", "k", "1e", "1__0", "_1", "ten", "1.5", "1.2345k", "10ep", "5%", "nan", "inf"]
)
def test_invalid_numbers_of_updates_are_refused(text, called):
    status, out, error = called("convert", "linear", "--steps", text, "--to", "csv")
    assert (status, out, len(error.splitlines())) == (2, "", 1)
    assert error.startswith(f"glideslope: --steps {text}: it is not a ")
    assert "10_000, 1e4, 10k or 2M" in error


def test_a_number_that_is_too_large(called):
    for text in ("1e400", "1e999999999", "9" * 40):
        assert "too large" in called("convert", "linear", "--steps", text, "--to", "csv")[2]


@pytest.mark.parametrize("text", ["hold(10m)", "hold(2ms)", "hold(3kB)", "hold(1kk)"])
def test_a_unit_that_is_none(text):
    with pytest.raises(gs.ScheduleError, match=r"unknown unit .* k for thousands or M for millions at column 6"):
        gs.parse(text)
    with pytest.raises(gs.ScheduleError, match=r"write 500, '10_000' or '10k'"):
        gs.hold(text[5:-1])


def test_epochs_at_the_command_line(called):
    args = "convert", "warmup(2ep) >> linear", "--steps", "1k", "--to", "csv"
    status, _, error = called(*args)
    assert (status, error) == (2, "glideslope: warmup(2ep) >> linear(): 2ep is in epochs: give --steps-per-epoch\n")
    status, out, _ = called(*args, "--steps-per-epoch", "1e2")
    rates = [float(line.split(",")[1]) for line in out.splitlines()[1:]]
    expected = [t / 200 if t < 200 else (1000 - t) / 800 for t in range(1000)]
    assert rates == pytest.approx(expected)


def test_every_command_with_a_schedule_names_the_option(called, tmp_path):
    job = tmp_path / "job.py"
    job.write_text("def job(seed): raise AssertionError")
    (tmp_path / "candidates.csv").write_text("schedule,peak_lr\nwarmup(1ep) >> cosine,0.1\n")
    for args in [
        ("show", "warmup(1ep) >> cosine", "--steps", 100),
        ("predict", "examples/law.json", "warmup(1ep) >> cosine", "--steps", 100, "--peak", 1),
        ("race", f"{job}:job", "--steps", 100, "--schedules", "linear; warmup(1ep) >> cosine"),
        (
            "tune",
            f"{job}:job",
            "--steps",
            100,
            "--schedules",
            "(hold(1ep) >> linear) * guard",
        ),
    ]:
        status, _, error = called(*args)
        assert (status, len(error.splitlines())) == (2, 1)
        assert "1ep is in epochs: give --steps-per-epoch" in error


def test_a_curve_in_epochs_and_other_units(called):
    for unit, option in [("ep", "--steps-per-epoch"), ("ex", "--examples-per-step"), ("tok", "--tokens-per-step")]:
        status, _, error = called("show", f"warmup(1k{unit}) >> hold", "--steps", "10k")
        assert status == 2
        assert error.strip().endswith(f"give {option}")
    status, out, _ = called("show", "warmup(1kex) >> hold", "--steps", 100, "--examples-per-step", 100, "--csv", "-")
    rates = [float(line.split(",")[1]) for line in out.splitlines()[1:]]
    assert rates == pytest.approx([min(t / 10, 1) for t in range(100)])


def test_the_version_is_that_of_the_package(called):
    assert called("--version") == (0, f"glideslope {gs.__version__}\n", "")


def test_an_error_of_the_options_is_a_sentence(called):
    status, out, error = called("fnid")
    assert (status, out) == (2, "")
    assert re.fullmatch(r"glideslope: No such command .*[.?] See glideslope --help\n", error)


NUMBERS = {
    "tune": ("overhead", "seed", "workers", "speculate", "timeout", "steps"),
    "race": ("seeds", "evaluations", "target"),
    "find": ("low", "sweeps"),
    "forecast": ("every", "peak"),
    "studio": ("port",),
    "predict": ("level", "batch-size"),
}


@pytest.mark.parametrize(
    ("command", "option"), [(command, name) for command, names in NUMBERS.items() for name in names]
)
def test_the_message_names_an_option_that_is_no_number(command, option, called):
    status, _, err = called(command, f"--{option}", "x")
    assert (status, len(err.splitlines())) == (2, 1)
    said, _, forms = err.partition("; write it as ")
    assert said == f"glideslope: --{option} x: it is not a number"
    assert forms.startswith(("10000, ", "0.003, "))  # of a whole number, of any


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("tune", "--seed", "-1"), "--seed -1: give at least 0"),
        (("show", "cosine", "--peak", "9" * 400), "--peak 9999"),
        (("suggest", "--params", "1e300"), "--params 1e300: it is too large"),
        (("rank", "examples/law.json", "examples/candidates.csv", "--steps", "-1"), "steps=-1: it must be positive"),
        *((("design", "LAW", "--params", "1e9", f"--{name}", "0.1"), f"--{name} is for a law of one size")
          for name in ("floor", "tolerance", "out")),
        *((("fit", "examples/curves", "--sizes", "s.csv", *given), f"{given[0]} is for a law of one size")
          for given in (("--force",), ("--form", "multi-power"), ("--pictures", "p"))),
        (("convert", "cosine", "--steps", "9", "--to", "csv", "--out", "README.md/a"), "README.md/a/schedule.csv can't "
         "be written: README.md is a file, and no folder"),
        (("studio", "--port", "70k"), "--port 70000: give from 0 to 65535"),
        (("race", "--seeds", "1.5"), "--seeds 1.5: it is not a whole number"),
        (("tune", "JOB", "--steps", "100", "--schedules", ";"), '--schedules ";": an entry is empty'),
        (("tune", "JOB", "--steps", "100", "--averages", "ema(0.9),,swa(75%)"), '--averages "ema(0.9),,swa(75%)": an'),
        (("race", "JOB", "--steps", "100", "--optimizers", ","), '--optimizers ",": an entry is empty'),
        (("race", "JOB", "--steps", "100", "--peaks", "0.1,,1"), '--peaks "0.1,,1": an entry is empty'),
    ],
)  # fmt: skip
def test_numbers_out_of_their_range_and_empty_entries_are_refused(args, message, called):
    status, _, err = called(*args)
    assert (status, err.startswith(f"glideslope: {message}")) == (2, True)


COMMANDS = typer.main.get_command(app).commands
VALUES = [
    (command, parameter.opts[0] if parameter.opts[0].startswith("-") else None)
    for command, made in COMMANDS.items()
    for parameter in made.params
    if not getattr(parameter, "is_flag", False)
]


@pytest.mark.parametrize(("command", "option"), VALUES)
@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_value_is_refused_and_not_the_default(command, option, text, called):
    status, out, err = called(command, *([option] if option else []), text)
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert "empty" in err or (option == "--axis" and "is not one of 'updates'" in err)
    assert option is None or option in err


@pytest.mark.parametrize("text", ["linear; cosine", "linear;cosine;", " linear ; cosine ; "])
def test_an_end_of_a_list_is_no_entry(text):
    assert parse_schedules(text) == [gs.linear(), gs.cosine()]
