"""The commands that look at a search from another terminal or machine, and end it: status and stop."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glideslope.cli import output
from glideslope.cli.options import Json, command
from glideslope.documents import sealed
from glideslope.errors import RunDirectoryError
from glideslope.plural import plural

if TYPE_CHECKING:
    from glideslope.search.directory.snapshot import Snapshot

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The run directory.")]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The run directory, or a folder of several.")]
RUNS = Path("runs")  # the folder of run directories, by default


@command("glideslope status")
def status(folder: Folder = RUNS, as_json: Json = False) -> None:
    """Show the progress of a search, during it or after; for a folder of several searches, of each."""
    from glideslope.search.directory.snapshot import Snapshot
    from glideslope.search.storage.result_files import plain
    from glideslope.views import terminal

    if not (folder / "search.json").exists() and (folder == RUNS or any(folder.glob("*/search.json"))):
        searches = {str(file.parent): Snapshot.of(file.parent) for file in sorted(folder.glob("*/search.json"))}
        if as_json:
            documents = [{"folder": name, **_document(now)} for name, now in searches.items()]
            output.put(sealed({"searches": plain(documents)}))
            return
        lines = [f"{name}: {_lines(now)[0]}" for name, now in searches.items()]
        output.draw(*(lines or [f"No search in {folder}."]))
        return
    now = Snapshot.of(folder)
    if as_json:
        output.put(sealed(plain(_document(now))))
        return
    rows = [
        (note.what, note.stage, f"{note.done:,} of {note.of:,}", note.loss, note.host,
         f"{time.time() - note.at:.0f} s ago") for note in now.running.values()
    ]  # fmt: skip
    table = terminal.table("Runs in the making", ("run", "stage", "updates", "loss", "on", "said"), rows)
    output.draw(*_lines(now), *([table] if rows else []))


def _document(now: Snapshot) -> dict[str, Any]:
    """A search as plain data."""
    from glideslope.cli.results import described

    owner = now.owner and {"host": now.owner.host.partition(" ")[0], "pid": now.owner.pid}
    running = [
        {"run": note.what, "stage": note.stage, "updates": note.done, "steps": note.of, "loss": note.loss,
         "host": note.host, "pid": note.pid, "seconds_ago": time.time() - note.at} for note in now.running.values()
    ]  # fmt: skip
    return {
        "state": now.state, "search": now.search, "owner": owner, "runs": list(map(described, now.runs)),
        "sweeps": len(now.sweeps), "running": running, "wasted_updates": now.wasted,
    }  # fmt: skip


def _lines(now: Snapshot) -> list[str]:
    """A search in words."""
    who = f"process {now.owner.pid} on {now.owner.host.partition(' ')[0]}" if now.owner else ""
    state = {
        "running": f"It runs: {who}.",
        "lost": f"It doesn't run: {who} has ended. Go on with the same command and --out {now.folder} --resume.",
        "stopped": f"It doesn't run. Go on with the same command and --out {now.folder} --resume.",
        "finished": f"It has finished. Report: {now.folder / 'report.html'}",
    }[now.state]
    lines = [f"{now.search.get('command', 'a search')} of {now.search.get('job', 'a job')}. {state}"]
    swept = f"{plural(len(now.sweeps), 'sweep')} and " if now.sweeps else ""
    runs = f"{swept}{plural(len(now.runs), 'run')}"
    updates = sum(run.cost for run in now.runs)
    wasted = f"; {now.wasted:,} more were made again, after a process was lost" if now.wasted else ""
    lines.append(f"Finished: {runs}, {plural(updates, 'update', ',')}{wasted}.")
    if now.runs:
        best = min(now.runs, key=lambda run: run.final_loss)
        lines.append(f"The lowest: {best.contestant} over {plural(best.steps, 'update', ',')}, {best.final_loss:.4g}.")
    return [*lines, *(f"Can't be read: {text}." for text in now.damaged)]


@command("glideslope stop runs/tune-digits-20260101-120000")
def stop(folder: Directory) -> None:
    """End a search after it has checkpointed its runs; it goes on with --resume."""
    from glideslope.search.directory.snapshot import Snapshot
    from glideslope.search.directory.stop_request import StopRequest

    now = Snapshot.of(folder)
    if now.state != "running":
        said = {"finished": "it has finished", "lost": "its process has ended", "stopped": "no process writes there"}
        raise RunDirectoryError(f"the search in {folder} doesn't run: {said[now.state]}")
    StopRequest(folder.absolute(), now.id).make()
    output.line(f"The search in {folder} ends after its next updates; go on with --out {folder} --resume.")
