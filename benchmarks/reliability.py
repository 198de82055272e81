"""How often a rate, a run, a curve or a stored result is silently wrong: kinds of faults, cases tried, how many were
wrong, and how many ended in an error that isn't Glideslope's.

    python benchmarks/reliability.py [--quick] [--only KIND,...] [--seed 0]

Each case has an independent right answer: a closed form, torch's own rate, the value at a Python number, the run as it
was written. A case that raises a GlideslopeError where that is the right answer isn't wrong. The kinds stand in
`faults/`, a file for each part of the house; `--quick` takes a twentieth of the cases, and `--seed` others.
Prints the table of docs/reliability.md.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import torch  # noqa: E402
from faults import documents, guards, jobs, names, rates, run_directories, searches, sizes, states  # noqa: E402
from faults.tally import FIRST_SEED, Kinds, Tally  # noqa: E402

PARTS = (documents, guards, jobs, names, rates, run_directories, searches, sizes, states)
KINDS: Kinds = {name: kind for part in PARTS for name, kind in part.KINDS.items()}


def rows(kinds: list[str], share: float) -> Iterator[tuple[str, Tally, float]]:
    """The kinds of these names: what is tried, the tally, and the seconds it took."""
    for name in kinds:
        title, tally, number = (KINDS | guards.UNPROMISED)[name]
        began = time.perf_counter()
        yield title, tally(max(math.ceil(number * share), 5)), time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a twentieth of the cases")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(KINDS))
    parser.add_argument("--seed", type=int, default=0, help="the seed of the first case of each kind")
    options = parser.parse_args()
    FIRST_SEED[0] = options.seed
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print("| kind | tried | wrong | tracebacks |\n|---|---|---|---|", flush=True)
    for title, tally, seconds in rows(options.only, 0.05 if options.quick else 1.0):
        print(f"| {title} | {tally.tried:,} | {tally.wrong:,} | {tally.tracebacks:,} |", flush=True)
        print(f"{title}: {seconds:.0f} s", *tally.shown, sep="\n  ", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
