"""What a guard sees of a training that is being lost, and what it does."""

from __future__ import annotations

from dataclasses import dataclass

from glideslope.feedback.feedback import State


@dataclass(frozen=True)
class Event:
    """An answer of a guard."""

    update: int  # the update at which the training was being lost, counted from 0
    kind: str  # how; a word of `VERDICTS`, or "overfitting", where a full run of a search ends at its least loss
    loss: float  # the training loss there; of "overfitting" the validation loss
    back_to: int  # the updates made at the training that it went back to; `update` where nothing was undone
    factor: float  # of the rate, from there on
    skipped: bool = False  # whether the batch is skipped
    # What was done: refused (the update was left out), skipped (back, and on without the batch), back, lowered (back,
    # and on at a lower rate), accepted (back, and the losses from there on are as they should be), repaired (buffers
    # were taken from a snapshot), rescaled (the gradient scaler's scale was set back) or noticed.
    answer: str = "lowered"


@dataclass(frozen=True)
class Lost:
    """Cause to go back: the update at which it was seen, counted from 0; the guard's state after it, whose `verdict`
    says what was seen; its training loss; and how many updates in a row were left out before it came to this."""

    update: int
    state: State
    loss: float
    left_out: int = 0

    @property
    def first(self) -> int:
        """The first of the updates in a row, up to this, whose loss or gradient was bad."""
        return self.update + 1 - max(int(self.state["rough"]), self.left_out, 1)

    @property
    def is_alone(self) -> bool:
        """Whether a single loss is a spike, as of a batch that is an outlier."""
        return self.state["verdict"] == 2.0 and self.state["rough"] == 1.0 and self.left_out == 0
