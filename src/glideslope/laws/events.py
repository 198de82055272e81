"""TensorBoard's event files as series by tag."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from glideslope.errors import LawError
from glideslope.laws.logs import Part, counted
from glideslope.laws.records import read_records


def of_events(folder: Path) -> Part:
    """The scalars in a folder of TensorBoard's event files.

    Raises:
        LawError: TensorBoard isn't installed, or the files can't be read.
    """
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
    log = {tag: (np.array(points)[:, 0], np.array(points)[:, 1]) for tag, points in scalars.items() if points}
    return counted(Part(folder, "", log, notes=notes))


def _sound(folder: Path, load: Callable[[str], Any]) -> tuple[Any, tuple[str, ...]]:
    """What is loaded of the sound records in a folder's event files, and notes on the others."""
    notes, contents = [], {}
    for file in sorted(path for path in folder.iterdir() if ".tfevents." in path.name and path.is_file()):
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
