"""The names of schedules and arguments in other libraries, so that an unknown name is answered with ours."""

from __future__ import annotations

from collections.abc import Iterable

NAMES: dict[str, str] = {
    # torch
    "ReduceLROnPlateau": "plateau", "CosineAnnealingLR": "cosine", "CosineAnnealingWarmRestarts": "cosine_restarts",
    "StepLR": "step", "MultiStepLR": "multistep", "ConstantLR": "constant", "LinearLR": "linear",
    "ExponentialLR": "exponential", "PolynomialLR": "polynomial", "OneCycleLR": "two_phase_one_cycle",
    "CyclicLR": "triangular", "LambdaLR": "from_function",
    # Keras
    "CosineDecay": "cosine", "CosineDecayRestarts": "cosine_restarts", "ExponentialDecay": "exponential",
    "InverseTimeDecay": "inverse_time", "PiecewiseConstantDecay": "piecewise", "PolynomialDecay": "polynomial",
    # Optax
    "constant_schedule": "constant", "cosine_decay_schedule": "cosine", "linear_schedule": "linear",
    "exponential_decay": "exponential", "polynomial_schedule": "polynomial", "cosine_onecycle_schedule":
    "two_phase_one_cycle", "linear_onecycle_schedule": "one_cycle", "piecewise_constant_schedule": "piecewise",
    "piecewise_interpolate_schedule": "interpolate", "sgdr_schedule": "cosine_restarts", "reduce_on_plateau": "plateau",
    "warmup_constant_schedule": "warmup(…) >> hold()", "warmup_cosine_decay_schedule": "warmup(…) >> cosine()",
    "warmup_exponential_decay_schedule": "warmup(…) >> exponential()",
    # transformers, DeepSpeed, timm
    "cosine_with_restarts": "cosine_hard_restarts", "constant_with_warmup": "warmup(…) >> hold()",
    "cosine_with_warmup": "warmup(…) >> cosine()", "linear_with_warmup": "warmup(…) >> linear()",
    "polynomial_with_warmup": "warmup(…) >> polynomial()", "warmup_stable_decay": "wsd",
    "cosine_with_min_lr": "cosine(final=…)", "reduce_lr_on_plateau": "plateau", "WarmupLR": "log_warmup",
    "WarmupDecayLR": "warmup(…) >> linear()", "WarmupCosineLR": "warmup(…) >> cosine()", "OneCycle": "triangular",
    "poly": "polynomial", "cosine_annealing": "cosine", "onecycle": "one_cycle", "greedy_lr": "greedy",
}  # fmt: skip
"""A schedule or feedback elsewhere, and here."""

ARGUMENTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("eta_min", "min_lr", "min_lr_rate", "alpha", "end_value", "end_learning_rate", "lr_end",
                     "end_factor", "lr_min", "min_lr_ratio", "final_factor"), ("final", "low", "floor")),
    **dict.fromkeys(("T_max", "total_iters", "total_steps", "num_training_steps", "decay_steps", "transition_steps",
                     "num_steps", "max_iters", "t_initial", "steps", "num_decay_steps"),
                    ("duration", "timescale", "period")),
    **dict.fromkeys(("warmup_steps", "num_warmup_steps", "warmup_iters", "warmup_t", "warmup_epochs",
                     "warmup_num_steps", "warmup_ratio"), ("warmup", "rise", "updates")),
    **dict.fromkeys(("gamma", "decay_rate", "factor", "decay"), ("ratio", "factor", "rate")),
    **dict.fromkeys(("start_factor", "init_value", "init_lr", "warmup_lr_init", "initial_lr"), ("start",)),
    **dict.fromkeys(("T_0", "first_decay_steps"), ("period",)),
    **dict.fromkeys(("T_mult", "t_mul", "cycle_mul"), ("stretch",)),
    **dict.fromkeys(("m_mul", "cycle_decay"), ("ratio",)),
    **dict.fromkeys(("step_size", "decay_t"), ("every",)),
    **dict.fromkeys(("max_lr", "peak_value", "peak_lr", "warmup_target"), ("peak",)),
    **dict.fromkeys(("num_cycles", "cycle_limit"), ("cycles", "times")),
    **dict.fromkeys(("milestones", "boundaries", "boundaries_and_scales"), ("milestones", "boundaries", "times")),
    **dict.fromkeys(("rtol", "atol", "min_delta"), ("threshold",)),
    "step_size_up": ("up",), "step_size_down": ("down",), "base_lr": ("low",), "pct_start": ("rise", "cut"),
    "div_factor": ("start",), "final_div_factor": ("final",),
}  # fmt: skip
"""An argument elsewhere, and what it may be called here: the first that a schedule has."""

FACTORS = ("final", "low", "floor", "start", "peak")
"""The arguments here that are factors, where other libraries mostly have rates."""


def hint(name: str, known: Iterable[str]) -> str | None:
    """The name here for another library's name, where it is among the known names; None if it isn't one of theirs."""
    names = set(known)
    if name in NAMES and {"cosine", "warmup"} <= names:
        return f"did you mean {NAMES[name]!r}?"
    if name.startswith(("warmup_", "num_warmup")) and not names & {"warmup", "rise", "updates", "peak"}:
        return "put a warmup(…) >> before it"
    if ours := next((argument for argument in ARGUMENTS.get(name, ()) if argument in names), None):
        return f"did you mean {ours!r}{', a factor' if ours in FACTORS else ''}?"
    return None


def hint_of_argument(given: Iterable[str], known: Iterable[str]) -> str:
    """The hints for an error about arguments that a schedule doesn't take."""
    names = set(known)
    hints = [f"{name}: {meant}" for name in given if name not in names and (meant := hint(name, names))]
    return f" ({'; '.join(hints)})" if hints else ""
