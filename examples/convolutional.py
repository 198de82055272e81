"""A convolutional network with momentum and weight decay on the handwritten digits inside scikit-learn.

glideslope tune examples/convolutional.py:job --steps 1000
"""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import glideslope as gs


def job(seed: int) -> gs.torch.Job:
    torch.manual_seed(seed)
    digits = load_digits()
    parts = train_test_split(digits.images / 16, digits.target, test_size=0.25, random_state=1, stratify=digits.target)
    train_x, validation_x = (torch.tensor(part, dtype=torch.float32).unsqueeze(1) for part in parts[:2])
    train_y, validation_y = (torch.tensor(part) for part in parts[2:])
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(32, 10),
    )  # fmt: skip
    return gs.torch.Job(
        model,
        torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4),
        nn.CrossEntropyLoss(),
        DataLoader(TensorDataset(train_x, train_y), batch_size=64, shuffle=True),
        DataLoader(TensorDataset(validation_x, validation_y), batch_size=450),
    )
