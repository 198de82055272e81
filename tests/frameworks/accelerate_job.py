"""A job for torchrun: `accelerate_job.py FILE WORLD_SIZE SEARCH`; writes what each process made of it.

The losses of the job and of a loop of one's own, the validation by both, `gs.check_job`; a search if asked.
"""

import json
import os
import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import glideslope as gs

UPDATES, CLIP = 13, 0.5
generator = torch.Generator().manual_seed(0)
INPUTS = torch.randn(71, 6, generator=generator)
TARGETS = (INPUTS @ torch.randn(6, 3, generator=generator)).argmax(1)
TRAIN, VALIDATION = TensorDataset(INPUTS[:46], TARGETS[:46]), TensorDataset(INPUTS[46:], TARGETS[46:])  # 46 and 25


def prepared(accelerator):
    set_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.2),
                                torch.nn.Linear(8, 3))  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loaders = DataLoader(TRAIN, batch_size=4, shuffle=True), DataLoader(VALIDATION, batch_size=4)
    return accelerator.prepare(model, optimizer, *loaders)


def loop(accelerator, model, optimizer, loader):
    """A loop of one's own."""
    losses, batch_losses = [], []
    while True:
        for inputs, targets in loader:
            with accelerator.accumulate(model):
                loss = cross_entropy(model(inputs), targets)
                accelerator.backward(loss)
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(model.parameters(), CLIP)
                optimizer.step()
                optimizer.zero_grad()
            batch_losses.append(loss.detach())
            if accelerator.sync_gradients:
                losses.append(accelerator.reduce(torch.stack(batch_losses).mean(), "mean").item())
                batch_losses = []
                if len(losses) == UPDATES:
                    return losses


def main(file, world_size, search):
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    assert accelerator.num_processes == int(world_size)
    model, optimizer, loader, validation = prepared(accelerator)
    losses = loop(accelerator, model, optimizer, loader)
    whole = accelerator.unwrap_model(model)
    weights = {name: weight.clone() for name, weight in whole.named_parameters()}

    model, optimizer, loader, validation = prepared(accelerator)
    job = gs.accelerate.Job(accelerator, model, optimizer, cross_entropy, loader, validation, clip_norm=CLIP)
    job_losses = [job.step(0.1).item() for _ in range(UPDATES)]
    whole = accelerator.unwrap_model(model)
    same = all(torch.equal(weight, weights[name]) for name, weight in whole.named_parameters())
    value = job.evaluate()
    accelerator.wait_for_everyone()
    model.eval()
    with torch.no_grad():
        model(INPUTS[:2])  # has every process take the buffers of the first, as each forward pass does
        expected = cross_entropy(whole(INPUTS[46:]), TARGETS[46:]).item()
    gs.check_job(job, lr=0.05, steps=7)
    results = {"loop": losses, "job": job_losses, "same": same, "value": value, "expected": expected}
    if search == "True":
        tuned = gs.tune(job, steps=100, overhead=4, schedules=["cosine", "constant"], seed=0)
        results["tuned"] = [str(tuned.schedule), tuned.peak, tuned.final_loss]
    Path(f"{file}.{accelerator.process_index}").write_text(json.dumps(results))
    accelerator.wait_for_everyone()
    os._exit(0)  # gloo's threads hang now and then when the interpreter takes them down


if __name__ == "__main__":
    main(*sys.argv[1:])
