"""A training for torchrun: `accelerate_training.py FILE WORLD_SIZE SPLIT`; writes what two schedulers made of it.

100 updates, one micro-batch of each left out by accumulation, with a prepared scheduler: torch's and ours.
"""

import json
import os
import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration
from torch.utils.data import DataLoader, TensorDataset

import glideslope as gs

UPDATES = 100


def main(file, world_size, split):
    accelerator = Accelerator(
        cpu=True,
        gradient_accumulation_steps=2,
        dataloader_config=DataLoaderConfiguration(split_batches=split == "True"),
    )
    assert accelerator.num_processes == int(world_size)
    rates = {}
    for name in ("theirs", "ours"):
        model = torch.nn.Linear(1, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        scheduler = (
            torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=UPDATES)
            if name == "theirs"
            else gs.torch.Scheduler(optimizer, gs.linear(), steps=UPDATES)
        )
        loader = DataLoader(TensorDataset(torch.ones(4 * UPDATES * int(world_size), 1)), batch_size=2)
        model, optimizer, loader, scheduler = accelerator.prepare(model, optimizer, loader, scheduler)
        rates[name] = []
        for (inputs,) in loader:
            with accelerator.accumulate(model):
                accelerator.backward(1e-6 * model(inputs).sum())
                if accelerator.sync_gradients and len(rates[name]) < UPDATES:
                    rates[name].append(optimizer.param_groups[0]["lr"])
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
    if accelerator.is_main_process:
        Path(file).write_text(json.dumps(rates))
    accelerator.wait_for_everyone()
    os._exit(0)  # gloo's threads hang now and then when the interpreter takes them down


if __name__ == "__main__":
    main(*sys.argv[1:])
