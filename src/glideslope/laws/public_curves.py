"""The laws of public loss curves over sizes: what is known of a run before it has shown anything."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

UNIT, REFERENCE, CENTER, LONGEST = 1000.0, 1e-3, 80e6, 24_000
"""The updates of a unit of their clock, the rate that rates are over, the size that sizes are over, and the updates of
a usual run."""
SIZES, OF_OTHER_DATA = 1.5, (0.06, 0.2, 0.05)
"""The deviation of the logarithm of a run's size from that of `CENTER`; and those of the logarithms of clock, rates and
losses of other data than the public."""
LOWEST = 3.0  # the lowest losses of the curves
PEAKS = (3e-4, 2e-3)  # the least and the largest peak that several of the networks have
NAMES = ("L0", "A", "alpha", "offset", "a", "b", "B", "C", "gamma", "beta", "p")
SETS = (
    ("Schaipp et al. 2025, arXiv:2501.18965", (("33M", 33e6), ("53M", 53e6), ("59M", 60e6), ("93M", 93e6),
                                               ("124M", 124e6))),
    ("Luo et al. 2025, arXiv:2503.12811", (("25M", 25e6), ("100M", 100e6))),
)  # fmt: skip
"""The sources of the curves, with the networks of each: language models in nats a token, AdamW with a weight decay of
0.1."""


@dataclass(frozen=True, eq=False)
class Line:
    """How the logarithms of a law's parameters go with that of the size."""

    mean: np.ndarray  # at the size `CENTER`, shape (11,), in the order of `NAMES`
    slope: np.ndarray  # by the logarithm of the size
    spread: np.ndarray  # how far a size lies from the line
    scales: tuple[tuple[float, ...], ...]
    """Of each of `SETS`, the logarithms of its clock, rates and losses over the first's."""


@dataclass(frozen=True, eq=False)
class Network:
    """The law of a network that public curves are of."""

    name: str  # its size
    of_set: int  # its place in `SETS`
    logs: np.ndarray  # the logarithms of the law's parameters, shape (11,)
    root: np.ndarray  # the lower triangle whose product with its transpose is their covariance, shape (11, 11)


@cache
def networks() -> tuple[Network, ...]:
    """The networks, as benchmarks/public_laws.py writes them."""
    text = files("glideslope.laws").joinpath("public_networks.csv").read_text(encoding="utf-8")
    rows: dict[tuple[str, int], list[list[float]]] = {}
    for row in csv.DictReader(text.splitlines()):
        rows.setdefault((row["network"], int(row["set"])), []).append([float(row[name] or 0) for name in NAMES])
    return tuple(
        Network(name, of_set, np.array(values[0]), np.array(values[1:])) for (name, of_set), values in rows.items()
    )


_VALUES = {
    "L0": (2.814, -0.1041, 0.0132), "A": (0.6312, 0.0645, 0.0294), "alpha": (0.4971, -0.1106, 0.0511),
    "offset": (0.02234, -0.0530, 0.1866), "a": (0.9735, 0.1023, 0.1569), "b": (0.2087, -0.0601, 0.1445),
    "B": (0.5207, 0.2587, 0.0852), "C": (79.04, -0.0509, 0.2400), "gamma": (0.156, -0.0046, 0.1154),
    "beta": (0.5881, 0.0070, 0.1035), "p": (0.9043, -0.0309, 0.0328),
}  # fmt: skip
"""Of each parameter the mean, the slope and the spread, as benchmarks/public_laws.py prints them."""
LINE = Line(
    np.log([_VALUES[name][0] for name in NAMES]), np.array([_VALUES[name][1] for name in NAMES]),
    np.array([_VALUES[name][2] for name in NAMES]), ((0.0, 0.0, 0.0), (0.0571, 0.2458, -0.0368)),
)  # fmt: skip


def directions(logs: np.ndarray) -> np.ndarray:
    """How the logarithms of a law's parameters change with the logarithm of the clock's unit, of the rate that rates
    are over, and of the losses, shape (11, 3)."""
    law = dict(zip(NAMES, np.exp(logs).tolist(), strict=True))
    changes = (
        {"offset": -1.0, "a": 1.0, "b": 1.0, "A": -law["alpha"], "C": 1.0},
        {"offset": -1.0, "a": 2.0, "b": 1.0, "A": -law["alpha"], "B": law["p"], "C": 1.0 - law["gamma"]},
        {"L0": 1.0, "A": 1.0, "B": 1.0},
    )
    return np.array([[change.get(name, 0.0) for change in changes] for name in NAMES])
