"""The page of benchmarks: what the scripts printed when they were run last, from benchmarks/results/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NEXT = "Next: [what was measured](../figures.md), or [against the alternatives](../alternatives.md)."
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def page() -> str:
    parts = [
        "# Benchmarks, as they were run\n",
        "`benchmarks/all.py` runs the scripts behind [the figures](../figures.md) and keeps what each prints, with the "
        "machine, the date and the commit. A claim that no longer holds on that machine is marked; timings depend on "
        "its load, which stands beside it.\n",
    ]
    results = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    parts += [_section(result) for result in results] or ["No script was run on this copy.\n"]
    return "\n".join([*parts, NEXT, ""])


def _section(result: dict[str, Any]) -> str:
    machine = result["machine"]
    lines = [
        f"## `{result['script']} {' '.join(result['arguments'])}`\n".replace(" `", "`"),
        f"{result['date']}, commit {result['commit']}; {machine['processor']}, "
        f"{machine['cores']} cores, load {machine['load']}, "
        f"GPU: {machine['gpu'] or 'none'}; Python {machine['python']}, "
        f"{', '.join(f'{name} {version}' for name, version in result['versions'].items())}; {result['seconds']} s.\n",
    ]
    if result["claims"]:
        lines += ["| claimed | measured | holds |", "|---|---|---|"]
        lines += [f"| {c['claimed']} | {c['measured']} | {'yes' if c['holds'] else 'no'} |" for c in result["claims"]]
        lines.append("")
    body = "\n".join(result["output"][:60])
    return "\n".join([*lines, f"```text\n{body}\n```\n"])
