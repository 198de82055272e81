"""A plain torch loop on a schedule, with checkpoints: the handwritten digits inside scikit-learn.

python examples/torch_loop.py
"""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import glideslope as gs

STEPS = 600

torch.manual_seed(0)
digits = load_digits()
parts = train_test_split(digits.data / 16, digits.target, test_size=0.2, random_state=0, stratify=digits.target)
train_x, validation_x = (torch.tensor(part, dtype=torch.float32) for part in parts[:2])
train_y, validation_y = (torch.tensor(part) for part in parts[2:])

model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.95)
cycle = gs.one_cycle()
scheduler = gs.torch.Scheduler(optimizer, cycle, steps=STEPS, momentum=cycle.momentum())

for step in range(STEPS):
    batch = torch.randint(len(train_x), (32,))
    loss = torch.nn.functional.cross_entropy(model(train_x[batch]), train_y[batch])
    optimizer.zero_grad()
    loss.backward()
    if step % 100 == 0:
        print(f"update {step}: rate {scheduler.get_last_lr()[0]:.3f}, loss {loss.item():.3f}")
    optimizer.step()
    scheduler.step()
    if step % 200 == 199:  # enough to go on from here
        checkpoint = {"model": model.state_dict(), "optimizer": optimizer.state_dict(),
                      "scheduler": scheduler.state_dict()}  # fmt: skip

accuracy = (model(validation_x).argmax(1) == validation_y).float().mean().item()
print(f"validation accuracy {accuracy:.3f}")
