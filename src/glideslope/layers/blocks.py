"""Multipliers by block: the layer-wise decay of fine-tuning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from glideslope.documents import check_kind
from glideslope.errors import LayerError
from glideslope.layers.depth import checked_decay
from glideslope.layers.multipliers import Multipliers, grouped
from glideslope.layers.parameters import parameters

_WORDS = ("h", "layer", "layers", "block", "blocks", "stage", "stages", "resblocks")
"""Names of lists of repeated modules: encoder.layer in transformers, blocks in timm, layer1 in a ResNet."""
_NUMBERED = re.compile(r"(.*(?:layer|block|stage)s?)_?(\d+)", re.IGNORECASE)
"""A component with its number in it: `layer1`, `encoderblock_3`."""
_HEAD = re.compile(
    r"heads?|head_.*|.*_head|classifier|cls|fc|fc_norm|score|pooler|logits|logit_(scale|bias)|qa_outputs|embed_out"
    r"|output_embeddings?|proj|(text|visual)_projection",
    re.IGNORECASE,
)
_EMBEDDINGS = re.compile(r".*(embed|patch|token).*|wte|wpe|.*stem|conv1|bn1", re.IGNORECASE)
_FIRST = -1  # the number of a block that has none
_NORM = re.compile(r"(final_|post_)?(layer_?norm|norm|ln)(_?f|_final|_post)?", re.IGNORECASE)


def by_block(
    model: Any, decay: float, *, blocks: str | Sequence[str] = (), head: str | Sequence[str] = ()
) -> Multipliers:
    """Multipliers that fall from block to block towards the input: the layer-wise decay of fine-tuning.

    A block is one of the modules that a model repeats, found by their names: `encoder.layer.N`, `h.N`, `layers.N`,
    `blocks.N`, a ResNet's `layer1` to `layer4` or `stages.N`. What comes before them are the embeddings, what comes
    after them is the head, whose rate stays as it is; a norm right after the blocks belongs to the last of them.

    Args:
        model: a torch module, a Keras model that was built, or a pytree of arrays; `(apply, params)` too.
        decay: the factor from a block to the one before it, between 0 and 1.
        blocks: the name of the list of blocks, `"encoder.layer"`, where there are several; or a list of such names,
            from the input to the output.
        head: names of all that comes after the blocks, where their own names don't say so.

    Formula: d^(n+1-k) for block k of n, counted from the input, from 1; k = 0 for embeddings, n + 1 for the head.

    Source: Clark et al. 2020, arXiv:2003.10555 (ELECTRA), whose head is one factor further from the last block; Sun et
    al. 2019, arXiv:1905.05583 (BERT); Bao et al. 2022, arXiv:2106.08254 (BEiT), as timm's param_groups_layer_decay.

    Raises:
        LayerError: the factor isn't between 0 and 1, there are no blocks or several lists of them, or a parameter may
            come before the blocks or after them.

    >>> import torch
    >>> class Network(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.embed = torch.nn.Embedding(9, 4)
    ...         self.blocks = torch.nn.ModuleList(torch.nn.Linear(4, 4) for _ in range(2))
    ...         self.head = torch.nn.Linear(4, 2)
    >>> by_block(Network(), 0.5)
    layer     shape   parameters  multiplier
    embed     9×4             36       0.125
    blocks.0  4×4, 4          20        0.25
    blocks.1  4×4, 4          20         0.5
    head      2×4, 2          10           1
    """
    decay, model = checked_decay(decay), model[1] if isinstance(model, tuple) and len(model) > 1 else model
    check_kind(LayerError, str | Sequence, "a name, or a list of names", blocks=blocks, head=head)
    known = parameters(model)
    in_keras = hasattr(model, "trainable_variables")
    in_torch = hasattr(model, "named_parameters") and not in_keras
    names = [name for name, _ in model.named_parameters()] if in_torch else [parameter.name for parameter in known]
    places = Blocks(names, in_torch or in_keras, _listed(blocks), _listed(head))
    return grouped((parameter, decay ** (len(places) + 1 - places.depth(parameter.name)), 1.0) for parameter in known)


def _listed(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


class Blocks:
    """The order of a model's parameters from the input to the output: embeddings, blocks, head. The names are those of
    all parameters, as they were defined; `ordered` says that this is mostly the order of their use, as in torch and
    Keras. `lists` are the names of the lists of blocks, inferred if not given; `head` names what comes after them.
    Raises a LayerError if there are no blocks, several lists, or a name that is no list."""

    def __init__(
        self, names: Sequence[str], ordered: bool, lists: Sequence[str] = (), head: Sequence[str] = ()
    ) -> None:
        self.ordered, self.head = ordered, tuple(head)
        numbers: dict[str, set[int]] = {}
        for name in names:
            for place in _places(name):
                numbers.setdefault(place[0], set()).add(place[1])
        self.lists = _checked(lists, numbers) if lists else (_found(names, numbers),)
        for part in self.head:
            if not any(_within(name, part) for name in names):
                raise LayerError(f"head: no parameter is called {part!r}, or is within it")
        self._depths: dict[tuple[str, int], int] = {}
        for prefix in self.lists:  # Keras leaves out the first number: block, block_1, block_2
            if any("/" in name and _within(name, prefix) and not self._block(name) for name in names):
                numbers[prefix].add(_FIRST)
        for prefix in self.lists:
            for number in sorted(numbers[prefix]):
                self._depths[prefix, number] = len(self._depths) + 1
        self._place = {name: i for i, name in enumerate(names)}
        self._first = min(i for i, name in enumerate(names) if self._block(name))

    def __len__(self) -> int:
        return len(self._depths)

    def depth(self, name: str) -> int:
        """0 of the embeddings, k of the k-th of n blocks, n + 1 of the head; a norm after a list is of its last block.
        Raises a LayerError if the name doesn't show whether it comes before the blocks or after."""
        if block := self._block(name):
            return self._depths[block]
        parts, after = _parts(name), len(self) + 1
        if any(_within(name, part) for part in self.head):
            return after
        if self.head:
            return 0
        for part in parts:  # the outermost that says it
            if _HEAD.fullmatch(part):
                return after
            if _EMBEDDINGS.fullmatch(part):
                return 0
        if self.ordered and self._place[name] < self._first:
            return 0
        if len(parts) > 1 and _NORM.fullmatch(parts[-2]) and (end := self._end_beside(parts[:-2])):
            return end
        if not self.ordered:
            raise LayerError(
                f"{name!r} may come before the blocks {self.lists[0]!r} or after them: name what comes after, "
                'head=["..."]'
            )
        return after

    def _block(self, name: str) -> tuple[str, int] | None:
        unnumbered = [(prefix, _FIRST) for prefix in self.lists if (prefix, _FIRST) in self._depths]
        places = [*_places(name), *(place for place in unnumbered if _within(name, place[0]))]
        return next((place for place in places if place[0] in self.lists), None)

    def _end_beside(self, owner: list[str]) -> int | None:
        """The depth of the last block of the last list that is within what has these names."""
        beside = [name for name in self.lists if _parts(name)[: len(owner)] == owner]
        return max(depth for (name, _), depth in self._depths.items() if name == beside[-1]) if beside else None


def _parts(name: str) -> list[str]:
    return re.split(r"[./]", name)


def _places(name: str) -> list[tuple[str, int]]:
    """The lists that a parameter is in, each with its number there, the outermost first."""
    separator = "/" if "/" in name else "."
    parts = _parts(name)
    places = []
    for i, part in enumerate(parts[:-1]):
        before = separator.join(parts[:i])
        if part.isdecimal():
            places.append((before, int(part)))
        elif numbered := _NUMBERED.fullmatch(part):
            places.append((separator.join([*parts[:i], numbered[1]]), int(numbered[2])))
    return places


def _within(name: str, part: str) -> bool:
    return name == part or name.startswith((f"{part}.", f"{part}/"))


def _found(names: Iterable[str], numbers: dict[str, set[int]]) -> str:
    """The only list of blocks: of those with a usual name, else of all with two or more."""
    usual = [name for name in numbers if _parts(name)[-1] in _WORDS]
    ending = [name for name in numbers if _NUMBERED.fullmatch(f"{_parts(name)[-1]}0")]
    other = [name for name, those in numbers.items() if name and len(those) > 1]
    outer = next((kept for group in (usual, ending, other) if (kept := _outermost(group, numbers))), [])
    if len(outer) == 1:
        return outer[0]
    some = list(names)[:3]
    if not outer:
        raise LayerError(
            f"no repeated modules among {', '.join(some)}, …: names such as encoder.layer.0, h.0, blocks.0 or layer1 "
            "say where the blocks are; name yours, blocks='...', or use by_depth"
        )
    raise LayerError(
        f"several lists of repeated modules, {', '.join(map(repr, outer))}: name the one that counts, "
        f"blocks={outer[0]!r}, or all in the order of their use, blocks={outer!r}"
    )


def _outermost(lists: list[str], numbers: dict[str, set[int]]) -> list[str]:
    """The lists that aren't within a block of another."""
    blocks = [f"{name}{joint}{n}" for name in lists for n in numbers[name] for joint in (".", "/", "", "_")]
    return [name for name in lists if not any(_within(name, block.lstrip("./")) for block in blocks)]


def _checked(lists: Sequence[str], numbers: dict[str, set[int]]) -> tuple[str, ...]:
    for name in lists:
        if name not in numbers:
            known = ", ".join(map(repr, list(numbers)[:8])) or "none"
            raise LayerError(f"blocks: {name!r} isn't a list of repeated modules; there are {known}")
    return tuple(lists)
