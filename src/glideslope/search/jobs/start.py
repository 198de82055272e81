"""Where a search for the peak rate begins: by the kind of the optimizer, how many numbers come into each unit of the
network, and the rate that the user chose."""

from __future__ import annotations

import inspect
import math
from typing import Any

from glideslope.errors import LayerError
from glideslope.layers import parameters

PEAKS = {"plain": 0.21, "adagrad": 0.55, "adaptive": 0.018, "adadelta": 1.0}
"""The median of the best peaks by the kind of optimizer, over the trainings of `benchmarks/search/jobs`. None of these
has Adadelta, whose updates have the size of those before by themselves: it was made without a rate (arXiv:1212.5701),
which is a rate of 1."""

UNKNOWN = 0.032  # the same over all kinds

BY_FAN = 0.48
"""The median, over those trainings, of the best peak times the mean fan-in, where each coordinate is scaled. A step of
such an optimizer moves each number by about the rate, and so what a unit computes by the rate times what comes in: by
the maximal-update rule (arXiv:2203.03466, table 3) the best rate is inverse to it. On trainings that didn't choose the
number, the usual peak errs by a factor of 2.3 in the geometric mean, by one of 3.0 without the fan-in
(`benchmarks/search/starts.py`)."""

BY_SIGN = 3.0
"""How many times smaller the best peak is where each step is a sign, and so larger than one of Adam's: 3 to 10 times by
Chen et al. 2023 (arXiv:2302.06675, section 5); 1.1 to 8 times, 3.0 in the geometric mean, in eleven trainings of 400
updates with Lion in the place of Adam."""

EDGES = {"plain": (3.0, 0.9), "adagrad": (1.4, 0.5), "adaptive": (19.0, 0.3), "adadelta": (1.0, 0.0)}
"""By the kind of optimizer: how far below the edge of stability of a sweep of 100 updates the best peak lies, in the
median of the same trainings, and the weight of that, in the logarithm, beside the usual peak. The edge tells next to
nothing where each coordinate is scaled: leaving a training out, both err by a factor of 3.2."""

TRUST = 0.25  # the weight, in the logarithm, of a rate that the user chose

_FAR = 100.0  # the factor beyond which a user's rate says nothing

_RELATIVE = ("muon", "lamb", "adafactor", "factored")  # whose steps have a size that doesn't grow with what comes in
_SIGN = ("lion", "sign")
_ADAPTIVE = ("adam", "rms", "lion", "muon", "adan", "adafactor", "factored", "belief", "lamb", "sophia", "soap", "sign")
_PLAIN = ("sgd", "momentum", "nesterov", "lars", "trace")


def kind(optimizer: str | None) -> str | None:
    """The kind of an optimizer by the name of its class, in any library, or of its state in Optax; None where it isn't
    known.

    Those that take gradients as they are need larger rates than those that scale each coordinate's update to about 1.

    >>> kind("SGD"), kind("AdamW"), kind("Adagrad"), kind("Adadelta"), kind("Mine")
    ('plain', 'adaptive', 'adagrad', 'adadelta', None)
    """
    name = (optimizer or "").lower()
    if "adagrad" in name or name == "rss":
        return "adagrad"
    if "adadelta" in name:
        return "adadelta"
    if any(word in name for word in _ADAPTIVE):
        return "adaptive"
    return "plain" if any(word in name for word in _PLAIN) else None


def usual_peak(optimizer: str | None, fan_in: float | None = None) -> float:
    """The peak that is usual for an optimizer, by the name of its class, and for the mean fan-in of a network.

    >>> usual_peak("SGD", 256), usual_peak("AdamW"), round(usual_peak("AdamW", 256), 4), round(usual_peak("Lion"), 4)
    (0.21, 0.018, 0.0019, 0.006)
    """
    name, lower = kind(optimizer), (optimizer or "").lower()
    smaller = BY_SIGN if any(word in lower for word in _SIGN) else 1.0
    if name == "adaptive" and fan_in and not any(word in lower for word in _RELATIVE):
        return BY_FAN / fan_in / smaller
    return PEAKS.get(name or "", UNKNOWN) / smaller


def mean_fan_in(job: Any) -> float | None:
    """How many numbers come into a unit of the network of a job, in the geometric mean over its trained matrices and
    kernels, a table that is looked up in counted as one; None where the network isn't known, or has none of them."""
    model = getattr(job, "model", None)
    if (model := getattr(job, "params", None) if model is None else model) is None:
        return None
    try:
        trained = parameters(model)
    except (LayerError, ValueError):  # of a lazy module, nothing is known before its first batch
        return None
    fans = [one.size / math.prod(one.shape[place] for place in one.fans[1]) if one.fans[0] else 1.0
            for one in trained if one.fans and one.size]  # fmt: skip
    return math.exp(sum(map(math.log, fans)) / len(fans)) if fans else None


def by_edge(edge: float, optimizer: str | None, fan_in: float | None = None) -> float | None:
    """The peak to try by the edge of stability; None where the kind of the optimizer isn't known.

    >>> round(by_edge(0.45, "SGD"), 3), round(by_edge(0.45, "AdamW"), 3), by_edge(0.45, "Mine")
    (0.155, 0.02, None)
    """
    name = kind(optimizer)
    if name is None:
        return None
    factor, weight = EDGES[name]
    return float(usual_peak(optimizer, fan_in) ** (1 - weight) * (edge / factor) ** weight)


def start(job: Any, optimizer: str | None = None) -> float:
    """The peak that a search begins with: by a job's optimizer, the first of several, or by the name of one chosen."""
    usual = usual_peak(optimizer or optimizer_name(job), mean_fan_in(job))
    rate = None if optimizer else chosen_rate(optimizer_of(job))
    if rate is None or not usual / _FAR <= rate <= usual * _FAR:
        return usual
    return float(usual ** (1 - TRUST) * rate**TRUST)


def optimizer_name(job: Any) -> str:
    """The name of the class of a job's optimizer; in JAX, where there is none, of the first state that tells it.

    >>> from types import SimpleNamespace
    >>> from typing import NamedTuple
    >>> class ScaleByAdamState(NamedTuple):
    ...     count: int
    >>> optimizer_name(SimpleNamespace(opt_state=(ScaleByAdamState(0), ())))
    'Adam'
    """
    first, states = optimizer_of(job), [getattr(job, "opt_state", None)]
    while first is None and states:
        state = states.pop()
        name = type(state).__name__.removeprefix("ScaleBy").removesuffix("State")
        if isinstance(state, tuple):
            if kind(name):
                return name
            states += reversed(state)
        elif isinstance(state, dict):
            states += state.values()
    return type(first).__name__


def optimizer_of(job: Any) -> Any:
    """The optimizer of a job or of its model, the first of several, without what wraps it; None where none is known."""
    model = getattr(job, "model", None)
    first: Any = (
        getattr(job, "optimizer", None) or getattr(job, "optimizers", None) or getattr(model, "optimizer", None)
    )
    if isinstance(first, list | tuple):
        first = first[0] if first else None
    for _ in range(3):
        inner = getattr(first, "optimizer", None)
        first = first if inner is None or kind(type(first).__name__) else inner
    return first


def chosen_rate(optimizer: Any) -> float | None:
    """The rate of an optimizer of torch, None where it is the default of its class: its user chose nothing."""
    groups = getattr(optimizer, "param_groups", None)
    if not isinstance(groups, list) or not groups or "lr" not in groups[0]:
        return None
    rate = float(groups[0].get("initial_lr", groups[0]["lr"]))
    try:
        default = inspect.signature(type(optimizer)).parameters["lr"].default
    except (KeyError, TypeError, ValueError):
        return None
    return rate if math.isfinite(rate) and rate > 0 and rate != default else None
