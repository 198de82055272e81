"""A network trained as large ones are: bfloat16, gradients of four batches in an update, and their norm clipped.

What a loop of your own does in each update, the last lines say in the arguments of a job.

    glideslope tune examples/mixed_precision.py:job --steps 600
"""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader

import glideslope as gs


def examples() -> tuple[list[dict[str, torch.Tensor]], ...]:
    """The handwritten digits inside scikit-learn as examples with names, a fifth of them held out."""
    images, labels = load_digits(return_X_y=True)
    everything = [
        {"pixels": torch.tensor(image / 16, dtype=torch.float32), "label": torch.tensor(label)}
        for image, label in zip(images, labels, strict=True)
    ]
    return tuple(train_test_split(everything, test_size=0.2, random_state=0, stratify=labels))


def network() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3, padding=1), nn.GELU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(256, 64), nn.GELU(), nn.Dropout(0.2), nn.Linear(64, 10),
    )  # fmt: skip


def correct(model: nn.Module, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, int]:
    """How many of a batch are classified rightly, and how many there are."""
    return (model(batch["pixels"]).argmax(1) == batch["label"]).sum(), len(batch["label"])


def job(seed: int) -> gs.torch.Job:
    torch.manual_seed(seed)
    model = network()
    train, validation = examples()
    return gs.torch.Job(
        model,
        torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01),
        batch_loss=lambda model, batch: nn.functional.cross_entropy(model(batch["pixels"]), batch["label"]),
        train_loader=DataLoader(train, batch_size=16, shuffle=True),
        validation_loader=DataLoader(validation, batch_size=360),
        metric=correct,
        maximize=True,
        clip_norm=1.0,
        autocast=torch.bfloat16,
        accumulate=4,
    )
