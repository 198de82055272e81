"""Runs for TensorBoard: a folder of events for each, in the run directory."""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from glideslope.views.trackers.tracked import Tracked

_NO_NAME = re.compile(r"[^\w.,()%= +-]+", re.ASCII)
_LONGEST = 100


class Sink:
    """Writes events: in the run directory a folder "tensorboard" has one for each time that a search was begun."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "tensorboard" / f"{datetime.now():%Y%m%d-%H%M%S-%f}"
        self._number = 0

    def send(self, run: Tracked) -> None:
        self._number += 1
        name = _NO_NAME.sub("_", run.name)[:_LONGEST].strip()
        writer = EventFileWriter(str(self._folder / f"{self._number:02d} {name}"))
        for step, numbers in run.steps():
            values = [Summary.Value(tag=tag, simple_value=value) for tag, value in numbers.items()]
            writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))
        writer.close()
