"""Which parameter group is which, and its base rate, however the optimizer's list of groups changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Any, NamedTuple

from torch.utils.weak import WeakIdKeyDictionary

Group = dict[str, Any]

MARK = "lr_schedule"  # the key of a group's place, where groups follow schedules of their own
ROUNDING = 1e-6  # by how much, relatively, a value in single precision may differ from the same in double


@dataclass
class Known:
    """A parameter group that was seen before."""

    place: int  # its place among all groups that there ever were, in order of appearance
    scale: float = 1.0  # its `lr_scale`
    bases: dict[str, float] = field(default_factory=dict)  # its initial values by key, such as the rate by "lr"


class Replaced(NamedTuple):
    """A base value that a loaded state replaced: key, value before, value now, and what it is multiplied by."""

    key: str
    before: float
    now: float
    scale: float


class KnownGroups:
    """Recognises the groups of an optimizer after some were removed, inserted, reordered, copied or loaded: by the
    dictionary; else by a parameter of it; else by its mark, which a copy with other parameters has too; else by its
    place in a new list of as many groups, as a loaded state brings."""

    def __init__(self, mark: bool) -> None:
        self.present: list[Known] = []
        self._mark = mark
        self._ever: list[Known] = []
        self._list: Sequence[Group] = ()
        self._groups: list[Group] = []
        self._before: dict[int, Group] = {}  # the groups at the look before, by what is known of them
        self._loaded = False
        self._of_parameter: Any = WeakIdKeyDictionary()

    def look(self, groups: Sequence[Group]) -> list[Known]:
        """The known group for each group, in their order; a group not seen before gets the next place."""
        of_group = {id(group): known for group, known in zip(self._groups, self.present, strict=True)}
        recognised = [of_group.get(id(group)) for group in groups]
        self._loaded = not any(recognised)
        for candidates in (self._of_parameters, self._of_mark):
            for i, group in enumerate(groups):
                recognised[i] = recognised[i] or _untaken(candidates(group), recognised)
        if groups is not self._list and len(groups) == len(self.present):
            for i, known in enumerate(self.present):
                recognised[i] = recognised[i] or _untaken([known], recognised)
        self._before = {id(known): group for known, group in zip(self.present, self._groups, strict=True)}
        self.present = [known or self._new() for known in recognised]
        self._list, self._groups = groups, list(groups)
        for group, known in zip(groups, self.present, strict=True):
            known.scale = group.get("lr_scale", 1.0)
            if self._mark:
                group[MARK] = known.place
            for parameter in group["params"]:
                self._of_parameter[parameter] = known
        return self.present

    def are_of(self, groups: Sequence[Group]) -> bool:
        """Whether this is the list looked at last."""
        return groups is self._list

    def are(self, groups: Sequence[Group]) -> bool:
        """Whether these are the groups looked at last, dictionary by dictionary."""
        return len(groups) == len(self._groups) and all(map(is_, groups, self._groups))

    def base(self, group: Group, known: Known, key: str, scale: float) -> float:
        """The initial value of a group, kept in it as torch's schedulers keep `initial_lr`; of a group without one, its
        value is the initial one times `scale`. A loaded state, or a copy of a group, may lack it, with a value that a
        schedule has changed: then it is the one known before."""
        name = f"initial_{key}"
        if name not in group:
            before = self._before.get(id(known), group)
            copied = before is not group and before.get(key) is group[key]
            remembered = (self._loaded or copied) and key in known.bases
            group[name] = known.bases[key] if remembered else float(group[key]) / scale
        known.bases[key] = float(group[name])
        return known.bases[key]

    def take_bases(self, bases: Sequence[dict[str, float]], groups: Sequence[Group]) -> list[Replaced]:
        """Takes over the base values of as many groups, in order; returns those that they replaced."""
        if len(bases) != len(groups):
            return []
        self.look(groups)
        before = self.bases()
        for group, known, theirs in zip(groups, self.present, bases, strict=True):
            for key, value in theirs.items():
                known.bases[key] = group[f"initial_{key}"] = value
        return self.replaced(before)

    def bases(self) -> list[tuple[Known, dict[str, float]]]:
        """The base values as they are."""
        return [(known, dict(known.bases)) for known in self.present]

    def replaced(self, before: Sequence[tuple[Known, dict[str, float]]]) -> list[Replaced]:
        """The base values that differ from those before."""
        pairs = [
            Replaced(key, value, known.bases[key], known.scale if key == "lr" else 1.0)
            for known, bases in before
            for key, value in bases.items()
        ]
        return [pair for pair in pairs if abs(pair.before - pair.now) > ROUNDING * abs(pair.now)]

    def _of_mark(self, group: Group) -> list[Known]:
        """The group that had this mark."""
        return [known for known in self._ever if known.place == group.get(MARK)]

    def _of_parameters(self, group: Group) -> list[Known]:
        """The groups that had these parameters."""
        return [self._of_parameter[p] for p in group["params"] if p in self._of_parameter]

    def _new(self) -> Known:
        self._ever.append(Known(len(self._ever)))
        return self._ever[-1]

    def __getstate__(self) -> dict[str, Any]:
        return {"present": self.present, "ever": self._ever, "mark": self._mark}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Recognises the groups of the copied optimizer by their places."""
        self.__init__(state["mark"])  # type: ignore[misc]
        self.present, self._ever = state["present"], state["ever"]
        self._groups = [{} for _ in self.present]  # none of the copies


def _untaken(candidates: Iterable[Known], taken: Sequence[Known | None]) -> Known | None:
    """The first that no group was recognised as."""
    return next((known for known in candidates if not any(known is other for other in taken)), None)
