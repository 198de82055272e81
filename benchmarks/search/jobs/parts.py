"""Parts of networks and losses that several small trainings have."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """A transformer block that normalizes before attention and before its two layers of ReLU."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.norm_attention, self.norm_layers = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.layers = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        projected = self.queries_keys_values(self.norm_attention(x)).view(batch, length, 3, self.heads, -1)
        queries, keys, values = projected.permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(queries, keys, values, is_causal=self.causal)
        x = x + self.output(attended.transpose(1, 2).reshape(batch, length, width))
        return x + self.layers(self.norm_layers(x))


class Residual(nn.Module):
    """x + layers(x)."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


class Recurrent(nn.Module):
    """An LSTM or GRU layer, of which the outputs are kept and the state isn't."""

    def __init__(self, layer: nn.LSTM | nn.GRU, last: bool = False) -> None:
        super().__init__()
        self.layer, self.last = layer, last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.layer(x)[0]
        return outputs[:, -1] if self.last else outputs


def noise(like: torch.Tensor, training: bool) -> torch.Tensor:
    """Standard normal numbers; always the same ones for validation."""
    return torch.randn(like.shape, generator=None if training else torch.Generator().manual_seed(0))


def token_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The cross-entropy of each token, (batch, length, vocabulary) and (batch, length), in the mean."""
    return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def mean_output(outputs: torch.Tensor, _: Any) -> torch.Tensor:
    """The mean of a network's outputs, where they are losses already."""
    return outputs.mean()
