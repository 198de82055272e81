"""A feedback in Optax: a transformation that scales updates by the feedback's factor."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from glideslope.documents import shown
from glideslope.errors import FeedbackError
from glideslope.feedback import Feedback
from glideslope.policy import as_policy
from glideslope.schedules.numbers import is_count


class FeedbackState(NamedTuple):
    """The state of `scale_by_feedback`, a pytree of scalars."""

    updates: jax.Array  #: the updates made
    feedback: dict[str, jax.Array]  #: the state of the feedback


def scale_by_feedback(feedback: Feedback) -> optax.GradientTransformationExtraArgs:
    """Scales updates by a feedback's factor, and by that of the schedule it multiplies.

    Last in a chain it multiplies the rate: `optax.chain(optax.adamw(3e-2), gs.jax.scale_by_feedback(schedule *
    plateau))`, the schedule with its horizon. A measurement is passed with the first update that it counts for,
    `optimizer.update(gradient, state, params, value=loss)`. Without a value, or with NaN, the factor stays as it is, so
    under `jit` give NaN at the updates without a measurement.

    Args:
        feedback: a feedback, or a schedule times one; not a guard, which needs snapshots.

    Raises:
        FeedbackError: it is a guard, or anything but a feedback.
        ScheduleError: the schedule lacks its horizon.

    >>> import glideslope as gs
    >>> optimizer = optax.chain(optax.sgd(1.0), gs.jax.scale_by_feedback(gs.plateau(0.5, patience=0)))
    >>> gradient = jnp.ones(())
    >>> state = optimizer.init(gradient)
    >>> for loss in (1.0, 1.0):
    ...     change, state = optimizer.update(gradient, state, value=loss)
    >>> float(change)
    -0.5
    """
    whole = as_policy(feedback).feedback
    if whole is None:
        raise FeedbackError(f"{feedback!r} isn't a feedback: a schedule is an Optax schedule as it stands")
    if whole.guard is not None:
        raise FeedbackError("a guard needs snapshots, which a transformation of Optax doesn't take: leave it out")

    def init(params: Any) -> FeedbackState:
        whole.schedule(0)  # raises if it has no horizon
        numbers = {name: jnp.asarray(value, jnp.result_type(float)) for name, value in whole.init().items()}
        return FeedbackState(jnp.zeros((), jnp.int32), numbers)

    def update(updates: Any, state: FeedbackState, params: Any = None, *, value: Any = None, **extra: Any) -> Any:
        numbers = state.feedback
        if value is not None:
            metric = jnp.asarray(value, jnp.result_type(float))
            measured = whole.update(numbers, metric)
            numbers = {name: jnp.where(jnp.isnan(metric), old, measured[name]) for name, old in numbers.items()}
        factor = whole.factor(numbers) * whole.schedule(state.updates)
        scaled = jax.tree.map(lambda leaf: (factor * leaf).astype(leaf.dtype), updates)
        return scaled, FeedbackState(optax.safe_increment(state.updates), numbers)

    return optax.GradientTransformationExtraArgs(init, update)


def check_feedback(state: Any, feedback: Feedback) -> None:
    """Checks the feedback's state within an optimizer's state that a checkpoint library restored.

    Args:
        state: the optimizer's state, a pytree with the `FeedbackState` of `scale_by_feedback`.
        feedback: the feedback.

    Raises:
        FeedbackError: the state has none of a feedback, or one that this feedback can't have.

    >>> import glideslope as gs
    >>> optimizer = optax.chain(optax.sgd(1.0), gs.jax.scale_by_feedback(gs.plateau()))
    >>> gs.jax.check_feedback(optimizer.init(jnp.ones(())), gs.plateau())
    """
    whole = as_policy(feedback).feedback
    if whole is None:
        raise FeedbackError(f"{feedback} holds no feedback")
    nodes = jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, FeedbackState))
    states = [node for node in nodes if isinstance(node, FeedbackState)]
    if not states:
        raise FeedbackError("the state holds no FeedbackState: restore it into the structure of optimizer.init(params)")
    for node in states:
        if not is_count(node.updates):
            raise FeedbackError(f"updates={shown(node.updates)} in the state of a feedback: a count was expected")
        whole.restored(node.feedback)
