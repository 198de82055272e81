"""The records of balance in an optimizer's groups: sealed when its state is saved, checked before one is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from glideslope.documents import checked, shown
from glideslope.errors import DocumentError, LayerError
from glideslope.frameworks.seals import SEAL, check_seal, plain, sealed

KEPT_AS = "balance"
"""The key of a group."""


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    multiplier: Annotated[float, Meta(gt=0, le=1e30)]
    updates: Annotated[int, Meta(ge=0, le=2**53)]
    logs: Annotated[float, Meta(ge=-1e30, le=1e30)]
    measured: Annotated[int, Meta(ge=0, le=2**53)]


def sealed_groups(state: dict[str, Any]) -> dict[str, Any]:
    """An optimizer's state with a checksum of each group's entries, `lr_scale` included."""
    return {**state, "param_groups": [_with_seal(group) for group in state["param_groups"]]}


def checked_groups(state: dict[str, Any], probe: int) -> dict[str, Any]:
    """A state of an optimizer without the checksums that `sealed_groups` gave it, if it has them. Raises a LayerError
    if a group doesn't hold what balance left there, of at most `probe` measured updates."""
    groups = state.get("param_groups") if isinstance(state, Mapping) else None
    if not isinstance(groups, list | tuple) or not all(isinstance(group, Mapping) for group in groups):
        return state  # of which torch says what is wrong
    try:
        read = [_without_seal(group, probe) for group in groups]
        if len({group[KEPT_AS]["updates"] for group in read if KEPT_AS in group}) > 1:
            raise DocumentError("the groups are after different numbers of updates")
    except DocumentError as error:
        raise LayerError(f"a damaged state of the optimizer: what balance keeps in a group of it: {error}") from None
    return {**state, "param_groups": read}


def _with_seal(group: dict[str, Any]) -> dict[str, Any]:
    if KEPT_AS not in group:
        return group
    return {**group, KEPT_AS: {**group[KEPT_AS], SEAL: sealed(_parts(group))[SEAL]}}


def _parts(group: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a group under one checksum."""
    return {**group[KEPT_AS], "scale": group.get("lr_scale")}


def _without_seal(group: Mapping[str, Any], probe: int) -> dict[str, Any]:
    if KEPT_AS not in group:
        return dict(group)
    kept = plain(group[KEPT_AS])
    if not isinstance(kept, dict):
        raise DocumentError(f"{shown(kept)} was found")
    seal = kept.pop(SEAL, None)
    read = checked(kept, _Kept)
    if read.measured > probe or read.logs != read.logs:
        raise DocumentError(f"{read.measured} of {probe} updates were measured")
    if seal is not None:
        check_seal(plain(_parts({**group, KEPT_AS: kept})), seal)
    return {**group, KEPT_AS: msgspec.to_builtins(read)}
