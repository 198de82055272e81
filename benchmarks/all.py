"""Runs what docs/figures.md claims, keeps what each script prints, and says which claim no longer holds.

    python benchmarks/all.py --quick
    python benchmarks/all.py --only schedules,imports --out benchmarks/results
    python benchmarks/all.py --data FOLDER      # the whole of it: some hours

Each script leaves one JSON in the folder: its output, and the machine, date, commit and versions that it is of. The
exit status is 1 where a claim doesn't hold or a script fails. Timings are of the machine: the load when a script
began is in its file.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from claims import FIGURES, SCRIPTS, Script

import glideslope

ROOT = Path(__file__).parents[1]
PACKAGES = ("numpy", "scipy", "torch", "jax", "optax", "keras")


def machine() -> dict[str, Any]:
    """What a timing depends on."""
    return {
        "system": platform.system(), "processor": _processor(), "cores": os.cpu_count(), "gpu": _gpu(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
    }  # fmt: skip


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().split("\n") if line.startswith("model name")] \
        if info.exists() else []  # fmt: skip
    return names[0] if names else platform.processor() or platform.machine()


def _gpu() -> str | None:
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def circumstances() -> dict[str, Any]:
    """The machine, the date, the commit and the versions."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    changed = subprocess.run(["git", "status", "--porcelain", "src"], cwd=ROOT, capture_output=True, text=True)
    versions = {"glideslope": glideslope.__version__}
    for name in PACKAGES:
        if importlib.util.find_spec(name) is not None:
            versions[name] = importlib.metadata.version(name)
    return {
        "machine": machine(), "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit.stdout.strip() + ("+" if changed.stdout.strip() else ""), "versions": versions,
    }  # fmt: skip


def run(script: Script, arguments: tuple[str, ...], compared: bool) -> dict[str, Any]:
    """What a script prints, and what it says of the claims."""
    before = circumstances()
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(ROOT / f"benchmarks/{script.name}.py"), *arguments], cwd=ROOT, env=environment,
        capture_output=True, text=True,
    )  # fmt: skip
    result = {
        "script": f"benchmarks/{script.name}.py", "arguments": list(arguments), **before,
        "seconds": round(time.perf_counter() - begin, 1), "status": done.returncode,
        "output": done.stdout.rstrip("\n").split("\n"), "claims": [],
    }  # fmt: skip
    if done.returncode:
        result["error"] = done.stderr[-2000:]
    elif compared:
        result["claims"] = compare(script, done.stdout)
    return result


def compare(script: Script, output: str) -> list[dict[str, Any]]:
    """Each claim: what docs/figures.md has, what the output has, and whether it holds.

    A number that one of them lacks doesn't hold.
    """
    figures, compared = FIGURES.read_text(), []
    for claim in script.claims:
        claimed, measured = claim.claimed(figures), claim.measured(output)
        holds = claimed is not None and measured is not None and claim.holds(claimed, measured)
        compared.append({"claim": claim.row, "claimed": claimed, "measured": measured, "holds": holds})
    return compared


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="short runs of those that have one")
    parser.add_argument("--only", type=lambda text: text.split(","), help="names of scripts, with commas between")
    parser.add_argument("--data", help="the folder of the published loss curves, for benchmarks/laws.py")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results")
    options = parser.parse_args()
    known = {script.name for script in SCRIPTS}
    if unknown := set(options.only or ()) - known:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    failed = []
    for script in SCRIPTS:
        arguments = script.quick if options.quick else script.full
        missing = [name for name in script.packages if importlib.util.find_spec(name) is None]
        if options.only and script.name not in options.only:
            continue
        if arguments is None or missing or (not options.data and "{data}" in " ".join(arguments)):
            print(f"{script.name}: not run; it needs {script.needs or ', '.join(missing)}", flush=True)
            continue
        arguments = tuple(argument.format(data=options.data) for argument in arguments)
        result = run(script, arguments, compared=script.same or not options.quick)
        options.out.mkdir(parents=True, exist_ok=True)
        path = options.out / f"{script.name.replace('/', '-')}.json"
        path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
        wrong = [claim for claim in result["claims"] if not claim["holds"]]
        for claim in wrong:
            numbers = f"claimed {claim['claimed']}, measured {claim['measured']}"
            print(f"{script.name}: no longer holds: {claim['claim']}: {numbers}")
        if result["status"]:
            print(f"{script.name}: failed: {result['error'].strip().splitlines()[-1]}")
        failed += [script.name] * bool(wrong or result["status"])
        print(f"{script.name}: {result['seconds']} s, {len(result['claims']) - len(wrong)} claims hold", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
