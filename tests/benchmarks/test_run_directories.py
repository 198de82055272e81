"""The kinds of faults of run directories, a few cases each, in a process without other threads: it is forked."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
COUNTS = {
    "kills": 24, "failures": 8, "damaged-search": 50, "damaged-result": 50, "damaged-finished": 100,
    "damaged-runs": 20, "damaged-report": 20, "damaged-lock": 40, "writers": 4, "threads": 10, "locks": 6,
    "users-files": 50, "changes": 6, "read-only": 8, "edited-jobs": 20,
}  # fmt: skip
TRIED = """
import json, sys
sys.path[:0] = sys.argv[1:3]
from faults.run_directories import KINDS
counts = json.loads(sys.argv[3])
tallies = {name: tally(counts[name]) for name, (_, tally, _) in KINDS.items()}
print(json.dumps({name: [tally.tried, list(tally.shown)] for name, tally in tallies.items()}))
"""


def test_none_is_wrong():
    done = subprocess.run([sys.executable, "-c", TRIED, str(ROOT), str(ROOT / "benchmarks"), json.dumps(COUNTS)],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {name: [count, []] for name, count in COUNTS.items()}
