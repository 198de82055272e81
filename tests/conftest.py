"""What holds for every test."""

import signal

import pytest

from glideslope.cli import output

# A script's background job ignores interrupts, and so would the commands that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def standard_output_is_taken_back():
    """A command that runs a job lends it standard output until the process ends, which a test's doesn't."""
    yield
    output.take_back()
