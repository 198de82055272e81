"""Where in an epoch the bad batches stand, so that later epochs go without them."""

from __future__ import annotations

_SURE = 3  # epochs in a row with a bad batch at one place, after which it is expected there
_REMEMBERED = 64  # bad batches from which the length of an epoch is inferred


class Places:
    """The places of bad batches, counted in batches drawn.

    A place is expected after a bad batch there in three epochs in a row, in one more after each good batch at a place
    that was expected: shuffled data have none, but where many are bad some stand so by chance. Where the length of an
    epoch, in batches, isn't known, it is the distance that three bad batches have from one to the next.

    >>> places = Places(None)
    >>> for drawn in (5, 18, 31):
    ...     places.note(drawn)
    >>> places.following(40)
    44
    """

    def __init__(self, length: int | None = None) -> None:
        self.length = length
        self._drawn: list[int] = []
        self._sure = _SURE
        self._in_a_row: dict[int, tuple[int, int]] = {}

    def note(self, drawn: int) -> None:
        """A batch was bad, after so many others."""
        if drawn in self._drawn:
            return
        self._drawn = [*self._drawn[1 - _REMEMBERED :], drawn]
        if self.length is None:
            self._infer(drawn)
        elif self.length > 1:
            self._count(drawn)

    def forget(self, drawn: int) -> None:
        """A batch that was expected to be bad is a good one."""
        self._sure += 1
        if self.length:
            self._in_a_row.pop(drawn % self.length, None)

    def following(self, drawn: int) -> int | None:
        """The batch, from so many drawn on, that is expected to be bad."""
        if self.length is None:
            return None
        expected = []
        for place, (epoch, times) in self._in_a_row.items():
            next_one = (epoch + 1) * self.length + place
            if times >= self._sure and next_one >= drawn:
                expected.append(next_one)
        return min(expected, default=None)

    def _count(self, drawn: int) -> None:
        assert self.length is not None
        epoch, place = divmod(drawn, self.length)
        last, times = self._in_a_row.get(place, (epoch, 0))
        self._in_a_row[place] = (epoch, times + 1 if last == epoch - 1 else 1)

    def _infer(self, drawn: int) -> None:
        known = set(self._drawn)
        for before in reversed(self._drawn[:-1]):
            gap = drawn - before
            if gap > 1 and before - gap in known:
                self.length = gap
                for each in sorted(known):
                    self._count(each)
                return
