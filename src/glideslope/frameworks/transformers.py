"""Glideslope in the Hugging Face Trainer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from glideslope.errors import ScheduleError
from glideslope.files import write_atomically
from glideslope.frameworks.torch import Scheduler

_FILE = "glideslope.json"


class Callback(TrainerCallback):
    """Puts a Trainer's training on a schedule, whatever its own scheduler is.

    The other way is to give the Trainer an optimizer and its scheduler, `optimizers=(optimizer, gs.torch.Scheduler(
    optimizer, ...))`; the callback takes the optimizer that the Trainer makes, with `learning_rate` as the peak and the
    whole training as the horizon. The Trainer logs the rate of the update it has just made. With each checkpoint the
    scheduler's state is saved beside the Trainer's, and read when a training goes on from there.

    Args:
        lr: the schedule, as in `gs.torch.Scheduler`.
        options: the other arguments of `gs.torch.Scheduler`; `steps` is the whole training if not given.

    Raises:
        ScheduleError: when the training begins; as `gs.torch.Scheduler`.
    """

    def __init__(self, lr: Any, **options: Any) -> None:
        self.lr = lr
        self.options = options
        self.scheduler: Scheduler | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        """Makes the scheduler; goes on where a checkpoint was saved."""
        self.scheduler = Scheduler(objects["optimizer"], self.lr, **{"steps": state.max_steps, **self.options})
        if state.global_step:
            self.scheduler.load_state_dict(_saved(Path(args.output_dir) / f"checkpoint-{state.global_step}", state))

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        """Writes the rate of the coming update over what the Trainer's own scheduler wrote."""
        if self.scheduler is not None:
            self.scheduler.step()

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        """Tells the Trainer's scheduler the rate of the update just made, which is what the Trainer logs."""
        if self.scheduler is not None:
            objects["lr_scheduler"]._last_lr = self.scheduler.get_last_lr()

    def on_save(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        """Saves the scheduler's state beside the Trainer's."""
        if self.scheduler is not None and state.is_world_process_zero:
            self.scheduler.step()  # counts the last update
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            write_atomically(folder / _FILE, json.dumps(self.scheduler.state_dict()))


def _saved(folder: Path, state: Any) -> dict[str, Any]:
    """The state that a checkpoint has; the Trainer's own count of updates where it has none."""
    try:
        found: dict[str, Any] = json.loads((folder / _FILE).read_text())
    except FileNotFoundError:
        return {"step": state.global_step}
    except ValueError as error:
        raise ScheduleError(f"{folder / _FILE} can't be read: {error}") from error
    return found
