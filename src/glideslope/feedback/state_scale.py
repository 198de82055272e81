"""An optimizer's state that is damaged, and finite: momentum, or squares of gradients, that are far larger at once."""

from __future__ import annotations

from dataclasses import dataclass, field

_DECAY = 0.95
_SQUARES = ("sq", "sum", "var")
"""Parts of the names of what is made of squares of gradients, in torch's optimizers and in others."""
LARGER = 2.0
"""How many times as large as any of late the state is where the updates are made again, to see if they explain it."""
LARGEST = 20.0  # how many times where they can't be made again: no gradient so much larger than any of late is taken


@dataclass
class StateScale:
    """How large each kind of an optimizer's state was at the last snapshots, in the unit of gradients."""

    _largest: dict[str, float] = field(default_factory=dict)

    def larger(self, sums: dict[str, float]) -> float:
        """How many times as large as any of late the state is, of the kind that grew most, by the sums of the absolute
        numbers of each."""
        return max((_size(name, sums[name]) / most for name, most in self._largest.items() if most and name in sums),
                   default=0.0)  # fmt: skip

    def take(self, sums: dict[str, float]) -> None:
        """Takes a state that isn't damaged."""
        for name, each in sums.items():
            self._largest[name] = max(_size(name, each), _DECAY * self._largest.get(name, 0.0))


def times_larger(sums: dict[str, float], others: dict[str, float]) -> float:
    """How many times as large as another state one is, of the kind that differs most."""
    (scale := StateScale()).take(others)
    return scale.larger(sums)


def _size(name: str, total: float) -> float:
    return total**0.5 if any(part in name for part in _SQUARES) else total
