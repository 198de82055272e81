"""TensorBoard's event files, a series a tag; and what its page downloads, a metric a file, named by the file."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from glideslope.errors import LawError
from glideslope.laws.logs.delimited import header, table
from glideslope.laws.logs.names import phase
from glideslope.laws.logs.records import read_records
from glideslope.laws.logs.source import Source
from glideslope.laws.logs.table import Format, Table

_NAME = "TensorBoard (event files, and what its page downloads)"
_DOWNLOADED = re.compile(r"run-(.*)-tag-(.*)")


def event_files(folder: Path) -> list[Path]:
    """The event files in a folder, in order."""
    return sorted(path for path in folder.iterdir() if ".tfevents." in path.name and path.is_file())


def is_of_phase(folder: Path) -> bool:
    """Whether a folder of event files is of the training or of the validation of a run, as Keras writes them."""
    return folder.name.lower() in ("train", "training", "validation", "valid", "val", "eval", "test")


def _of_events(source: Source) -> list[Table] | None:
    """Raises a LawError if TensorBoard isn't installed, or the files can't be read."""
    if not source.path.is_dir():
        return None
    inner = [folder for folder in sorted(source.path.iterdir()) if folder.is_dir() and is_of_phase(folder)]
    folders = [folder for folder in (source.path, *inner) if event_files(folder)]
    tables = [series for folder in folders for series in _of_folder(folder, folder != source.path)]
    if not tables:
        raise LawError(f"{source.path} can't be read as TensorBoard's logs: they have no scalars")
    return tables


def _of_folder(folder: Path, inner: bool) -> list[Table]:
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.util.tensor_util import make_ndarray
    except ModuleNotFoundError:
        raise LawError(f"{folder}: TensorBoard's logs need it: pip install 'glideslope[tensorboard]'") from None
    try:
        events, notes = _sound(folder, lambda path: EventAccumulator(path, {"scalars": 0, "tensors": 0}).Reload())
        tags = events.Tags()
        scalars = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags["scalars"]}
        for tag in tags["tensors"]:  # what TensorFlow 2 writes for a scalar
            values = [(event.step, make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)]
            if all(value.shape == () and value.dtype.kind in "fiu" for _, value in values):
                scalars[tag] = [(step, float(value)) for step, value in values]
    except Exception as error:  # whatever damaged files make it raise
        raise LawError(f"{folder} can't be read as TensorBoard's logs: {error}") from None
    before = "val " if inner and phase(folder.name) == "val" else ""
    return [
        Table({"epoch" if tag.startswith("epoch_") else "step": [step for step, _ in points],
               before + tag: [value for _, value in points]}, notes=notes)
        for tag, points in scalars.items() if points
    ]  # fmt: skip


def _sound(folder: Path, load: Callable[[str], Any]) -> tuple[Any, tuple[str, ...]]:
    """What is loaded of the sound records in a folder's event files, and notes on the others."""
    notes, contents = [], {}
    for file in event_files(folder):
        content = file.read_bytes()
        records = read_records(content)
        contents[file.name] = records.sound
        if records.damaged:
            several = "records are" if records.damaged > 1 else "record is"
            notes.append(f"{file.name}: {records.damaged} {several} damaged, and the points in them are skipped")
        if records.unread:
            notes.append(f"{file.name}: its last {records.unread:,} bytes are no whole record, and aren't read")
    if not notes:
        return load(str(folder)), ()
    with tempfile.TemporaryDirectory() as copies:  # the accumulator stops at the first damaged record
        for name, content in contents.items():
            (Path(copies) / name).write_bytes(content)
        return load(copies), tuple(notes)


def _of_download(source: Source) -> list[Table] | None:
    """Raises a LawError if the name of the file says no metric."""
    begin = source.content[:32].removeprefix(b"\xef\xbb\xbf").lower()
    if not begin.startswith((b"wall time,step,value", b'"wall time"')):
        return None
    if [name.lower() for name in header(source)] != ["wall time", "step", "value"]:
        return None
    stem = source.path.name.removesuffix(".gz").removesuffix(".csv")
    stem = re.sub(r" ?\(\d+\)$", "", stem)  # downloaded again
    match = _DOWNLOADED.fullmatch(stem)
    breaks = re.finditer(r"^|[-_. ]+", stem)
    splits = [match.groups()] if match else [(stem[: at.start()], stem[at.end() :]) for at in breaks]
    chosen = next((split for split in splits if source.labels.measures(split[1])), splits[0] if match else None)
    if chosen is None:
        raise LawError(f"{source.path}: its name doesn't say which metric it has: call it run-NAME-tag-lr.csv, say")
    run, tag = chosen
    whole = table(source)
    step, value = ([*whole.columns.values()][i] for i in (1, 2))
    return [Table({"epoch" if tag.startswith("epoch_") else "step": step, tag: value}, run, False, whole.notes)]


EVENTS = Format(_NAME, _of_events)
DOWNLOAD = Format(_NAME, _of_download)
