"""Tune on three larger trainings on a GPU, over the best of a sweep of 24 settings of each.

    python benchmarks/larger.py [--steps 1000] [--jobs a,b] [--workers 8] [--out FILE.json]
    python benchmarks/larger.py --small      # on a CPU, to see that it runs: no figures

A GPT of 11 million parameters on the sources of Python's standard library with AdamW in bfloat16, a residual network of
2.8 million with batch normalization and momentum, and a vision transformer of 4.8 million with AdamW, both on made
images. Searches within one full run and two, and four schedules at six peaks, each a task of its own on the same GPU.
With `--out` it goes on where it was interrupted, and prints the trainings whose tasks are all done.
"""

from __future__ import annotations

import argparse
import json
import sys
import sysconfig
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

import torch
from gpt import GPT, next_token_loss
from torch import nn
from torch.nn import functional

import glideslope as gs
from glideslope.files import write_atomically

BOUNDS = (1.0, 2.0)
SCHEDULES = ("one_cycle()", "linear()", "warmup(5%) >> cosine()", "warmup(5%) >> hold() >> cooldown(20%)")
PEAKS = 6
SEED = 0
KINDS = 8  # of images


@dataclass(frozen=True)
class Size:
    """Where trainings are made, and by what their widths and batches are divided."""

    device: str
    less: int

    def autocast(self) -> torch.dtype | None:
        return torch.bfloat16 if self.device == "cuda" else None


class Rows:
    """Whole batches of rows on a device, in a new order each epoch."""

    def __init__(self, tensors: tuple[torch.Tensor, ...], batch: int) -> None:
        self.tensors, self.batch = tensors, batch

    def __iter__(self) -> Any:
        order = torch.randperm(len(self.tensors[0])).to(self.tensors[0].device)
        for rows in order.split(self.batch)[: len(self)]:
            yield tuple(tensor[rows] for tensor in self.tensors) if len(self.tensors) > 1 else self.tensors[0][rows]

    def __len__(self) -> int:
        return len(self.tensors[0]) // self.batch


@cache
def sources(length: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows of the sources of the standard library as bytes, (n, length + 1): for training, and of later modules."""
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    text = b"\n".join(file.read_bytes() for file in files)
    rows = torch.frombuffer(bytearray(text), dtype=torch.uint8).long().unfold(0, length + 1, length).contiguous()
    cut = len(rows) * 19 // 20
    return rows[:cut].to(device), rows[cut:][:128].to(device)


@cache
def images(n: int, device: str) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]:
    """Noisy images of 32 x 32 in which stripes of a kind of direction lie in a patch, and the kind; 1,000 of the n for
    validation."""
    generator = torch.Generator().manual_seed(5)
    kinds = torch.randint(KINDS, (n,), generator=generator)
    period, phase, x, y = torch.rand(4, n, 1, 1, generator=generator)
    line = torch.arange(32.0)
    angle = (kinds * torch.pi / KINDS)[:, None, None]
    along = line[:, None] * angle.cos() + line * angle.sin()
    patch = torch.exp(-((line[:, None] - 6 - 20 * x) ** 2 + (line - 6 - 20 * y) ** 2) / 50)
    drawn = patch * torch.sin(along * (0.8 + 0.6 * period) + 6.3 * phase)
    noisy = (drawn + 0.8 * torch.randn(n, 32, 32, generator=generator))[:, None]
    parts = noisy.to(device), kinds.to(device)
    return tuple(part[1000:] for part in parts), tuple(part[:1000] for part in parts)


def gpt(seed: int, size: Size) -> gs.torch.Job:
    """A GPT on bytes of sources."""
    length = 256 // size.less
    train, validation = sources(length, size.device)
    torch.manual_seed(seed)
    model = GPT(6, 384 // size.less, 6, 256, length).to(size.device)
    return gs.torch.Job(
        model, torch.optim.AdamW(model.parameters(), weight_decay=0.1), batch_loss=next_token_loss,
        train_loader=Rows((train,), 32), validation_loader=[validation], autocast=size.autocast(), clip_norm=1.0,
    )  # fmt: skip


class Bottleneck(nn.Module):
    """Two convolutions with batch normalization, added to what comes in."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width),
        )  # fmt: skip
        self.past = nn.Identity() if stride == 1 else nn.Conv2d(before, width, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.past(x) + self.layers(x))


def residual(seed: int, size: Size) -> gs.torch.Job:
    """Six residual blocks with batch normalization; momentum."""
    torch.manual_seed(seed)
    width = 64 // size.less
    blocks = [Bottleneck(width * before, width * after, 1 if before == after else 2)
              for before, after in ((1, 1), (1, 1), (1, 2), (2, 2), (2, 4), (4, 4))]  # fmt: skip
    model = nn.Sequential(
        nn.Conv2d(1, width, 3, 1, 1), nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4 * width, KINDS),
    ).to(size.device)  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    return _of_images(model, optimizer, size)


class Transformer(nn.Module):
    """Patches of 4 x 4 to tokens, six layers before a mean."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, width, 4, 4)
        self.places = nn.Parameter(0.02 * torch.randn(64, width))
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 6, enable_nested_tensor=False)
        self.out = nn.Linear(width, KINDS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.places
        out: torch.Tensor = self.out(self.layers(tokens).mean(1))
        return out


def transformer(seed: int, size: Size) -> gs.torch.Job:
    """A vision transformer; AdamW."""
    torch.manual_seed(seed)
    model = Transformer(256 // size.less).to(size.device)
    return _of_images(model, torch.optim.AdamW(model.parameters(), weight_decay=0.05), size)


def _of_images(model: nn.Module, optimizer: torch.optim.Optimizer, size: Size) -> gs.torch.Job:
    train, validation = images(25_000 // size.less, size.device)
    return gs.torch.Job(model, optimizer, functional.cross_entropy, Rows(train, 128 // size.less), [validation],
                        autocast=size.autocast())  # fmt: skip


LOWEST: dict[str, float] = {"gpt": 2e-4, "residual": 0.01, "transformer": 5e-5}
"""The trainings, and the least peaks of their sweeps, each 2.5 times the one before."""
MAKERS: dict[str, Callable[[int, Size], gs.torch.Job]] = {"gpt": gpt, "residual": residual, "transformer": transformer}


def task(name: str, setting: str, size: Size, steps: int) -> dict[str, Any]:
    """A search within a bound, or a run of a setting of the sweep."""
    torch.set_num_threads(1)

    def make(seed: int) -> gs.torch.Job:
        return MAKERS[name](seed, size)

    if not setting.startswith("within "):
        schedule, peak = setting.rsplit(" at ", 1)
        raced = gs.race(make, [schedule], steps, [float(peak)], evaluations=1, seed=SEED)
        return {"loss": next((one.mean for one in raced.standings if one.contestant.peak == float(peak)), None)}
    try:
        tuned = gs.tune(make, steps, overhead=float(setting.split()[1]), seed=SEED)
    except gs.NothingLearnedError as error:
        tuned = cast("gs.Tuned", error.tuned)
    runs = [f"{run.contestant}, {run.steps} updates: {run.final_loss:.4g}" for run in (*tuned.candidates, *tuned.full)]
    return {"loss": tuned.final_loss, "answer": str(tuned.final.contestant), "updates": tuned.search_updates,
            "runs": runs}  # fmt: skip


def settings(name: str) -> list[str]:
    """The tasks of a training, the longest first."""
    peaks = [LOWEST[name] * 2.5**i for i in range(PEAKS)]
    return [f"within {bound:g}" for bound in reversed(BOUNDS)] + [f"{s} at {p:.6g}" for s in SCHEDULES for p in peaks]


def show(name: str, done: dict[str, Any]) -> None:
    """Prints the searches of a training over its best setting, if all of the tasks are done."""
    losses = {setting: done.get(f"{name}, {setting}", {}).get("loss") for setting in settings(name)}
    sweep = {setting: loss for setting, loss in losses.items() if loss is not None and not setting.startswith("within")}
    if any(f"{name}, {setting}" not in done for setting in losses):
        print(f"{name}: {sum(f'{name}, {setting}' in done for setting in losses)} of {len(losses)} tasks done")
        return
    best = min(sweep, key=sweep.__getitem__)
    for setting in sorted(losses.keys() - sweep.keys()):
        if (one := done[f"{name}, {setting}"]).get("answer"):
            ratio = one["loss"] / sweep[best]
            print(f"{name}, {setting}: {one['loss']:.4f}, {ratio:.3f} of {sweep[best]:.4f} by {best}; {one['answer']}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--jobs", type=lambda text: text.split(","), default=list(LOWEST))
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--small", action="store_true", help="small networks on a CPU")
    parser.add_argument("--out", type=Path, help="a JSON file of all results")
    options = parser.parse_args()
    if not options.small and not torch.cuda.is_available():
        sys.exit("larger: this benchmark needs a CUDA device, and torch sees none; --small runs it in small on a CPU")
    size = Size("cpu", 8) if options.small else Size("cuda", 1)
    done = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    waiting = [(name, setting) for name in options.jobs for setting in settings(name)]
    waiting.sort(key=lambda one: not one[1].startswith("within"))
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        tasks = {pool.submit(task, name, setting, size, options.steps): f"{name}, {setting}"
                 for name, setting in waiting if f"{name}, {setting}" not in done}  # fmt: skip
        for future in as_completed(tasks):
            done[tasks[future]] = future.result()
            print(tasks[future], json.dumps(done[tasks[future]]), flush=True)
            if options.out:
                write_atomically(options.out, json.dumps(done, indent=1).encode())
    for name in options.jobs:
        show(name, done)


if __name__ == "__main__":
    main()
