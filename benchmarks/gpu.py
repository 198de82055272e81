"""What Glideslope costs on a GPU, in eight minutes, as one JSON.

    python benchmarks/gpu.py --out gpu.json
    python benchmarks/gpu.py --small --out small.json      # on a CPU, to see that it runs: no figures of a GPU

Each part has its result or the error that it ended with; a part isn't begun after seven minutes.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from all import circumstances
from gpt import GPT, next_token_loss
from torch._dynamo.utils import counters
from torch.utils.data import DataLoader

import glideslope as gs

LAST_BEGIN = 420.0


@dataclass(frozen=True)
class Size:
    """What is measured on: a GPT, its batches, and numbers of updates."""

    device: str
    layers: int
    width: int
    heads: int
    vocabulary: int
    length: int
    batch: int
    updates: int
    backend: str

    def model(self) -> GPT:
        torch.manual_seed(0)
        return GPT(self.layers, self.width, self.heads, self.vocabulary, self.length).to(self.device)

    def tokens(self, batches: int) -> torch.Tensor:
        """Tokens that a model can learn: each follows from the one before by a fixed table, one in ten at random."""
        generator = torch.Generator().manual_seed(1)
        table = torch.randint(self.vocabulary, (self.vocabulary,), generator=generator)
        rows = torch.randint(self.vocabulary, (batches * self.batch, 1), generator=generator)
        for _ in range(self.length):
            drawn = torch.randint(self.vocabulary, (len(rows), 1), generator=generator)
            odd = torch.rand((len(rows), 1), generator=generator) < 0.1
            rows = torch.cat([rows, torch.where(odd, drawn, table[rows[:, -1:]])], 1)
        return rows.to(self.device)

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device, dtype=torch.bfloat16)


WHOLE = Size("cuda", 12, 768, 12, 50304, 512, 16, 100, "inductor")
SMALL = Size("cpu", 2, 32, 2, 64, 16, 4, 6, "eager")


def synchronize(size: Size) -> None:
    if size.device == "cuda":
        torch.cuda.synchronize()


def seconds_of(size: Size, work: Callable[[], object], times: int) -> float:
    """The median seconds of a call, the device waited for."""
    taken = []
    for _ in range(times):
        synchronize(size)
        begin = time.perf_counter()
        work()
        synchronize(size)
        taken.append(time.perf_counter() - begin)
    return median(taken)


def waits_of(size: Size, work: Callable[[], object]) -> list[str]:
    """Where a call waits for the device, if it does; none can on a CPU."""
    if size.device != "cuda":
        work()
        return []
    torch.cuda.set_sync_debug_mode("error")
    try:
        work()
    except RuntimeError as error:
        if "synchroniz" not in str(error):
            raise
        place = traceback.extract_tb(error.__traceback__)[-1]
        return [f"{Path(place.filename).name}:{place.lineno}"]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return []


def cuda_graph(size: Size) -> dict[str, Any]:
    """A replay of an optimizer's step with a schedule of the rate within it, or of the momentum too, and without."""
    if size.device != "cuda":
        return {"skipped": "a CUDA graph needs a CUDA device"}
    from cuda_graph import measured

    result: dict[str, Any] = {"wanted": "shares under 0.01"}
    for name, momentum in (("rate", False), ("momentum", True)):
        one, other = measured(124_000_000, 4, momentum)
        result |= {f"{name}_with_us": one, f"{name}_without_us": other, f"{name}_share": one / other - 1}
    return result


def updating(
    size: Size, model: GPT, data: torch.Tensor, optimizer: torch.optim.Optimizer
) -> Callable[[], torch.Tensor]:
    """An update by a plain loop, which gives its loss."""

    def update() -> torch.Tensor:
        with size.autocast():
            loss = next_token_loss(model, data[: size.batch])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()

    return update


def reads(size: Size) -> dict[str, Any]:
    """Calls of the scheduler, the guard and the monitor that wait for the device, of all; and the time of the looks."""
    model, data = size.model(), size.tokens(4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, fused=size.device == "cuda")
    scheduler = gs.torch.Scheduler(optimizer, gs.cosine() * gs.guard(), steps=10 * size.updates)
    guard = gs.torch.Guard(model, scheduler)
    rows: list[object] = []
    monitor = gs.torch.Monitor(model, optimizer, every=5, to=rows.append)
    update = updating(size, model, data, optimizer)

    def looked() -> None:
        loss = update()
        scheduler.step()
        guard.step(loss)

    looked()
    whole = seconds_of(size, looked, size.updates)

    def keep(losses: list[torch.Tensor]) -> None:
        losses.append(update())

    waits: dict[str, list[str]] = {"update": [], "scheduler": [], "guard": []}
    for _ in range(size.updates):
        losses: list[torch.Tensor] = []
        waits["update"] += waits_of(size, partial(keep, losses))
        waits["scheduler"] += waits_of(size, scheduler.step)
        loss = losses[-1] if losses else update()  # an update that waited gave none
        waits["guard"] += waits_of(size, partial(guard.step, loss))
    monitor.remove()
    return {"waits": {name: len(places) for name, places in waits.items()},
            "where": {name: sorted(set(places)) for name, places in waits.items()}, "calls": size.updates,
            "with_looks_s": whole, **bare_updates(size), "wanted": "0 waits"}  # fmt: skip


def bare_updates(size: Size) -> dict[str, float]:
    """The seconds of an update by a plain loop."""
    model, data = size.model(), size.tokens(4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, fused=size.device == "cuda")
    return {"update_s": seconds_of(size, updating(size, model, data, optimizer), size.updates)}


def compiled(size: Size) -> dict[str, Any]:
    """Recompilations of a compiled GPT while rate, beta and weight decay are scheduled, and of a compiled optimizer."""
    model, data = size.model(), size.tokens(4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=0.1)
    cycle = gs.one_cycle()
    scheduler = gs.torch.Scheduler(
        optimizer, cycle, steps=10 * size.updates, betas=(cycle.momentum(), None), weight_decay=gs.linear(final=0.5)
    )
    forward = torch.compile(model, backend=size.backend)

    def update(step: Callable[[], object]) -> None:
        with size.autocast():
            loss = next_token_loss(forward, data[: size.batch])
        loss.backward()
        step()
        optimizer.zero_grad()
        scheduler.step()

    update(optimizer.step)
    update(optimizer.step)
    before = counters["stats"]["unique_graphs"]
    taken = seconds_of(size, lambda: update(optimizer.step), size.updates)
    of_model = counters["stats"]["unique_graphs"] - before
    return {"parameters": sum(p.numel() for p in model.parameters()), "update_s": taken, "recompilations": of_model,
            "compiled_optimizer": compiled_optimizer(size), "wanted": "0 recompilations"}  # fmt: skip


def compiled_optimizer(size: Size) -> dict[str, Any]:
    """Recompilations of `optimizer.step`, compiled, with the rate and the betas as tensors."""
    model = size.model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, capturable=size.device == "cuda")
    cycle = gs.one_cycle()
    scheduler = gs.torch.Scheduler(optimizer, cycle, steps=10 * size.updates, betas=(cycle.momentum(), None))
    scheduler.to_tensors()
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    step = torch.compile(optimizer.step, backend=size.backend)

    def update() -> None:
        step()
        scheduler.step()

    update()
    update()
    before = counters["stats"]["unique_graphs"]
    taken = seconds_of(size, update, size.updates)
    return {"step_s": taken, "recompilations": counters["stats"]["unique_graphs"] - before}


def job_of(size: Size) -> Callable[[int], Any]:
    """A job of the GPT in bf16, on tokens that are on the device."""
    train, held = size.tokens(24), size.tokens(2)

    def job(seed: int) -> Any:
        torch.manual_seed(seed)
        model = size.model()
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
        return gs.torch.Job(
            model, optimizer, batch_loss=next_token_loss, autocast=torch.bfloat16, clip_norm=1.0,
            train_loader=DataLoader(list(train.cpu()), size.batch, shuffle=True),
            validation_loader=DataLoader(list(held.cpu()), size.batch),
        )  # fmt: skip

    return job


def state(size: Size) -> dict[str, Any]:
    """The time and the memory of a job's state and its restore, and by what share the losses after it differ."""
    job = job_of(size)(0)
    for _ in range(3):
        job.step(3e-4)
    if size.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        allocated = torch.cuda.memory_allocated()
    kept: list[Any] = []
    taken = seconds_of(size, lambda: kept.append(job.state()), 3)
    more = torch.cuda.max_memory_allocated() - allocated if size.device == "cuda" else None
    first = [float(job.step(3e-4)) for _ in range(3)]
    back = seconds_of(size, lambda: job.restore(kept[-1]), 3)
    again = [float(job.step(3e-4)) for _ in range(3)]
    differences = [abs(one / other - 1) for one, other in zip(first, again, strict=True)]
    return {"state_s": taken, "restore_s": back, "device_bytes_more": more, "losses_differ_by": differences}


def found(size: Size) -> dict[str, Any]:
    """A range test."""
    test = gs.find(job_of(size), steps=max(size.updates // 2, 20), sweeps=2, seed=0)
    return {"suggestion": test.suggestion, "largest_stable": test.largest_stable, "updates": test.updates}


def tuned(size: Size) -> dict[str, Any]:
    """A search within one full run."""
    result = gs.tune(job_of(size), max(2 * size.updates, 40), overhead=1, seed=0)
    return {"peak": result.peak, "final_loss": result.final_loss, "updates": result.search_updates}


PARTS = {part.__name__: part for part in (cuda_graph, reads, compiled, state, found, tuned)}


def measured(size: Size, names: list[str]) -> dict[str, Any]:
    """The result of each part, with its seconds."""
    begin, results = time.perf_counter(), {}
    for name in names:
        if time.perf_counter() - begin > LAST_BEGIN:
            results[name] = {"skipped": f"not begun after {LAST_BEGIN:g} s"}
            continue
        start = time.perf_counter()
        try:
            result = PARTS[name](copy.copy(size))
        except Exception as error:  # the other parts are still worth their time
            result = {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()[-2000:]}
        results[name] = {**result, "seconds": round(time.perf_counter() - start, 1)}
        print(f"{name}: {json.dumps({k: v for k, v in results[name].items() if k != 'traceback'})}", flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true", help="a small GPT on a CPU")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(PARTS))
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    options = parser.parse_args()
    if unknown := set(options.only) - PARTS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if not options.small and not torch.cuda.is_available():
        sys.exit("gpu: this benchmark needs a CUDA device, and torch sees none; --small runs it in small on a CPU")
    size = SMALL if options.small else WHOLE
    results = measured(size, options.only)
    options.out.write_text(json.dumps({**circumstances(), "small": options.small, "parts": results}, indent=1) + "\n")
    sys.exit(1 if any("error" in part for part in results.values()) else 0)


if __name__ == "__main__":
    main()
