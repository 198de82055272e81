"""The state of a trained job in a run directory: `checkpoint/`, and how it comes back into a job."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import msgspec

from glideslope.documents import checked, sealed, unsealed
from glideslope.errors import DocumentError, FileError, RunDirectoryError
from glideslope.search import run_files, states, stored
from glideslope.search.callers import caller_level
from glideslope.search.calls import calling
from glideslope.search.job import Job
from glideslope.search.run_directory import RunDirectory


class _Trained(msgspec.Struct, forbid_unknown_fields=True):
    """What the state is of.

    Attributes:
        key: the run.
        state: the name of the file.
        digest: its checksum.
    """

    key: str
    state: str
    digest: stored.Identifier


def save_trained(directory: RunDirectory, key: str, job: Job) -> bool:
    """Stores the state of a job at the end of a run; where that can't be done, says so, and is False.

    Args:
        directory: where.
        key: the run.
        job: at its end.
    """
    if directory.stores_no_state:
        return False
    with calling("state", "at the end of the run"):
        state = job.state()
    try:
        form = states.form_of(state)
        name = f"{run_files.TRAINED}/state.{form}"
        directory.save(name, lambda file: states.write(state, form, file))
        digest = run_files.digest(directory.folder / name) or ""
        document = sealed(msgspec.to_builtins(_Trained(key, Path(name).name, digest)), indent=1)
        directory.save(run_files.OF_STATE, lambda file: file.write(f"{document}\n".encode()))
    except DocumentError as error:
        directory.give_up(error)
    except FileError as error:
        warnings.warn(f"the state of the trained job isn't saved: {error}", stacklevel=caller_level())
    else:
        return True
    return False


def is_trained(directory: RunDirectory, key: str, job: Job) -> bool:
    """Whether the directory has the state of a job at the end of a run; then the job is put there."""
    try:
        trained, file = _stored(directory.folder / run_files.TRAINED)
        if trained.key != key:
            return False
        state = states.read(file, job.state())
    except (DocumentError, RunDirectoryError):
        return False
    with calling("restore", "to the end of its run"):
        job.restore(state)
    return True


def load_checkpoint(job: Job, folder: str | os.PathLike[str]) -> None:
    """Puts a job at the end of the full run that `tune` made with one like it.

    No pickle is read.

    Args:
        job: a job made as that one was.
        folder: the folder `checkpoint` of a run directory, or the run directory.

    Raises:
        RunDirectoryError: there is no such state, it is damaged, or it is of another kind of job.
    """
    place = Path(folder)
    if not (place / Path(run_files.OF_STATE).name).exists():
        place /= run_files.TRAINED
    try:
        _, file = _stored(place)
        state = states.read(file, job.state())
    except DocumentError as error:
        raise RunDirectoryError(f"{folder} has no state for this job: {error}") from error
    with calling("restore", f"to the state in {folder}"):
        job.restore(state)


def _stored(folder: Path) -> tuple[_Trained, Path]:
    """What the state in a folder is of, and its file.

    Raises:
        DocumentError: there is none, or it is damaged.
    """
    content = stored.content_of(folder / Path(run_files.OF_STATE).name)
    if content is None:
        raise DocumentError(f"there is no {Path(run_files.OF_STATE).name} in {folder}")
    trained = checked(unsealed(content), _Trained)
    if trained.state not in (Path(name).name for name in run_files.STATES):
        raise DocumentError(f"{trained.state!r} isn't the name of a state")
    if run_files.digest(folder / trained.state) != trained.digest:
        raise DocumentError(f"{folder / trained.state} isn't as a search wrote it")
    return trained, folder / trained.state
