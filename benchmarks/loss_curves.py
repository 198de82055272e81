"""The published loss curves that the laws are judged by, in a folder `loss-curves`.

It holds `multi-power-law/{25M,100M}` (Luo et al. 2025, arXiv:2503.12811), and `convex-agreement/124M` and
`convex-agreement/sizes` (Schaipp et al. 2025, arXiv:2501.18965).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import glideslope as gs
from glideslope import laws

Row = tuple[dict[str, str], laws.Run]
OF_124M = 123.6e6
MULTI_POWER = ("25M", "100M")


def multi_power(folder: Path) -> dict[str, laws.Run]:
    """The runs of one size, by name; each warms up over 2,160 updates."""
    runs = {}
    for file in sorted(folder.glob("*.csv")):
        table = np.genfromtxt(file, delimiter=",", names=True)
        step, updates = table["step"], np.arange(int(table["step"][-1]))
        lr = np.interp(updates, step, table["lr"])
        if file.stem.startswith("wsdcon"):  # a jump, which a straight line between two logged rates isn't
            lr[2160:] = np.where(updates[2160:] < 8000, 3e-4, table["lr"][-1])
        lr[:2160] = 3e-4 * np.arange(2160) / 2160
        runs[file.stem] = laws.Run(lr, step, table["loss"], name=file.stem)
    return runs


def convex_agreement(folder: Path) -> list[Row]:
    """The rows of runs.csv, each with its run."""
    rows = []
    with (folder / "runs.csv").open() as file:
        for row in csv.DictReader(file):
            table = np.genfromtxt(folder / row["curve"], delimiter=",", names=True)
            steps, warm, final = int(row["steps"]), int(row["warmup_steps"]), float(row["final_lr_fraction"])
            if row["kind"] == "wsd":
                fall = f"cooldown({float(row['cooldown_fraction']):%}, shape={row['cooldown_shape']})"
                schedule = gs.warmup(warm) >> gs.hold() >> gs.parse(fall)
            else:
                schedule = gs.warmup(warm, start=0.01, shape="cosine") >> gs.cosine(final=final)
            run = laws.Run.from_schedule(
                schedule, peak=float(row["peak_lr"]), steps=steps, step=table["step"], loss=table["loss"],
                name=row["curve"].removesuffix(".csv"), final_loss=float(row["final_val_loss"]),
            )  # fmt: skip
            rows.append((row, run))
    return rows


def sizes(folder: Path) -> dict[str, list[laws.SizedRun]]:
    """The runs of each size, by the name of the size."""
    by_size: dict[str, list[laws.SizedRun]] = {}
    with (folder / "runs.csv").open() as file:
        for row in csv.DictReader(file):
            curve = np.genfromtxt(folder / row["curve"], delimiter=",", names=True)
            cosine = row["schedule"].startswith("cosine")
            schedule = (
                gs.warmup(300, start=0.01, shape="cosine") >> gs.cosine(final=0.1)
                if cosine
                else gs.parse(row["schedule"])
            )
            run = laws.Run.from_schedule(
                schedule, peak=float(row["peak_lr"]), steps=int(row["steps"]), step=curve["step"],
                loss=curve["val_loss"],
                name=row["curve"].removesuffix(".csv"), final_loss=float(row["final_val_loss"]),
            )  # fmt: skip
            size = row["curve"].split("_")[0]
            by_size.setdefault(size, []).append(laws.SizedRun(run, float(row["params"]), float(row["weight_decay"])))
    return by_size


def curves(folder: Path) -> Iterator[tuple[str, laws.Run]]:
    """All runs, each with the name of its size."""
    for size, members in sizes(folder / "convex-agreement" / "sizes").items():
        yield from ((size, member.run) for member in members)
    for size in MULTI_POWER:
        yield from ((size, run) for run in multi_power(folder / "multi-power-law" / size).values())
    yield from (("124M", run) for _, run in convex_agreement(folder / "convex-agreement" / "124M"))
