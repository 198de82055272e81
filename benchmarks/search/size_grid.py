"""How small GPTs of three sizes end at each batch size, peak rate and number of tokens: the judge of `laws.fit_table`.

    python benchmarks/search/size_grid.py

The source text of Python's standard library, character by character, each window of 64 seen once; the last tenth held
out. A run warms up over a twentieth, holds its rate and cools down linearly over the last 30%; at half of the tokens a
branch of it does so. Killed and started again, it goes on; at the end it writes tables/size_grid.csv, whose columns are
params (without embeddings), tokens, batch (tokens in an update), peak_lr and loss, infinite where a run diverged.
"""

from __future__ import annotations

import copy
import csv
import json
import math
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch
from jobs.parts import Block, token_loss
from torch import nn

CONTEXT, TOKENS = 64, 1_048_576
SIZES = ((32, 2), (48, 3), (80, 4))
"""Width and blocks."""
BATCHES = (4, 8, 16, 32)
"""Windows in an update."""
PEAKS = tuple(1e-3 * 2**k for k in range(7))
COOLDOWN, WARMUP = 0.3, 0.05
RESULTS = Path(__file__).parents[2] / "build" / "size_grid.jsonl"
TABLE = Path(__file__).parent / "tables" / "size_grid.csv"


@cache
def text() -> tuple[torch.Tensor, torch.Tensor]:
    """Windows for training, in random order, and for validation, each of a character more than the context."""
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    characters = b"\n".join(file.read_bytes() for file in files).decode("utf-8", "ignore").encode("ascii", "ignore")
    windows = torch.tensor(list(characters)).unfold(0, CONTEXT + 1, CONTEXT)
    cut = len(windows) * 9 // 10
    order = torch.randperm(cut, generator=torch.Generator().manual_seed(0))
    return windows[:cut][order], windows[cut:][:: (len(windows) - cut) // 512]


class Gpt(nn.Module):
    """A causal transformer of characters."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.characters, self.positions = nn.Embedding(128, width), nn.Parameter(0.02 * torch.randn(CONTEXT, width))
        nn.init.normal_(self.characters.weight, std=0.02)
        self.blocks = nn.Sequential(*(Block(width, width // 16, causal=True) for _ in range(blocks)))
        self.end = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 128))

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        return self.end(self.blocks(self.characters(codes) + self.positions))


def ends(size: tuple[int, int], batch: int, peak: float) -> Iterator[dict[str, float]]:
    """The rows of a run and of its branch."""
    torch.manual_seed(0)
    model = Gpt(*size)
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    params = sum(p.numel() for p in model.blocks.parameters())
    steps = TOKENS // (batch * CONTEXT)
    branch_at = int(steps / 2 * (1 - COOLDOWN))
    for tokens, run in ((TOKENS / 2, (0, branch_at, steps // 2)), (TOKENS, (branch_at, int(steps * 0.7), steps))):
        trained(model, optimizer, batch, peak, range(run[0], run[1]), steps, run[1])
        kept = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
        trained(model, optimizer, batch, peak, range(run[1], run[2]), steps, run[1])
        with torch.no_grad():
            loss = float(token_loss(model(text()[1][:, :-1]), text()[1][:, 1:]))
        yield {"params": params, "tokens": tokens, "batch": batch * CONTEXT, "peak_lr": peak,
               "loss": round(loss, 5) if math.isfinite(loss) else math.inf}  # fmt: skip
        model.load_state_dict(kept[0])
        optimizer.load_state_dict(kept[1])


def trained(
    model: nn.Module, optimizer: torch.optim.Optimizer, batch: int, peak: float, part: range, steps: int, fall: int
) -> None:
    """Makes the updates of a part of a run; from `fall` on, the rate goes down to 0 at the part's end."""
    for step in part:
        rate = min(1.0, (step + 1) / (WARMUP * steps))
        rate *= 1.0 if step < fall else (part.stop - step) / (part.stop - fall)
        optimizer.param_groups[0]["lr"] = peak * rate
        windows = text()[0][step * batch : (step + 1) * batch]
        loss = token_loss(model(windows[:, :-1]), windows[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main() -> None:
    torch.set_num_threads(1)
    RESULTS.parent.mkdir(exist_ok=True)
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    done = {tuple(json.loads(line)["of"]): json.loads(line)["rows"] for line in lines}
    runs = [(width, blocks, batch, peak) for width, blocks in SIZES for batch in BATCHES for peak in PEAKS]
    for run in runs:
        if run not in done:
            done[run] = list(ends(run[:2], *run[2:]))
            with RESULTS.open("a") as file:
                file.write(json.dumps({"of": run, "rows": done[run]}) + "\n")
    with TABLE.open("w", newline="") as file:
        table = csv.DictWriter(file, ("params", "tokens", "batch", "peak_lr", "loss"))
        table.writeheader()
        table.writerows(row for run in runs for row in done[run])


if __name__ == "__main__":
    main()
