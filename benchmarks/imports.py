"""What it costs to import glideslope and to ask for help, against NumPy and a bare interpreter.

python benchmarks/imports.py
"""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

COMMANDS = {
    "bare": "pass",
    "numpy": "import numpy",
    "glideslope": "import glideslope",
    "help": "import sys; sys.argv = ['glideslope', '--help']; from glideslope.cli import main; main()",
}


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(16):
        for name, code in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
            times[name].append(time.perf_counter() - began)
    bare, numpy, ours, help_time = (median(own[1:]) for own in times.values())
    print(f"import glideslope / import numpy: {ours / numpy:.2f} (wanted: at most 1.3)")
    print(f"glideslope --help: {help_time:.3f} s, bare start {bare:.3f} s (wanted: at most {4 * bare + 0.3:.3f} s)")


if __name__ == "__main__":
    main()
