"""Documentation strings of Python's standard library, character by character."""

from __future__ import annotations

import torch
from torch import nn

import glideslope as gs
from jobs.data import characters, training
from jobs.parts import Block, Recurrent, token_loss
from jobs.registry import small_training


class Tokens(nn.Module):
    """Characters and their positions as vectors."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.characters = nn.Embedding(128, width)
        self.positions = nn.Parameter(0.02 * torch.randn(length, width))
        nn.init.normal_(self.characters.weight, std=0.02)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        return self.characters(codes) + self.positions


@small_training("text", "AdamW", centre=8e-3)
def text_gpt(seed: int) -> gs.torch.Job:
    """A small GPT; AdamW with the second beta of language models."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        Tokens(32, 32), Block(32, 4, causal=True), Block(32, 4, causal=True), nn.LayerNorm(32), nn.Linear(32, 128)
    )
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.1)
    return training(model, optimizer, token_loss, characters(32), 8)


@small_training("text", "RMSprop", centre=0.01)
def text_lstm(seed: int) -> gs.torch.Job:
    """An LSTM; RMSprop."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Embedding(128, 24), Recurrent(nn.LSTM(24, 64, batch_first=True)), nn.Linear(64, 128))
    return training(model, torch.optim.RMSprop(model.parameters()), token_loss, characters(16), 16)


@small_training("text", "Muon", centre=0.04)
def text_muon(seed: int) -> gs.torch.Job:
    """Twelve characters predict the next one, with matrices only; Muon."""
    torch.manual_seed(seed)
    (train, _), (validation, _) = characters(13)
    model = nn.Sequential(
        nn.Embedding(128, 16), nn.Flatten(), nn.Linear(192, 96, bias=False), nn.ReLU(),
        nn.Linear(96, 128, bias=False),
    )  # fmt: skip
    parts = (train[:, :-1], train[:, -1]), (validation[:, :-1], validation[:, -1])
    return training(model, torch.optim.Muon(model.parameters()), nn.CrossEntropyLoss(), parts, 64)
