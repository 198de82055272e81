"""The results of tune for a user's own program: the trained network, its checkpoint, and lines to paste."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from glideslope.cli import output
from glideslope.errors import FrameworkError

if TYPE_CHECKING:
    from glideslope.search import Tuned
    from glideslope.search.directory.run_directory import RunDirectory


def taken_away(tuned: Tuned, directory: RunDirectory) -> dict[str, Any]:
    """Saves the trained network; the lines that load it, those that load the whole state, and those to paste."""
    from glideslope.frameworks.pasted import lines_to_paste

    return {
        "paste": lines_to_paste(tuned.job, tuned.final.made_with, tuned.steps),
        "load": [*_saved_network(tuned, directory), *_checkpoint(tuned, directory)],
    }


def lines(result: dict[str, Any]) -> list[str]:
    """The same as they are printed."""
    shown = []
    if result["paste"]:
        shown += ["To train with it yourself:", *(f"    {line}" for line in result["paste"])]
    if result["load"]:
        shown += ["To load what was trained:", *(f"    {line}" for line in result["load"])]
    return shown


def _saved_network(tuned: Tuned, directory: RunDirectory) -> list[str]:
    from glideslope.frameworks.networks import network
    from glideslope.search.storage.run_files import NETWORK

    if not math.isfinite(tuned.final_loss):
        return []
    try:
        trained = network(tuned.job)
    except FrameworkError as error:
        output.say_line(f"glideslope: {error}")
        return []
    if trained is None:
        return []
    directory.save(NETWORK, trained.write)
    return [trained.loading.format(file=str(directory.folder / NETWORK))]


def _checkpoint(tuned: Tuned, directory: RunDirectory) -> list[str]:
    from glideslope.search.directory.trained import best_of
    from glideslope.search.storage.run_files import BEST, TRAINED

    folder = directory.folder / TRAINED
    lines = [f"gs.load_checkpoint(job, {str(folder)!r})"] if folder.is_dir() else []
    best = best_of(directory.folder)
    if best is not None and best.loss is not None and best.loss < tuned.final_loss:
        lines.append(
            f"gs.load_checkpoint(job, {str(directory.folder / BEST)!r})  # where the validation loss was least, "
            f"{best.loss:.6g} after update {best.updates} of {best.key.partition(' over ')[0]}"
        )
    return lines
