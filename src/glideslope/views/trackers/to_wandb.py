"""Runs in Weights & Biases, each a run of the project "glideslope", those of a search in one group."""

from __future__ import annotations

from pathlib import Path

import wandb

from glideslope.views.trackers.tracked import Tracked


class Sink:
    """Sends runs, as set by `wandb login` and the variables that W&B reads. The run directory keeps W&B's files too,
    and the group has its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, run: Tracked) -> None:
        quiet = wandb.Settings(silent=True, console="off")
        sent = wandb.init(
            project="glideslope", group=self._folder.name, name=run.name, config=run.settings, reinit="create_new",
            dir=str(self._folder), settings=quiet,
        )  # fmt: skip
        for step, numbers in run.steps():
            sent.log(numbers, step=step)
        sent.finish()
