"""What the library warns of, in Python and at the command line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import glideslope as gs

SOURCE = Path(gs.__file__).parent
JOB = """
import warnings
from glideslope.warning import warn


class Quadratic:
    w = 1.0

    def step(self, lr):
        loss, self.w = self.w**2, 0.98 * self.w
        return loss

    def evaluate(self):
        return self.w**2

    def state(self):
        return self.w

    def restore(self, state):
        self.w = state


def job(seed):
    warnings.warn("the job's own", stacklevel=1)
    warn("of two\\nlines")
    return Quadratic()
"""


@pytest.mark.parametrize("workers", [(), ("--workers", "1")])
def test_each_warning_of_the_library_is_one_line_of_a_command(tmp_path, workers):
    (tmp_path / "quadratic.py").write_text(JOB)
    command = [sys.executable, "-m", "glideslope", "race", "quadratic.py:job", "--steps", "20", *workers]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    [ignored] = [line for line in said if "doesn't use its rate" in line]
    assert re.match(r"warning: all \d+ runs of seed 0 gave the same losses, .* given$", ignored)
    assert r"warning: of two\nlines" in said
    [own] = {line for line in said if "the job's own" in line and "warn(" not in line}  # of each process
    assert re.fullmatch(r"\S+quadratic\.py:\d+: UserWarning: the job's own", own)
    assert not any("GlideslopeWarning" in line for line in said)


def test_all_warnings_of_the_library_are_of_its_class():
    direct = {file.name for file in SOURCE.rglob("*.py") if "warnings.warn(" in file.read_text()}
    assert direct == {"warning.py", "renamed.py"}  # the latter's are DeprecationWarnings, which commands don't show
    assert issubclass(gs.GlideslopeWarning, UserWarning)
