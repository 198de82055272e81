"""A training with Accelerate, with accumulation and clipping: the handwritten digits inside scikit-learn.

glideslope tune examples/accelerate_job.py:job --steps 500
accelerate launch examples/accelerate_job.py      # on any number of processes: each trial is of all of them
"""

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

import glideslope as gs

accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
digits = load_digits()
parts = train_test_split(digits.data / 16, digits.target, test_size=0.2, random_state=0, stratify=digits.target)
train_x, validation_x = (torch.tensor(part, dtype=torch.float32) for part in parts[:2])
train_y, validation_y = (torch.tensor(part) for part in parts[2:])


def job(seed):
    set_seed(seed)
    model = torch.nn.Sequential(
        torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(64, 10)
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    train_loader = DataLoader(TensorDataset(train_x, train_y), batch_size=16, shuffle=True)
    validation_loader = DataLoader(TensorDataset(validation_x, validation_y), batch_size=64)
    prepared = accelerator.prepare(model, optimizer, train_loader, validation_loader)
    model, optimizer, train_loader, validation_loader = prepared
    loss = torch.nn.functional.cross_entropy
    return gs.accelerate.Job(accelerator, model, optimizer, loss, train_loader, validation_loader, clip_norm=1.0)


if __name__ == "__main__":
    tuned = gs.tune(job, steps=200, seed=0)
    accelerator.print(f"{tuned.schedule} at {tuned.peak:.2g}: validation loss {tuned.final_loss:.3f}")
