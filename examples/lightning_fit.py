"""A Lightning training on a schedule: the handwritten digits inside scikit-learn.

python examples/lightning_fit.py
"""

import lightning
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

import glideslope as gs


class Digits(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))

    def training_step(self, batch, _):
        inputs, targets = batch
        return torch.nn.functional.cross_entropy(self.net(inputs), targets)

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=1e-2)
        return gs.lightning.scheduled(self, optimizer, "warmup(5%) >> hold() >> cooldown(30%, shape=sqrt)")


lightning.seed_everything(0)
digits = load_digits()
parts = train_test_split(digits.data / 16, digits.target, test_size=0.2, random_state=0, stratify=digits.target)
train_x, validation_x = (torch.tensor(part, dtype=torch.float32) for part in parts[:2])
train_y, validation_y = (torch.tensor(part) for part in parts[2:])

module = Digits()
trainer = lightning.Trainer(max_epochs=12, accelerator="cpu", logger=False, enable_checkpointing=False)
trainer.fit(module, DataLoader(TensorDataset(train_x, train_y), batch_size=32, shuffle=True))
accuracy = (module.net(validation_x).argmax(1) == validation_y).float().mean().item()
print(f"validation accuracy {accuracy:.3f}")
