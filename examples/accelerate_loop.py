"""A loop with Accelerate, with gradient accumulation: the handwritten digits inside scikit-learn.

accelerate launch examples/accelerate_loop.py     # on any number of processes: the schedule counts updates
"""

import torch
from accelerate import Accelerator
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

import glideslope as gs

EPOCHS, ACCUMULATED = 20, 2

torch.manual_seed(0)
digits = load_digits()
parts = train_test_split(digits.data / 16, digits.target, test_size=0.2, random_state=0, stratify=digits.target)
train_x, validation_x = (torch.tensor(part, dtype=torch.float32) for part in parts[:2])
train_y, validation_y = (torch.tensor(part) for part in parts[2:])

accelerator = Accelerator(cpu=True, gradient_accumulation_steps=ACCUMULATED)
model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
loader = DataLoader(TensorDataset(train_x, train_y), batch_size=16, shuffle=True)
model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
clock = gs.Clock(steps_per_epoch=len(loader) / ACCUMULATED)
scheduler = gs.torch.Scheduler(optimizer, "warmup(1ep) >> cosine", steps=f"{EPOCHS}ep", clock=clock)
scheduler = accelerator.prepare(scheduler)

for _ in range(EPOCHS):
    for inputs, targets in loader:
        with accelerator.accumulate(model):
            accelerator.backward(torch.nn.functional.cross_entropy(model(inputs), targets))
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()

accuracy = (model(validation_x).argmax(1) == validation_y).float().mean().item()
accelerator.print(f"rate {scheduler.get_last_lr()[0]:.2g}, validation accuracy {accuracy:.3f}")
