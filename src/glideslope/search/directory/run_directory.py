"""A run directory: results of finished runs as they come, and at the end result.json, runs.csv and report.html."""

from __future__ import annotations

import functools
import math
import os
import re
import secrets
import time
import warnings
import weakref
from collections import UserDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np

from glideslope.callers import caller_level
from glideslope.errors import DocumentError, RunDirectoryError
from glideslope.files import write_atomically
from glideslope.search.directory.marker import Marker, check_arguments, check_plain
from glideslope.search.directory.stop_request import StopRequest
from glideslope.search.runs.unfinished import Saving, Unfinished
from glideslope.search.storage import places, result_files, run_files, stored
from glideslope.search.storage.identity import DATA, OF_DATA, differences, written
from glideslope.search.storage.lock import Lock

_TEMPORARY = re.compile(
    r"\.(?:search\.json|search\.lock|result\.json|runs\.csv|report\.html|model\.safetensors|run\.json|(?:state|best|short)\.(?:pt|npz)|(?:best|short)\.json"
    r"|[0-9a-f]{16}-[0-9a-f]{16}(?:-(?:[0-9]{6,9}|best|progress))?\.(?:json|pt|npz))\.[a-z0-9_]{8}\.tmp"
)
CHECKPOINT_EVERY = 60.0  # the least seconds between two checkpoints of a run
_LOOKS_AT_DATA = 30.0  # seconds between two looks, in the first run, at whether the job writes the files that it names
_PATIENCE = 2.0
"""Seconds that the search of the folder waits for the lock, after it released it for a moment: one that took it then
sees that the folder isn't free, and gives it back."""


class RunDirectory(UserDict[str, dict[str, Any]]):
    """The memory of a search, kept in files: each finished run is one, written whole or not at all.

    The folder belongs to the search in its search.json, which lists the files that the search made; no others are
    replaced or deleted. A lock lets one process write.

    Args:
        folder: its path.
        search: a description of the search, plain data; a search resumes only in a folder with the same description.
        overwrite: begin anew in a folder that holds a search.
        resume: go on with the search that the folder holds.
        accept_changes: go on although the description differs; `changes` are the differences.
        checkpoint_every: the least seconds between two checkpoints of a run, infinite for none.
        checkpoints: where they lie, a folder or an address of fsspec such as `s3://bucket/folder`; else in the folder.
        new: whether the folder was made for this search; it is deleted if nothing is written.

    Raises:
        RunDirectoryError: the folder holds a search and neither `overwrite` nor `resume` is set; it holds another
            search; another process writes in it; or it has files of the same names that no search made.
    """

    def __init__(
        self, folder: str | os.PathLike[str], search: dict[str, Any], *, overwrite: bool = False, resume: bool = False,
        accept_changes: bool = False, checkpoint_every: float = CHECKPOINT_EVERY, checkpoints: str | None = None,
        new: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        check_arguments(folder, search, checkpoint_every)
        self.folder = folder = Path(folder).absolute()  # a job may change the working directory
        self._runs = folder / run_files.RUNS
        self.stores_no_state = False  #: whether the state of the job has no form that can be read safely
        self._lock = Lock(folder / run_files.LOCK)
        checkpoints = None if checkpoints is None else places.absolute(checkpoints)
        self._unfinished = Unfinished(
            checkpoints or str(folder / run_files.UNFINISHED), checkpoint_every, None if checkpoints else self._lock
        )
        weakref.finalize(self, self._lock.release)
        run_files.check_writable(folder)
        run_files.check_writable(self._runs)
        self._lock.check_free()
        self._marker = Marker(folder)
        before = self._marker.record()
        self._record = stored.Record(2, secrets.token_hex(8), search, checkpoints=checkpoints or "")
        check_plain(self._record)
        self._recorded, self._looks_at_data = False, 0.0
        self.changes: list[str] = []
        self._emptied: list[Path] = []
        self._new = new
        self.is_locked_for_report = False  #: whether the lock outlasts the search, until `finish`
        if before is None:
            run_files.check_no_run(folder)
        elif resume:
            self._go_on(before, accept_changes)
        elif not overwrite:
            raise RunDirectoryError(
                f"{folder} already holds a run: go on with --resume, or begin anew with --overwrite"
            )
        else:
            self._record.files, self._record.former = before.files, [*before.former, before.id]
        run_files.check_unchanged(folder, self._record.files)

    def __setitem__(self, key: str, result: dict[str, Any]) -> None:
        text = stored.text_of_run(self._record.id, key, result)
        self._begin()
        self._drop_written_data()
        self._looks_at_data = math.inf
        self.data[key] = result
        write_atomically(self._runs / stored.name_of_run(self._record.id, key), text)
        self.drop_unfinished(key)
        self._remove_folders()

    def saving(self, key: str) -> Saving | None:
        """Where a run is checkpointed; None where the job's state has no safe form."""
        if self.stores_no_state:
            return None
        self._begin()
        return self._unfinished.saving(self._record.id, key)

    def drop_unfinished(self, key: str) -> None:
        """Deletes the checkpoints of a run that isn't needed."""
        self._unfinished.drop(stored.stem_of_run(self._record.id, key))

    def give_up(self, error: DocumentError) -> None:
        """Says once that the state of the job has no safe form: no run is checkpointed then."""
        if not self.stores_no_state:
            warnings.warn(
                f"the job's {error}: so runs aren't checkpointed, and a killed one begins anew; give state() as "
                "arrays, tensors and plain data",
                stacklevel=caller_level(),
            )
        self.stores_no_state = True

    def save(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        """Writes a file of `run_files.LISTED`, in one step; the record has its checksum before. Raises a
        RunDirectoryError if the file isn't as this search left it, or a FileError if it can't be written."""
        self._begin()
        there = run_files.check_unchanged(self.folder, self._record.files)

        def recorded(checksum: str) -> None:
            self._write_record(files={**there, name: [*there.get(name, ()), checksum]})

        run_files.write(self.folder / name, write, recorded)

    def delete(self, names: Sequence[str]) -> None:
        """Deletes those files of `run_files.LISTED` that exist. Raises a RunDirectoryError if one was changed."""
        self._begin()
        run_files.check_unchanged(self.folder, self._record.files)
        run_files.delete([self.folder / name for name in names])

    def finish(self, result: dict[str, Any], curves: Sequence[tuple[np.ndarray, np.ndarray]], report: str) -> None:
        """Writes result.json, runs.csv (run,step,lr,loss) from each run's rates and losses, and report.html."""
        contents = result_files.contents(result, curves, report)
        try:
            self._begin()
            there = run_files.check_unchanged(self.folder, self._record.files)
            files = there | {name: [*there.get(name, ()), stored.digest(content)] for name, content in contents.items()}
            self._write_record(files=files)
            for name, content in contents.items():
                self._lock.check_held()
                write_atomically(self.folder / name, content)
            if not result.get("interrupted"):  # what is left is of runs that weren't asked for
                self._unfinished.drop(stored.any_run(self._record.id))
                self._remove_folders()
        finally:
            self.release()

    def claim(self) -> None:
        """Takes the lock, until `release`; cleans up what a killed process left, and begins to overwrite where asked.
        Raises a RunDirectoryError if another process has the lock, or another search began since this directory was
        opened."""
        if self._lock.held:
            if time.monotonic() >= self._looks_at_data:
                self._drop_written_data()
            return
        self._emptied = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        try:
            run_files.make(self.folder)
            self._marker.check_no_other()  # one that has begun may have released the lock for a moment
            self._lock.acquire(_PATIENCE if self._recorded else 0.0)
            self._marker.check_no_other()
            for name in ("", run_files.RUNS, run_files.UNFINISHED, run_files.TRAINED):
                left = run_files.matching(self.folder / name, _TEMPORARY)
                run_files.delete(file for file in left if file.is_file() and not file.is_symlink())
            self.stop_request.withdraw()
            if self._record.former:
                self._replace_former()
        except BaseException:
            self.release()
            raise

    @cached_property
    def stop_request(self) -> StopRequest:
        """By which another process asks this search to end."""
        return StopRequest(self.folder, self._record.id)

    def release(self) -> None:
        """Gives the lock back, and deletes folders that were made for it and are empty; `claim` takes it again."""
        self._lock.release()
        with suppress(OSError):
            for path in self._emptied or ([self.folder] if self._new else []):
                path.rmdir()
        self._emptied = []

    def _begin(self) -> None:
        """Makes the folder that of this search on the first write, so a rejected search leaves it untouched."""
        self.claim()
        self._lock.check_held()
        if not self._recorded:
            self._delete_checkpoints(self._record.id)  # of another job, where changes were accepted
            self._write_record()

    def _replace_former(self) -> None:
        """Makes the folder that of this search in one rename, then deletes the results of the ones before it."""
        self._write_record()
        for former in self._record.former:
            run_files.delete(run_files.matching(self._runs, stored.run_names(former)))
            self._delete_checkpoints(former)
        run_files.check_unchanged(self.folder, self._record.files)
        run_files.delete([self.folder / name for name in run_files.LISTED])
        self._remove_folders()
        self._write_record(files={}, former=[])

    def _drop_written_data(self) -> None:
        """Until the end of the first run leaves out of the identity the data files that have changed: the job writes
        them."""
        if self._recorded and self._looks_at_data < math.inf and (names := written(self._record.search)):
            data = {name: said for name, said in self._record.search[DATA].items() if name not in names}
            self._write_record(search={**self._record.search, DATA: data})
        self._looks_at_data = time.monotonic() + min(self._unfinished.every / 2, _LOOKS_AT_DATA)

    def _delete_checkpoints(self, search: str) -> None:
        """Deletes the checkpoints of all runs of a search."""
        self._unfinished.delete(stored.any_run(search))

    def _remove_folders(self) -> None:
        """Removes the folders that are empty."""
        for name in (run_files.UNFINISHED, run_files.TRAINED):
            with suppress(OSError):
                (self.folder / name).rmdir()

    def _write_record(self, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self._record, name, value)
        text = stored.text_of_record(self._record)
        self._lock.check_held()
        self._marker.write(text)
        self._recorded = True

    def _go_on(self, before: stored.Record, accept_changes: bool) -> None:
        """Takes over the record and the results of the search that the folder holds."""
        now = stored.record_of(stored.text_of_record(self._record).encode()).search  # as it is read again
        self.changes = differences(before.search, now)
        names = stored.run_names(before.id)
        is_bare = (  # where nothing is made, nothing can mix
            bool(self.changes)
            and all(change.startswith(OF_DATA) for change in self.changes)
            and not (run_files.entries(self._runs, names) or self._unfinished.has_any(before.id))
        )
        if self.changes and not accept_changes and not is_bare:
            raise RunDirectoryError(
                f"{self.folder} holds another search than this one: {'; '.join(self.changes)}. Go on anyway, "
                "keeping the results of its finished runs, with --accept-changes; or begin anew with --overwrite"
            )
        moved = before.checkpoints != self._record.checkpoints
        self._recorded = not self.changes and not moved
        before.checkpoints = self._record.checkpoints
        self._record = before
        if self.changes:  # else a data file that the job writes isn't in the one before
            self.changes = [] if is_bare else self.changes
            before.search, before.accepted = now, [*before.accepted, *self.changes]
        for file in run_files.entries(self._runs, names):
            try:
                key, result = stored.run_of(stored.content_of(file) or b"", before.id, file.name)
            except DocumentError as error:
                raise RunDirectoryError(f"{file} is damaged ({error}): delete it, and its run is made again") from error
            self.data[key] = result


Search = TypeVar("Search", bound=Callable[..., Any])


def releasing(search: Search) -> Search:
    """A search that gives back the lock of its memory when it ends or raises, unless a report follows."""

    @functools.wraps(search)
    def released(*args: Any, **options: Any) -> Any:
        try:
            return search(*args, **options)
        finally:
            if isinstance(memory := options.get("memory"), RunDirectory) and not memory.is_locked_for_report:
                memory.release()

    return released  # type: ignore[return-value]
