"""Where a search is kept: the options for its run directory."""

from __future__ import annotations

import itertools
import math
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glideslope.cli import output
from glideslope.errors import GlideslopeError
from glideslope.plural import plural

if TYPE_CHECKING:
    from glideslope.search.directory.run_directory import RunDirectory


@dataclass(frozen=True)
class Directory:
    """The options for a run directory."""

    out: Annotated[
        Path | None, typer.Option(help="The run directory; a new one under runs/ if not given.", metavar="DIR")
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start over in a directory that holds a run.")] = False
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that --out holds.")] = False
    accept_changes: Annotated[
        bool,
        typer.Option("--accept-changes", help="Go on with --resume though the job, an option or a version changed."),
    ] = False

    def open(
        self, command: str, job: str, search: dict[str, Any], every: str = "60s", checkpoints: str | None = None
    ) -> RunDirectory:
        """The run directory of a search: of its command, the place of its job, and its other arguments, which its
        results depend on. A run is checkpointed `every` so often, in the folder at the address `checkpoints` if
        given."""
        from glideslope.search.directory.run_directory import RunDirectory
        from glideslope.search.storage.identity import identity

        if self.resume and self.out is None:
            raise GlideslopeError("--resume: say which run with --out DIR")
        if self.accept_changes and not self.resume:
            raise GlideslopeError("--accept-changes: it is for --resume")
        seconds = _seconds(every)
        stem = Path(job.rpartition(":")[0]).stem
        folder = self.out or _new_folder(Path("runs") / f"{command}-{stem}-{datetime.now():%Y%m%d-%H%M%S}")
        directory = RunDirectory(
            folder, identity(command, job, search), overwrite=self.overwrite, resume=self.resume,
            accept_changes=self.accept_changes, checkpoint_every=seconds, checkpoints=checkpoints, new=self.out is None,
        )  # fmt: skip
        if self.resume:
            _say_if_lost(directory.folder)
        if directory.changes:
            output.say_line(f"Going on with the earlier results despite: {'; '.join(directory.changes)}.")
        return directory


def _say_if_lost(folder: Path) -> None:
    """Says where the search in a run directory was, if its process ended without a result."""
    from glideslope.search.directory.snapshot import Snapshot
    from glideslope.search.storage.run_files import LOCK

    with suppress(GlideslopeError):
        if (folder / LOCK).is_file() and (now := Snapshot.of(folder)).state == "lost" and now.owner:
            last = max(now.running.values(), key=lambda note: note.at, default=None)
            where = f", in {last.what} at update {last.done:,} of {last.of:,}" if last else ""
            said = (
                f"process {now.owner.pid} ended, killed or by the job, after {plural(len(now.ended), 'finished run')}"
            )
            output.say_line(f"The search there has no result: {said}{where}. It goes on.")


def _seconds(text: str) -> float:
    """The seconds that --checkpoint-every was given as, infinite for "never".

    >>> _seconds("90s"), _seconds("1.5m"), _seconds("never")
    (90.0, 90.0, inf)
    """
    match = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(s|m|min|h|)\s*", text)
    if text.strip() == "never":
        return math.inf
    if match is None:
        raise GlideslopeError(f"--checkpoint-every: {text.strip()!r} is not a time: write 90s, 5m, 1h or never")
    return float(match[1]) * {"h": 3600.0, "m": 60.0, "min": 60.0}.get(match[2], 1.0)


def _new_folder(folder: Path) -> Path:
    """A folder that no other command has, even one begun in the same second: made here, with a number if need be."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            claimed = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
            with suppress(FileExistsError):
                claimed.mkdir()
                return claimed
    except OSError as error:
        raise GlideslopeError(f"{folder} can't be made: {error.strerror}; name another folder with --out") from error
    raise AssertionError("there is always another number")
