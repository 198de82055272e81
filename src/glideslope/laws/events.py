"""TensorBoard's event files as series by tag."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from glideslope.errors import LawError
from glideslope.laws.logs import Part, counted


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
        events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0}).Reload()
        tags = events.Tags()
        scalars = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags["scalars"]}
        for tag in tags["tensors"]:  # what TensorFlow 2 writes for a scalar
            values = [(event.step, make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)]
            if all(value.shape == () and value.dtype.kind in "fiu" for _, value in values):
                scalars[tag] = [(step, float(value)) for step, value in values]
    except Exception as error:  # whatever damaged files make it raise
        raise LawError(f"{folder} can't be read as TensorBoard's logs: {error}") from None
    log = {tag: (np.array(points)[:, 0], np.array(points)[:, 1]) for tag, points in scalars.items() if points}
    return counted(Part(folder, "", log))
