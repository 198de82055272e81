"""A training that is killed: `killed_training.py FOLDER KILLS`, and goes on from its last checkpoint each time.

Each child process trains from FOLDER/checkpoint.pt to the end, saving every few updates, and adds its rate at each
update to FOLDER/rates.txt. It kills itself by SIGKILL at a random point: in an update, between the update and the
scheduler, or in the middle of writing a checkpoint.
"""

import os
import random
import signal
import sys
from pathlib import Path

import torch

import glideslope as gs

UPDATES, SAVE_EVERY = 400, 7
POINTS = ("before", "backward", "stepped", "scheduled", "saving")


def write(path, state, die):
    """A checkpoint that is whole or not there."""
    temporary = path.with_suffix(".new")
    torch.save(state, temporary)
    die("saving")
    os.replace(temporary, path)


def train(folder, die_at):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(8, 16), torch.nn.BatchNorm1d(16), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(16, 1)
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    cycle = gs.one_cycle()
    scheduler = gs.torch.Scheduler(optimizer, cycle, steps=UPDATES, momentum=cycle.momentum(), weight_decay=gs.cosine())
    data, first = torch.randn(320, 8), 0
    if (folder / "checkpoint.pt").exists():
        state = torch.load(folder / "checkpoint.pt", weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
        torch.set_rng_state(state["random"])
        first = scheduler.last_epoch
    for t in range(first, UPDATES):

        def die(point, t=t):
            if (t, point) == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

        die("before")
        batch = data[torch.randint(320, (16,))]
        loss = (model(batch).squeeze(1) - batch.sum(1)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        die("backward")
        group = optimizer.param_groups[0]
        with (folder / "rates.txt").open("a") as file:
            file.write(f"{t} {group['lr']!r} {group['betas'][0]!r} {group['weight_decay']!r}\n")
        optimizer.step()
        die("stepped")
        scheduler.step()
        die("scheduled")
        if (t + 1) % SAVE_EVERY == 0:
            state = {
                "model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(),
                "random": torch.get_rng_state(),
            }  # fmt: skip
            write(folder / "checkpoint.pt", state, die)
    write(folder / "final.pt", model.state_dict(), lambda point: None)


def reached(folder):
    """The update that the last checkpoint goes on with."""
    path = folder / "checkpoint.pt"
    return torch.load(path, weights_only=True)["scheduler"]["step"] if path.exists() else 0


def main(folder, kills):
    folder, chance = Path(folder), random.Random(int(kills))
    for left in range(int(kills), -1, -1):
        start = reached(folder)
        t = chance.randint(start, start + 2 * (UPDATES - start) // (left + 1)) if left else UPDATES
        point = chance.choice(POINTS)
        if point == "saving":  # at an update that saves
            t = t // SAVE_EVERY * SAVE_EVERY + SAVE_EVERY - 1
        child = os.fork()
        if child == 0:
            train(folder, (min(t, UPDATES - 2 if point != "saving" else t), point) if left else None)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL else f"exit {status}")


if __name__ == "__main__":
    main(*sys.argv[1:])
