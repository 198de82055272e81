"""Optimizers by name: torch's, Lion, and those that find their rate or need no schedule."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import torch

from glideslope.errors import JobError

_OF_TORCH = ("Adagrad", "RMSprop", "Adadelta", "Adam", "AdamW", "NAdam", "RAdam", "SGD", "Muon")
_KNOWN: dict[str, tuple[str, str, dict[str, Any]]] = {
    **{name.lower(): ("torch.optim", name, {}) for name in _OF_TORCH},
    "momentum": ("torch.optim", "SGD", {"momentum": 0.9}),
    "lion": ("pytorch_optimizer", "Lion", {}),
    "schedule-free": ("schedulefree", "AdamWScheduleFree", {}),
    "schedule-free-sgd": ("schedulefree", "SGDScheduleFree", {}),
    "schedule-free-radam": ("schedulefree", "RAdamScheduleFree", {}),
    # A rate of 1, decoupled weight decay, and a guard for a warmup are what their authors advise.
    "prodigy": ("prodigyopt", "Prodigy", {"lr": 1.0, "safeguard_warmup": True}),
    "d-adaptation": ("dadaptation", "DAdaptAdam", {"lr": 1.0, "decouple": True}),
    "d-adaptation-sgd": ("dadaptation", "DAdaptSGD", {"lr": 1.0}),
    "d-adaptation-adagrad": ("dadaptation", "DAdaptAdaGrad", {"lr": 1.0}),
}
"""The package, the name there and the options of each."""

_MATRICES = (
    ": give it the matrices of the hidden layers, [p for p in model.parameters() if p.ndim == 2], and the "
    "other parameters to adamw, an optimizer of their own"
)


def automatic(name: str, params: Iterable[Any], **options: Any) -> torch.optim.Optimizer:
    """An optimizer by name: from torch, from the package that its authors keep, or Lion from pytorch_optimizer.

    Optimizers that find their rate (`prodigy`, `d-adaptation`) multiply it by `lr`, so a schedule with a peak of 1 is
    right for them. The schedule-free ones take a constant rate after a warmup
    (`warmup_steps=`), and hold other weights for evaluation: a plain loop calls `optimizer.train()` and
    `optimizer.eval()`, `gs.torch.Job` does it itself. Muon is for matrices: give it those of the hidden layers, and
    AdamW the embeddings, the head, biases and norms. Lion takes a rate three to ten times smaller than AdamW's.

    Args:
        name: adagrad, rmsprop, adadelta, adam, adamw, nadam, radam, sgd, momentum, muon, lion, schedule-free,
            schedule-free-sgd, schedule-free-radam, prodigy, d-adaptation, d-adaptation-sgd or d-adaptation-adagrad.
        params: the parameters, or groups of them.
        options: of the optimizer: lr, weight_decay, warmup_steps, …

    Raises:
        JobError: the name isn't known, its package isn't installed, or it doesn't take an option, its value or, as
            Muon, a parameter that is no matrix.

    Source: Duchi et al. 2011 (Adagrad); Jordan et al. 2024 (Muon); Chen et al. 2023, arXiv:2302.06675 (Lion); Defazio
    et al. 2024, arXiv:2405.15682 (schedule-free); Mishchenko & Defazio 2023, arXiv:2306.06101 (Prodigy); Defazio &
    Mishchenko 2023, arXiv:2301.07733 (D-Adaptation).

    >>> import torch, glideslope as gs
    >>> type(gs.torch.automatic("adagrad", torch.nn.Linear(2, 1).parameters(), lr=0.1)).__name__
    'Adagrad'
    """
    if not isinstance(name, str) or name not in _KNOWN:
        near = get_close_matches(str(name).lower().replace("_", "-"), _KNOWN, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_KNOWN)}"
        raise JobError(f"unknown optimizer {name!r} ({hint})")
    package, maker, defaults = _KNOWN[name]
    try:
        make = getattr(import_module(package), maker)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise JobError(f'{name} needs {package}, which is not installed: pip install "glideslope[automatic]"') from None
    except AttributeError:
        raise JobError(f"{name}: this {package} has no {maker}: a newer one has (torch 2.9 for Muon)") from None
    try:
        optimizer: torch.optim.Optimizer = make(params, **{**defaults, **options})
    except (TypeError, ValueError) as error:
        raise JobError(f"{name}: {error}{_MATRICES if name == 'muon' and '2D' in str(error) else ''}") from error
    return optimizer
