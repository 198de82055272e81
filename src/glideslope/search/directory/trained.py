"""The state of a trained job in a run directory: `checkpoint/`, and how it comes back into a job."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec

from glideslope.documents import checked, sealed, unsealed
from glideslope.errors import DocumentError, FileError, RunDirectoryError
from glideslope.files import checked_path
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.jobs.calls import calling
from glideslope.search.jobs.job import Job
from glideslope.search.storage import run_files, states, stored
from glideslope.search.storage.places import Folder
from glideslope.warning import warn


class Trained(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What a state is of: the run, the file of the state with its checksum, and the updates made and the validation
    loss there, where that isn't the run's end."""

    key: str
    state: str
    digest: stored.Identifier
    updates: int | None = None
    loss: float | None = None


def save_state(
    directory: RunDirectory, key: str, job: Job, document: str, updates: int | None = None, loss: float | None = None
) -> bool:
    """Stores the state of a job at the end of a run, or after some updates at a validation loss; returns whether it
    could, and warns if not. The document, a key of `run_files.STATES`, says what the state is of."""
    if directory.stores_no_state:
        return False
    with calling("state", "at the end of the run" if updates is None else f"after update {updates}"):
        state = job.state()
    try:
        form = states.form_of(state)
        return _save(directory, key, document, form, lambda file: states.write(state, form, file), updates, loss)
    except DocumentError as error:
        directory.give_up(error)
    return False


def save_content(directory: RunDirectory, content: bytes, trained: Trained, document: str) -> None:
    """Stores a state that is the content of a file already, under a document of STATES; warns where it can't."""
    form = trained.state.rpartition(".")[2]
    _save(directory, trained.key, document, form, lambda file: file.write(content), trained.updates, trained.loss)


def _save(
    directory: RunDirectory, key: str, document: str, form: str, write: Callable[[BinaryIO], object],
    updates: int | None, loss: float | None,
) -> bool:  # fmt: skip
    try:
        name = next(name for name in run_files.STATES[document] if name.endswith(form))
        trained = Trained(key, Path(name).name, directory.save(name, write), updates, loss)
        text = sealed(msgspec.to_builtins(trained), indent=1)
        directory.save(document, lambda file: file.write(f"{text}\n".encode()))
    except FileError as error:
        warn(f"the state of the trained job isn't saved: {error}")
        return False
    return True


def is_trained(directory: RunDirectory, key: str, job: Job, document: str) -> bool:
    """Whether a document of the directory is of the state at the end of a run; then the job is put there."""
    try:
        trained, file = _stored(directory.folder / document)
        if trained.key != key:
            return False
        state = _read(file, job)
    except (DocumentError, RunDirectoryError):
        return False
    with calling("restore", "to the end of its run"):
        job.restore(state)
    return True


def load_checkpoint(job: Job, folder: str | os.PathLike[str]) -> None:
    """Puts a job at the end of the full run that `tune` made with one like it, or where its validation loss was least.

    No pickle is read.

    Args:
        job: a job made as that one was.
        folder: the folder `checkpoint` of a run directory, or the run directory; or the file `best.json` in it, where
            there is one: the validation loss was less than at the end.

    Raises:
        RunDirectoryError: there is no such state, it is damaged, or it is of another kind of job.
    """
    place = checked_path(folder)
    document = place if place.suffix == ".json" else place / Path(run_files.LAST).name
    if not document.exists() and document != place:
        document = place / run_files.LAST
    try:
        _, file = _stored(document)
        state = _read(file, job)
    except DocumentError as error:
        raise RunDirectoryError(f"{folder} has no state for this job: {error}") from error
    with calling("restore", f"to the state in {folder}"):
        job.restore(state)


def _read(file: Path, job: Job) -> object:
    with Folder(file.parent).open(file.name) as content:
        return states.read(content, file.suffix.removeprefix("."), job.state(), str(file))


def best_of(folder: Path) -> Trained | None:
    """What the state of the least validation loss in a run directory is of; None where there is none that is whole."""
    try:
        return _stored(folder / run_files.BEST)[0]
    except DocumentError:
        return None


def _stored(document: Path) -> tuple[Trained, Path]:
    """What a document says that its state is of, and the state's file. Raises a DocumentError if it is damaged."""
    content = stored.content_of(document)
    if content is None:
        raise DocumentError(f"there is no {document.name} in {document.parent}")
    trained = checked(unsealed(content), Trained)
    if trained.state not in (Path(name).name for names in run_files.STATES.values() for name in names):
        raise DocumentError(f"{trained.state!r} isn't the name of a state")
    file = document.parent / trained.state
    if run_files.digest(file) != trained.digest:
        raise DocumentError(f"{file} isn't as a search wrote it")
    return trained, file
