"""A start from what others published, where there are no runs yet: rules and recipes, not measurements."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from glideslope.errors import LawError
from glideslope.schedules.arguments import checked

TASKS, OPTIMIZERS = ("pretrain", "finetune", "vision"), ("adamw", "adam", "sgd")
METHODS = ("full", "lora", "layer-wise", "mup", "completep")
TRANSFER = {
    "mup": "the rate of hidden matrices is the peak times tuned width over width: gs.layers.by_width",
    "completep": "the rate of hidden matrices is the peak times tuned width over width, and what a block adds to the "
    "residual stream is times tuned depth over depth",
}
"""The parametrizations with which the best peak of a small network is that of a large one, and what they change."""
_USUAL_TOKENS = 20.0  # tokens for each parameter of a pretraining whose length isn't given (Hoffmann et al. 2022)
_FAR = 1.0  # how many factors of ten a size may lie beyond what a source measured until it counts for half
_LEAST = 1000  # parameters of a network, at least
_BUDGET = 0.1  # the part of the run that the plan spends on each peak


@dataclass(frozen=True)
class Source:
    """What one source says of a request."""

    name: str  #: of the law or recipe
    citation: str  #: where it was published
    peak: float  #: the peak rate
    batch: float | None  #: examples or tokens in an update; None if it is that of the small network
    unit: str  #: of the batch; what follows is as published
    schedule: str
    warmup: str
    betas: str
    weight_decay: str
    measured: tuple[float, float]  #: the sizes that it was measured on, in parameters
    far: float  #: how far the request is from them, in factors of ten
    is_law: bool  #: whether the peak follows from size and tokens, and isn't a recipe's


@dataclass(frozen=True)
class Suggestion:
    """Where to begin."""

    peak: float  #: a peak rate: the weighted geometric mean of the sources'
    low: float  #: the least of the sources
    high: float  #: the largest
    sources: tuple[Source, ...]  #: nearest first
    plan: tuple[str, ...]  #: the runs that would replace it by a measurement
    warnings: tuple[str, ...]  #: what should be known of it


@checked(LawError, above_0="params tokens batch tuned_peak")
def suggest(
    *, params: float, task: str = "pretrain", method: str = "full", optimizer: str = "adamw",
    tokens: float | None = None, batch: float | None = None, tuned_peak: float | None = None,
) -> Suggestion:  # fmt: skip
    """Suggests a peak rate, and what goes with it, from published laws and recipes.

    Args:
        params: of the network.
        task: pretrain, finetune (both of language models) or vision.
        method: full, lora or layer-wise; or mup or completep, which carry over the best peak of a small network.
        optimizer: adamw, adam or sgd; those of adam count for adamw, and the other way.
        tokens: of the run; 20 for each parameter of a pretraining if not given.
        batch: tokens or images in an update; the source's if not given.
        tuned_peak: the best peak of a small network, for mup and completep, and for no other method.

    Raises:
        LawError: a name isn't known, a number isn't positive, no source is of such a training, or a tuned peak
            is given with another method or lacks with these.

    >>> start = suggest(params=7e9, task="finetune", method="lora")
    >>> start.low <= start.peak <= start.high, start.sources[0].name
    (True, 'QLoRA 7B to 13B')
    """
    kinds = ("task", task, TASKS), ("method", method, METHODS), ("optimizer", optimizer, OPTIMIZERS)
    for name, value, known in kinds:
        if value not in known:
            raise LawError(f"{name}={value!r}: give {', '.join(known)}")
    if params < _LEAST:
        raise LawError(f"params={params:g}: they seem to be in millions or billions; write 7e9 or 7B for 7 billion")
    if batch is not None and tokens is not None and batch > tokens:
        raise LawError(f"batch={batch:g} in a run of tokens={tokens:g}: give a run of an update or more")
    if (method in TRANSFER) != (tuned_peak is not None):
        raise LawError(
            f"method={method!r} and tuned_peak={tuned_peak}: give the best peak of a small network (--tuned-peak) with "
            f"{' or '.join(TRANSFER)}, which carry it over, and with no other method"
        )
    length = tokens if tokens is not None else _USUAL_TOKENS * params
    family = {"adam", "adamw"} if optimizer in ("adam", "adamw") else {optimizer}
    rows = [row for row in _rows() if (row["task"], row["method"]) == (task, method) and row["optimizer"] in family]
    if not rows:
        known_kinds = sorted({f"{row['task']} {row['method']} {row['optimizer']}" for row in _rows()})
        raise LawError(f"no source has {task}, {method} with {optimizer}; there are {', '.join(known_kinds)}")
    sources = sorted((_source(row, params, length, batch, tuned_peak) for row in rows), key=lambda source: source.far)
    weights = [0.5 ** (source.far / _FAR) * (2.0 if source.is_law else 1.0) for source in sources]
    logs = [math.log(source.peak) for source in sources]
    middle = math.exp(sum(w * log for w, log in zip(weights, logs, strict=True)) / sum(weights))
    peaks = [source.peak for source in sources]
    warnings = ["a rule isn't a measurement: the plan says how to measure"]
    if sources[0].far > 0.3:
        beyond = f"{10 ** sources[0].far:.1f} times beyond"
        warnings.append(f"{params:.3g} parameters are {beyond} what the nearest source measured")
    if method in TRANSFER:
        warnings.append(f"{TRANSFER[method]}; without that the peak isn't carried over")
    elif len(sources) < 3:
        warnings.append(f"only {len(sources)} source{'s' * (len(sources) > 1)}: the spread says little")
    plan = _plan(middle, length, params, peaks)
    return Suggestion(middle, min(peaks), max(peaks), tuple(sources), plan, tuple(warnings))


def _plan(peak: float, tokens: float, params: float, peaks: Sequence[float]) -> tuple[str, ...]:
    """The runs that would measure the best peak, and what they cost."""
    ratio = max(2.0, math.sqrt(max(peaks) / min(peaks)))
    tried = ", ".join(f"{peak * factor:.2g}" for factor in (1 / ratio, 1.0, ratio))
    cost = 6 * params * tokens * 3 * _BUDGET
    return (
        f"run peaks {tried} over {_BUDGET * tokens:.3g} tokens each, with a cooldown over the last fifth: {cost:.2g} "
        f"floating-point operations, {3 * _BUDGET:.0%} of the whole run",
        "glideslope fit runs/ --out law.json",
        "glideslope design law.json --steps N, the updates of the whole run",
    )


def _source(row: dict[str, str], params: float, tokens: float, batch: float | None, tuned_peak: float | None) -> Source:
    """What a row says of a request."""
    least, most = float(row["least"]), float(row["most"])
    far = max(math.log10(least / params), math.log10(params / most), 0.0)
    law = LAWS.get(row["peak"])
    if tuned_peak is not None:
        usual, peak = batch, tuned_peak
    else:
        usual = LAWS[row["batch"]](params, tokens)[1] if row["batch"] in LAWS else float(row["batch"])
        peak = law(params, tokens)[0] if law else float(row["peak"])
    if batch is not None and usual is not None and row["scaling"] == "linear":
        peak *= batch / usual
    return Source(
        row["source"], row["citation"], peak, usual, row["unit"], row["schedule"], row["warmup"], row["betas"],
        row["weight_decay"], (least, most), far, law is not None,
    )  # fmt: skip


def _step_law(params: float, tokens: float) -> tuple[float, float]:
    """η = 1.79·N^-0.713·D^0.307, and 0.58·D^0.571 tokens (Li et al. 2025, arXiv:2503.04715)."""
    return 1.79 * params**-0.713 * tokens**0.307, 0.58 * tokens**0.571


def _deepseek(params: float, tokens: float) -> tuple[float, float]:
    """η = 0.3118·C^-0.125, and 0.292·C^0.3271 tokens, of a compute C = 6·N·D (Bi et al. 2024, arXiv:2401.02954)."""
    compute = 6 * params * tokens
    return 0.3118 * compute**-0.125, 0.2920 * compute**0.3271


def _kaplan(params: float, tokens: float) -> tuple[float, float]:
    """η = 0.003239 - 0.0001395·ln N (Kaplan et al. 2020, arXiv:2001.08361, appendix D.6), or 3e-5."""
    return max(0.003239 - 0.0001395 * math.log(params), 3e-5), 524_288.0


LAWS = {"step-law": _step_law, "deepseek": _deepseek, "kaplan": _kaplan}
"""Peak and batch of size and tokens, by the name that the table has."""


@cache
def _rows() -> tuple[dict[str, str], ...]:
    """The table of laws and recipes."""
    text = files("glideslope.laws").joinpath("recipes.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))
