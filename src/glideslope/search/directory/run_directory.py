"""A run directory: results of finished runs as they come, and at the end result.json, runs.csv and report.html."""

from __future__ import annotations

import os
import secrets
import weakref
from collections import UserDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from glideslope.errors import DocumentError, RunDirectoryError
from glideslope.files import digest, write_atomically
from glideslope.search.directory.marker import Marker, check_accepted, check_arguments, check_plain
from glideslope.search.directory.stop_request import StopRequest
from glideslope.search.jobs.contents import as_now
from glideslope.search.jobs.used_files import UsedFiles
from glideslope.search.runs.unfinished import Saving, Unfinished
from glideslope.search.storage import places, result_files, run_files, stored
from glideslope.search.storage.identity import OF_DATA, differences, flat, joined, versions
from glideslope.search.storage.lock import Lock
from glideslope.warning import warn

CHECKPOINT_EVERY = 60.0  # the least seconds between two checkpoints of a run
_REMOVED = (run_files.UNFINISHED, run_files.TRAINED)  # where they are empty
_PATIENCE = 2.0
"""Seconds that the search of the folder waits for the lock, after it released it for a moment: one that took it then
sees that the folder isn't free, and gives it back."""


class RunDirectory(UserDict[str, dict[str, Any]]):
    """The memory of a search, kept in files: each finished run is one, written whole or not at all. The folder belongs
    to the search in its search.json, which lists the files that the search made; no others are replaced or deleted. A
    lock lets one process write.

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
        self._recorded = False
        self.used: UsedFiles | None = None  #: what its results depend on, in a search
        self._accepts = accept_changes
        self.changes: list[str] = []
        self._emptied: list[Path] = []
        self._new = new
        self.is_locked_for_report = False  #: whether the lock outlasts the search, until `finish`
        if before is None:
            run_files.check_no_run(folder)
            self._record.kept = [name for name in (*_REMOVED, checkpoints or "") if (folder / name).exists()]
        elif resume:
            self._go_on(before)
        elif not overwrite:
            raise RunDirectoryError(
                f"{folder} already holds a run: go on with --resume, or begin anew with --overwrite"
            )
        else:
            self._record.files, self._record.former = before.files, [*before.former, before.id]
            self._record.kept = before.kept
        run_files.check_unchanged(folder, self._record.files)

    def __setitem__(self, key: str, result: dict[str, Any]) -> None:
        text = stored.text_of_run(self._record.id, key, result)
        self._begin()
        write_atomically(self._runs / stored.name_of_run(self._record.id, key), text)
        self.data[key] = result
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
            warn(
                f"the job's {error}: so runs aren't checkpointed, and a killed one begins anew; give state() as "
                "arrays, tensors and plain data",
            )
        self.stores_no_state = True

    def save(self, name: str, write: Callable[[BinaryIO], object]) -> str:
        """Writes a file of `run_files.LISTED`, in one step; returns its checksum, which the record has before. Raises a
        RunDirectoryError if the file isn't as this search left it, or a FileError if it can't be written."""
        self._begin()
        there = run_files.check_unchanged(self.folder, self._record.files)

        def recorded(checksum: str) -> None:
            self._write_record(files={**there, name: [*there.get(name, ()), checksum]})

        return run_files.write(self.folder / name, write, recorded)

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
            files = there | {name: [*there.get(name, ()), digest(content)] for name, content in contents.items()}
            self._write_record(files=files)
            for name, content in contents.items():
                self._lock.check_held()
                write_atomically(self.folder / name, content)
            if not result.get("interrupted"):  # what is left is of runs that weren't asked for
                self._unfinished.drop(stored.any_run(self._record.id))
                self._remove_folders()
        finally:
            self.release()

    def follow(self, used: UsedFiles) -> None:
        """From now on results depend on the files that are used. Raises where earlier ones are of another folder."""
        if self._record.folder not in ("", used.folder):
            check_accepted(self.folder, [f"folder: {self._record.folder} → {used.folder}"], self._accepts)
            self._record.used = {}
        self.used, self._record.folder = used, used.folder
        used.searches.add(id(self))

    def claim(self) -> None:
        """Takes the lock, until `release`; cleans up what a killed process left, and begins to overwrite where asked.
        Raises a RunDirectoryError if another process has the lock, or another search began since."""
        if self._lock.held:
            return
        self._emptied = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        try:
            run_files.make(self.folder)
            self._marker.check_no_other()  # one that has begun may have released the lock for a moment
            self._lock.acquire(_PATIENCE if self._recorded else 0.0)
            self._marker.check_no_other()
            run_files.delete_temporary(self.folder)
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
        if self.used is not None:
            self.used.searches.discard(id(self))
            self.used.is_watched = bool(self.used.searches)
        with suppress(OSError):
            for path in self._emptied or ([self.folder] if self._new else []):
                path.rmdir()
        self._emptied = []

    def _begin(self) -> None:
        """Makes the folder that of this search on the first write, so a rejected search leaves it untouched."""
        self.claim()
        self._lock.check_held()
        if not self._recorded:
            self._unfinished.delete(stored.any_run(self._record.id))  # of another job, where changes were accepted
        self.note_used()

    def _replace_former(self) -> None:
        """Makes the folder that of this search in one rename, then deletes the results of the ones before it."""
        self._write_record()
        for former in self._record.former:
            run_files.delete(run_files.matching(self._runs, stored.run_names(former)))
            self._unfinished.delete(stored.any_run(former))
        run_files.check_unchanged(self.folder, self._record.files)
        run_files.delete([self.folder / name for name in run_files.LISTED])
        self._remove_folders()
        self._write_record(files={}, former=[])

    def note_used(self) -> None:
        """Adds to the record which files and frameworks are used so far."""
        record, used = self._record, self._record.used
        if self.used is not None:
            used = joined(record.folder, used, self.used.used(self.folder, not self.data), bool(self.data))
        known = {**versions(), **record.versions}
        if not self._recorded or (used, known) != (record.used, record.versions):
            self._write_record(used=used, versions=known)

    def _remove_folders(self) -> None:
        """Removes the folders that are empty, but for the user's own."""
        for name in {*_REMOVED, self._record.checkpoints} - {"", *self._record.kept}:
            with suppress(OSError):
                (self.folder / name).rmdir()

    def _write_record(self, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self._record, name, value)
        text = stored.text_of_record(self._record)
        self._lock.check_held()
        self._marker.write(text)
        self._recorded = True

    def _go_on(self, before: stored.Record) -> None:
        """Takes over the record and the results of the search that the folder holds."""
        now = stored.record_of(stored.text_of_record(self._record).encode())  # as it is read again
        now.folder = now.search.get("folder") or before.folder
        now.used = as_now(now.folder, before.used)
        now.versions = {name: version for name, version in versions(before.versions).items() if name in before.versions}
        changes = differences(*(flat(record.search, record.used, record.versions) for record in (before, now)))
        names = stored.run_names(before.id)
        has_runs = run_files.entries(self._runs, names) or self._unfinished.has_any(before.id)  # else nothing can mix
        self.changes = changes if has_runs or not all(c.startswith(OF_DATA) for c in changes) else []
        check_accepted(self.folder, self.changes, self._accepts)
        moved = before.checkpoints != self._record.checkpoints
        self._recorded = not changes and not moved
        before.checkpoints = address = self._record.checkpoints
        before.kept += [address] if moved and (self.folder / address).exists() else []
        self._record = before
        before.search, before.folder, before.used, before.versions = now.search, now.folder, now.used, now.versions
        before.accepted = [*before.accepted, *self.changes]
        for file in run_files.entries(self._runs, names):
            try:
                key, result = stored.run_of(stored.content_of(file) or b"", before.id, file.name)
            except DocumentError as error:
                raise RunDirectoryError(f"{file} is damaged ({error}): delete it, and its run is made again") from error
            self.data[key] = result
