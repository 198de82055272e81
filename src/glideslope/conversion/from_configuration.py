"""Schedules of Keras, transformers and DeepSpeed from their configurations, which need none of the three installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from glideslope import schedules
from glideslope.documents import check_kind
from glideslope.errors import ConversionError
from glideslope.schedules import Schedule


def from_keras(config: Any) -> Schedule:
    """The schedule of a Keras schedule, in rates, not factors: Keras has no base rate.

    Args:
        config: a schedule of Keras, or what `keras.optimizers.schedules.serialize(schedule)` returns.

    Raises:
        ConversionError: the class is unknown, or the configuration lacks a value.

    >>> from_keras({"class_name": "ExponentialDecay",
    ...             "config": {"initial_learning_rate": 0.1, "decay_steps": 100, "decay_rate": 0.5}})
    0.1 * exponential(100, ratio=0.5)
    """
    if callable(get_config := getattr(config, "get_config", None)) and not isinstance(config, type):
        config = {"class_name": type(config).__name__, "config": get_config()}
    check_kind(ConversionError, Mapping, "a schedule of Keras, or its configuration", config=config)
    if "class_name" not in config:
        raise ConversionError("config has no class_name: give the schedule of Keras itself, or serialize(schedule)")
    return _read("Keras schedule", _KERAS, config.get("class_name"), config.get("config", {}))


def from_transformers(name: str, warmup: int = 0, steps: int | None = None, **specific: Any) -> Schedule:
    """The schedule that `transformers.get_scheduler` makes.

    Args:
        name: such as "linear", "cosine", "warmup_stable_decay".
        warmup: num_warmup_steps.
        steps: num_training_steps, where the schedule has an end.
        specific: scheduler_specific_kwargs; for "polynomial" lr_end and power with lr_init, the optimizer's rate.

    Raises:
        ConversionError: the name is unknown or follows measurements, or a value is missing.

    >>> from_transformers("cosine", 100, 1000)
    (warmup(100) >> cosine()).over(1000)
    """
    return _read("schedule of transformers", _TRANSFORMERS, name, {"warmup": warmup, "steps": steps, **specific})


def from_deepspeed(config: Mapping[str, Any]) -> Schedule:
    """The schedule of the "scheduler" section of a DeepSpeed configuration, in rates; WarmupCosineLR's is a factor.

    DeepSpeed sets a rate after the update it is meant for, so its schedules lag by one update; so do these.

    Args:
        config: the whole configuration, or its section: {"type": ..., "params": {...}}.

    Raises:
        ConversionError: the type is unknown, or a parameter is missing.

    >>> from_deepspeed({"type": "WarmupLR", "params": {"warmup_max_lr": 0.1, "warmup_num_steps": 50,
    ...                                                "warmup_type": "linear"}})
    0.1 * (warmup(50) >> hold()).delay(1)
    """
    check_kind(ConversionError, Mapping, "a configuration", config=config)
    section = config.get("scheduler", config)
    return _read("DeepSpeed scheduler", _DEEPSPEED, section.get("type"), section.get("params", {}))


Reader = Callable[[Mapping[str, Any]], Schedule]


def _read(kind: str, readers: dict[str, Reader], name: Any, config: Mapping[str, Any]) -> Schedule:
    if not isinstance(name, str) or name not in readers:
        raise ConversionError(f"unknown {kind} {name!r}: known are {', '.join(readers)}")
    try:
        return readers[name](config)
    except KeyError as error:
        raise ConversionError(f"the {kind} {name} lacks {error}") from None
    except ConversionError:
        raise
    except (ValueError, TypeError, ArithmeticError) as error:
        raise ConversionError(f"the {kind} {name} can't be read: {error}, from {dict(config)}") from None


def _over(schedule: Schedule, config: Mapping[str, Any]) -> Schedule:
    if not config["steps"]:
        raise ConversionError("this schedule ends with the training: say steps, the number of updates")
    whole = schedules.warmup(config["warmup"]) >> schedule if config["warmup"] else schedule
    return whole.over(config["steps"])


def _keras_cosine(config: Mapping[str, Any]) -> Schedule:
    first, peak, steps = config["initial_learning_rate"], config.get("warmup_target"), config.get("warmup_steps", 0)
    down = schedules.cosine(config["decay_steps"], final=config.get("alpha", 0.0))
    if peak is None or not steps:
        return down * float(first)
    return (schedules.warmup(steps, start=first / peak) >> down) * float(peak)


def _keras_polynomial(config: Mapping[str, Any]) -> Schedule:
    first = config["initial_learning_rate"]
    final, power = config.get("end_learning_rate", 1e-4) / first, config.get("power", 1.0)
    make = schedules.polynomial_cycles if config.get("cycle") else schedules.polynomial
    return make(config["decay_steps"], power=power, final=final) * float(first)


def _keras_restarts(config: Mapping[str, Any]) -> Schedule:
    cosines = schedules.cosine_restarts(
        config["first_decay_steps"], stretch=config.get("t_mul", 2.0), ratio=config.get("m_mul", 1.0),
        final=config.get("alpha", 0.0),
    )  # fmt: skip
    return cosines * float(config["initial_learning_rate"])


def _keras_decay(decay: Callable[..., Schedule], argument: str, config: Mapping[str, Any]) -> Schedule:
    options = {argument: config["decay_rate"], "staircase": config.get("staircase", False)}
    return decay(config["decay_steps"], **options) * float(config["initial_learning_rate"])


_KERAS: dict[str, Reader] = {
    "ExponentialDecay": partial(_keras_decay, schedules.exponential, "ratio"),
    "InverseTimeDecay": partial(_keras_decay, schedules.inverse_time, "rate"),
    "PiecewiseConstantDecay": lambda config: schedules.piecewise(
        config["values"],
        [boundary + 1 for boundary in config["boundaries"]],  # at which Keras keeps the value before
    ),
    "PolynomialDecay": _keras_polynomial,
    "CosineDecay": _keras_cosine,
    "CosineDecayRestarts": _keras_restarts,
}


def _wave(config: Mapping[str, Any]) -> Schedule:
    """Transformers' cosine of any number of half waves."""
    cycles, low = config.get("num_cycles", 0.5), config.get("min_lr_rate", 0.0)
    if cycles == 0.5:
        return _over(schedules.cosine(final=low), config)
    half = (config["steps"] - config["warmup"]) / (2 * cycles)
    return _over((schedules.cosine(half, final=low) >> schedules.cosine(half, final=low).reverse()).repeat(), config)


def _min_rate(config: Mapping[str, Any]) -> float:
    ratio = config.get("min_lr_rate")
    return float(config["min_lr"] / config["lr_init"] if ratio is None else ratio)


def _cosine_warmup_min(config: Mapping[str, Any]) -> Schedule:
    """Its warmup and its cosine are one update ahead, unless the warmup has a first rate."""
    steps, w = config["steps"], config["warmup"]
    first = config.get("warmup_lr_rate")
    rise = schedules.warmup(w).skip(1) if first is None else schedules.warmup(max(w - 1, 1), start=first)
    down = schedules.cosine(steps - w, final=_min_rate(config)).skip(1)
    return rise.lasting(w) >> down if w else down


def _stable(config: Mapping[str, Any]) -> Schedule:
    down, w, low = config["num_decay_steps"], config["warmup"], config.get("min_lr_ratio", 0.0)
    stay = config.get("num_stable_steps")
    stay = config["steps"] - w - down if stay is None else stay
    shapes = {"linear": "linear", "cosine": "cosine", "1-sqrt": "sqrt"}
    up, falls = config.get("warmup_type", "linear"), config.get("decay_type", "cosine")
    if up not in shapes or falls not in shapes or config.get("num_cycles", 0.5) != 0.5:
        raise ConversionError(f"a warmup_type {up!r}, decay_type {falls!r} or num_cycles that has no counterpart")
    rise = schedules.warmup(w, start=low, shape=shapes[up])
    if up == "1-sqrt":  # the mirror image of the square root
        rise = schedules.cooldown(w, shape="sqrt", final=low).reverse()
    rest = schedules.hold(stay) >> schedules.cooldown(down, shape=shapes[falls], final=low)
    return rise >> rest if w else rest


_TRANSFORMERS: dict[str, Reader] = {
    "linear": lambda c: _over(schedules.linear(), c),
    "cosine": _wave,
    "cosine_with_restarts": lambda c: _over(schedules.cosine_hard_restarts(cycles=c.get("num_cycles", 1)), c),
    "polynomial": lambda c: _over(
        schedules.polynomial(power=c.get("power", 1.0), final=c.get("lr_end", 1e-7) / c["lr_init"]), c
    ),
    "constant": lambda c: schedules.constant(),
    "constant_with_warmup": lambda c: schedules.warmup(c["warmup"]) >> schedules.hold(),
    "inverse_sqrt": lambda c: schedules.inverse_sqrt(
        c["warmup"], timescale=c.get("timescale") or c["warmup"] or 10_000
    ),
    "cosine_with_min_lr": lambda c: _wave({**c, "min_lr_rate": _min_rate(c)}),
    "cosine_warmup_with_min_lr": _cosine_warmup_min,
    "warmup_stable_decay": _stable,
}  # fmt: skip


def _rise(config: Mapping[str, Any], start: float) -> Schedule:
    updates = max(2, config.get("warmup_num_steps", 1000))
    if config.get("warmup_type", "log") == "linear":
        return schedules.warmup(updates, start=start)
    return schedules.log_warmup(updates, start=start).lasting(updates)


def _deepspeed_warmup(config: Mapping[str, Any]) -> Schedule:
    peak = config.get("warmup_max_lr", 0.001)
    return (_rise(config, config.get("warmup_min_lr", 0.0) / peak) >> schedules.hold()).delay(1) * float(peak)


def _deepspeed_decay(config: Mapping[str, Any]) -> Schedule:
    peak, low = config.get("warmup_max_lr", 0.001), config.get("warmup_min_lr", 0.0)
    left = config["total_num_steps"] - max(2, config.get("warmup_num_steps", 1000))
    return (_rise(config, low / peak) >> schedules.linear(max(left, 1), final=low / peak)).delay(1) * float(peak)


def _deepspeed_cosine(config: Mapping[str, Any]) -> Schedule:
    left = config["total_num_steps"] - max(2, config.get("warmup_num_steps", 1000))
    down = schedules.cosine(max(left, 1), final=config.get("cos_min_ratio", 0.0001)).skip(1)
    return schedules.constant(0, 1) >> _rise(config, config.get("warmup_min_ratio", 0.0)) >> down


def _deepspeed_cycle(config: Mapping[str, Any]) -> Schedule:
    low, high = config["cycle_min_lr"], config["cycle_max_lr"]
    up = config.get("cycle_first_step_size", 2000)
    down = config.get("cycle_second_step_size") or up
    if config.get("cycle_first_stair_count") or config.get("cycle_second_stair_count"):
        raise ConversionError("a OneCycle in stairs has no counterpart")
    cycle = schedules.triangular(up, down, low=low / high).lasting(up + down) * float(high)
    rate, size = config.get("decay_lr_rate", 0.0), config.get("decay_step_size", 0)
    # The rate at the end of the cycle is that of its begin.
    return cycle >> (schedules.inverse_time(size, rate=rate) * float(low) if size and rate else schedules.constant(low))


_DEEPSPEED: dict[str, Reader] = {
    "WarmupLR": _deepspeed_warmup,
    "WarmupDecayLR": _deepspeed_decay,
    "WarmupCosineLR": _deepspeed_cosine,
    "OneCycle": _deepspeed_cycle,
}
