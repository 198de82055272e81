"""The state of a job where its validation loss was least in the full runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import msgspec

from glideslope.documents import checked, sealed, unsealed
from glideslope.errors import DocumentError, FileError
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.directory.trained import Trained, best_of, save_content, save_state
from glideslope.search.jobs.calls import calling
from glideslope.search.jobs.job import Job
from glideslope.search.runs import checkpoints
from glideslope.search.runs.unfinished import Saving
from glideslope.search.storage import places, states
from glideslope.search.storage.run_files import BEST, STATES

_LEAST_COST = 0.02  # the seconds that the first one is thought to take at least: so a run under a second has none


class Best:
    """Keeps the state of the least validation loss of a run, where that takes under 2% of the run's time. `keep` stores
    the state after so many updates, at a loss, and returns whether it could; `least` is the loss of the stored state,
    infinite without one; `initial` is the job's state at the start of the run, for its size."""

    def __init__(self, keep: Callable[[int, float], bool], least: float, initial: object) -> None:
        self._keep, self._least = keep, least
        self._due = 0.0
        self._wait(max(states.size(initial) / checkpoints.BYTES_A_SECOND, _LEAST_COST))

    def measured(self, updates: int, loss: float) -> None:
        """Keeps the state after so many updates, where the loss is the least so far and it is time."""
        if not (math.isfinite(loss) and loss < self._least and time.monotonic() >= self._due):
            return
        began = time.monotonic()
        self._least = loss if self._keep(updates, loss) else -math.inf
        self._wait(time.monotonic() - began)

    def _wait(self, cost: float) -> None:
        self._due = time.monotonic() + checkpoints.LEAST_SPACING * cost


def best_here(directory: RunDirectory, key: str, job: Job, initial: object) -> Best:
    """Keeps the state in the run directory."""
    return Best(
        lambda updates, loss: save_state(directory, key, job, BEST, updates, loss),
        least_stored(directory, key), initial,
    )  # fmt: skip


def least_stored(directory: RunDirectory, key: str) -> float:
    """The loss of the state that the run directory has of a run, before a kill, or of another full run."""
    former = best_of(directory.folder)
    known = former is not None and (former.key == key or former.key in directory)
    return former.loss if known and former is not None and former.loss is not None else math.inf


def drop_unless_less(directory: RunDirectory, key: str, loss: float) -> None:
    """Deletes the state unless its loss is less than that at the end of the best full run."""
    if least_stored(directory, key) >= loss:
        directory.delete([BEST, *STATES[BEST]])


def best_away(saving: Saving, job: Job, least: float, initial: object) -> Best:
    """Keeps the state beside the checkpoints of the run, for `bring_best`, where its loss is below `least`."""

    def keep(updates: int, loss: float) -> bool:
        with calling("state", f"after update {updates}"):
            state = job.state()
        try:
            form = states.form_of(state)
            name = f"{saving.stem}-best.{form}"
            digest = saving.place.write(name, lambda file: states.write(state, form, file))
            text = sealed(msgspec.to_builtins(Trained(saving.key, name, digest, updates, loss)))
            saving.place.write(f"{saving.stem}-best.json", lambda file: file.write(text.encode()))
        except (DocumentError, FileError):  # the checkpoints say so
            return False
        return True

    former = _left(saving)
    return Best(keep, min(least, math.inf if former is None or former.loss is None else former.loss), initial)


def bring_best(directory: RunDirectory, saving: Saving) -> None:
    """Stores the state that a worker left of a run, where its loss is less than that of the state that is stored."""
    state = _left(saving)
    if state is None or state.loss is None or not state.loss < least_stored(directory, saving.key):
        return
    try:
        with saving.place.open(state.state) as file:
            save_content(directory, file.read(), state, BEST)
    except DocumentError:  # damaged meanwhile
        return


def _left(saving: Saving) -> Trained | None:
    """The run and the update of the state that a worker left; None where there is no whole one."""
    try:
        trained = checked(unsealed(places.read(saving.place, f"{saving.stem}-best.json")), Trained)
        names = [f"{saving.stem}-best.{form}" for form in states.FORMS]
        whole = trained.key == saving.key and trained.state in names
        return trained if whole and places.digest(saving.place, trained.state) == trained.digest else None
    except DocumentError:
        return None
