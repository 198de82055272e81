"""A training for torchrun: `distributed_training.py KIND FOLDER UPDATES WORLD_SIZE`, with KIND ddp, fsdp or accelerate.

It goes on from the checkpoint in FOLDER, if there is one; each update sees 4 examples a process. Rank 0 adds a line to
FOLDER/rates.jsonl for each update: the examples seen before it, the rate on every rank, the processes.
"""

import json
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

import glideslope as gs

EXAMPLES, EACH = 640, 4
SCHEDULE = "warmup(64ex) >> cosine()"


def make(kind):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    if kind == "fsdp":
        mesh = dist.device_mesh.init_device_mesh("cpu", (dist.get_world_size(),))
        for layer in (model[0], model[2], model):
            fully_shard(layer, mesh=mesh)
        return model, model
    return model, DistributedDataParallel(model)


def check_guard(rank):
    """One rank's loss is lost: all go back, at the same update, to the same weights."""
    torch.manual_seed(0)
    weight = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(weight.parameters(), lr=0.1)
    scheduler = gs.torch.Scheduler(optimizer, "constant * guard(every=5)")
    guard = gs.torch.Guard(weight, scheduler)
    for update in range(40):
        optimizer.zero_grad()
        weight(torch.ones(1, 1)).sum().backward()
        optimizer.step()
        scheduler.step()
        guard.step(float("nan") if rank == 1 and update == 23 else 1.0)
    told = [None] * dist.get_world_size()
    dist.all_gather_object(told, ([(e.update, e.kind, e.back_to) for e in guard.events], weight.weight.item()))
    assert [(event.update, event.back_to) for event in guard.events] == [(23, 20)], guard.events
    assert len(set(map(str, told))) == 1, told


def check_guard_of_skipped(rank):
    """Mixed precision leaves out updates for ever, and one rank's loss alone isn't finite: all go back alike."""
    torch.manual_seed(0)
    weight = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(weight.parameters(), lr=0.1)
    scheduler = gs.torch.Scheduler(optimizer, "constant * guard(every=5)")
    guard = gs.torch.Guard(weight, scheduler)
    for update in range(60):
        optimizer.zero_grad()
        weight(torch.ones(1, 1)).sum().backward()
        if skipped := update >= 10:
            with torch.no_grad():
                weight.weight.fill_(5.0)  # weights that are lost
        else:
            optimizer.step()
        scheduler.step()
        guard.step(float("nan") if skipped and rank == 1 else 1.0)
        if guard.events:
            break
    told = [None] * dist.get_world_size()
    dist.all_gather_object(told, (update, len(guard.events), weight.weight.item()))
    assert len(set(told)) == 1, told
    assert told[0][1] == 1, told
    assert told[0][2] != 5.0, told


def check_growth(rank):
    """The ranks' shares make up each batch, and their gradients the noise scale's two norms."""
    growth = gs.batches.growth(gs.linear(), base=4, largest=16, multiple=2).over(20)
    batches = gs.torch.GrowingBatches(50, growth, seed=3)
    whole = list(gs.torch.GrowingBatches(50, growth, seed=3, rank=0, ranks=1))
    shares = [None] * dist.get_world_size()
    dist.all_gather_object(shares, list(batches))
    assert [[i for part in parts for i in part] for parts in zip(*shares, strict=True)] == whole
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([3.0, 4.0 * (-1) ** rank])
    assert gs.torch.rank_gradient_norms([weight], 8) == (25.0, 9.0, (8, 16))
    assert weight.grad.tolist() == [3.0, 4.0 * (-1) ** rank]


def check_monitor(kind):
    """The ratios of weights that are divided over processes are those of the whole weights."""
    model, parallel = make(kind)
    monitor = gs.torch.Monitor(model, optimizer := torch.optim.SGD(model.parameters(), lr=0.1), every=1)
    parallel(torch.ones(4, 8)).square().mean().backward()
    before = [whole(weight) for weight in model.parameters()]
    optimizer.step()
    moved = [whole(weight) - old for weight, old in zip(model.parameters(), before, strict=True)]
    norms = [torch.cat([*map(torch.flatten, each[i : i + 2])]).norm() for each in (moved, before) for i in (0, 2)]
    expected = [(norms[i] / norms[i + 2]).item() for i in (0, 1)]
    torch.testing.assert_close(list(monitor.read().by_layer.values()), expected)


def whole(weight):
    return (weight.full_tensor() if hasattr(weight, "full_tensor") else weight).detach().clone()


def main(kind, folder, updates, world_size):
    dist.init_process_group("gloo")
    assert dist.get_world_size() == int(world_size)
    rank, batch, folder = dist.get_rank(), EACH * dist.get_world_size(), Path(folder)
    model, parallel = make(kind)
    optimizer = torch.optim.AdamW(parallel.parameters(), lr=0.05)
    clock = gs.Clock(examples_per_step=batch)
    scheduler = gs.torch.Scheduler(optimizer, SCHEDULE, steps=f"{EXAMPLES}ex", clock=clock)
    seen = 0
    if (folder / "checkpoint").exists():
        weights, moments = get_state_dict(model, optimizer)
        state = {"model": weights, "optimizer": moments, "scheduler": scheduler, "seen": seen}
        dcp.load(state, checkpoint_id=folder / "checkpoint")
        set_state_dict(model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])
        seen = state["seen"]
    data = torch.randn(EXAMPLES, 8, generator=torch.Generator().manual_seed(1))
    for _ in range(int(updates)):
        mine = data[seen + rank * EACH : seen + (rank + 1) * EACH]
        loss = (parallel(mine).squeeze(1) - mine.sum(1)).square().mean()
        loss.backward()
        rates = [None] * dist.get_world_size()
        dist.all_gather_object(rates, optimizer.param_groups[0]["lr"])
        if rank == 0:
            with (folder / "rates.jsonl").open("a") as file:
                print(json.dumps({"seen": seen, "rates": rates, "loss": loss.item()}), file=file)
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()
        seen += batch
    metric = gs.torch.mean_over_ranks(float(rank + 1))
    assert metric == (dist.get_world_size() + 1) / 2, metric
    metrics = [None] * dist.get_world_size()
    dist.all_gather_object(metrics, gs.torch.mean_over_ranks(torch.tensor(loss.item())))
    assert len(set(metrics)) == 1
    # Rank 0 alone would see an improvement; the mean is none, so the rate is cut, and on every rank.
    other = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    answers = gs.torch.Scheduler(other, gs.plateau(patience=0))
    answers.measure(1.0)
    answers.measure(0.5 if rank == 0 else 1.6)
    assert answers.get_last_lr() == [1.0 if dist.get_world_size() == 1 else 0.1]
    if dist.get_world_size() > 1:
        check_guard(rank)
        check_guard_of_skipped(rank)
        check_growth(rank)
        check_monitor(kind)
    weights, moments = get_state_dict(model, optimizer)
    state = {"model": weights, "optimizer": moments, "scheduler": scheduler, "seen": seen}
    dcp.save(state, checkpoint_id=folder / "checkpoint")
    dist.barrier()
    os._exit(0)  # gloo's threads hang now and then when the interpreter takes them down


if __name__ == "__main__":
    main(*sys.argv[1:])
