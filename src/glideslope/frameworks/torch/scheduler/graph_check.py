"""Whether a CUDA graph can hold an optimizer's step while its rate, or a beta, is a tensor on the device."""

from __future__ import annotations

import warnings
from collections import OrderedDict, defaultdict
from typing import Any

import torch

from glideslope.errors import ScheduleError
from glideslope.frameworks.torch.private import DataDependentOutputException, FakeTensorMode


def check_graph_holds(optimizer: Any, device: torch.device | str) -> None:
    """Makes an update of tensors without memory on the device, as a graph is made; the optimizer stays as it is. Raises
    a ScheduleError where its step reads a rate or a beta on the host."""
    with warnings.catch_warnings(), FakeTensorMode(allow_non_fake_inputs=True):
        warnings.simplefilter("ignore")
        twin: Any = object.__new__(type(optimizer))
        vars(twin).update(
            vars(optimizer), state=defaultdict(dict), param_groups=[_twin(g, device) for g in optimizer.param_groups],
            _optimizer_step_pre_hooks=OrderedDict(), _optimizer_step_post_hooks=OrderedDict(),
        )  # fmt: skip
        try:
            twin.step()
        except DataDependentOutputException:
            raise ScheduleError(
                f"{type(optimizer).__name__}.step reads its rate or a beta from the device, which a CUDA graph "
                "can't do: give SGD fused=True; a scheduled momentum needs foreach=False, without fused=True; a second "
                "beta can be scheduled with Adamax only; Muon and Adafactor always read"
            ) from None
        except Exception:  # what can't be made without memory is for the graph itself to try
            return


def _twin(group: dict[str, Any], device: torch.device | str) -> dict[str, Any]:
    """A parameter group with one weight, all of whose tensors have no memory."""

    def empty(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return torch.empty(value.shape, dtype=value.dtype, device=device)
        return tuple(map(empty, value)) if isinstance(value, tuple) else value

    weight = torch.nn.Parameter(empty(group["params"][0]))
    weight.grad = torch.empty_like(weight)
    twin = {key: empty(value) for key, value in group.items() if key != "params"}
    if twin.get("foreach", 0) is None:
        twin["foreach"] = not twin.get("fused")  # as torch chooses for weights on a device
    return {**twin, "params": [weight]}
