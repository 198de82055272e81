"""A small network on the handwritten digits inside scikit-learn, a fifth of them held out.

glideslope tune examples/digits.py:job --steps 1500
"""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import glideslope as gs


def job(seed: int, optimizer: str | None = None) -> gs.torch.Job:
    torch.manual_seed(seed)
    digits = load_digits()
    parts = train_test_split(digits.data / 16, digits.target, test_size=0.2, random_state=0, stratify=digits.target)
    train_x, validation_x = (torch.tensor(part, dtype=torch.float32) for part in parts[:2])
    train_y, validation_y = (torch.tensor(part) for part in parts[2:])
    model = nn.Sequential(
        nn.Dropout(0.2),
        nn.Linear(64, 128),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    return gs.torch.Job(
        model,
        gs.torch.automatic(optimizer or "momentum", model.parameters(), lr=0.1),
        nn.CrossEntropyLoss(),
        DataLoader(TensorDataset(train_x, train_y), batch_size=32, shuffle=True),
        DataLoader(TensorDataset(validation_x, validation_y), batch_size=360),
    )
