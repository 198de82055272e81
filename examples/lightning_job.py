"""A LightningModule, with accumulation and clipping: the handwritten digits inside scikit-learn.

glideslope tune examples/lightning_job.py:job --steps 500
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
        self.net = torch.nn.Sequential(
            torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(64, 10)
        )

    def training_step(self, batch, batch_idx):
        inputs, targets = batch
        loss = torch.nn.functional.cross_entropy(self.net(inputs), targets)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        inputs, targets = batch
        outputs = self.net(inputs)
        self.log("val_accuracy", (outputs.argmax(1) == targets).float().mean())
        return torch.nn.functional.cross_entropy(outputs, targets)

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-2)


class DigitsData(lightning.LightningDataModule):
    def setup(self, stage):
        digits = load_digits()
        parts = train_test_split(digits.data / 16, digits.target, test_size=0.2, random_state=0, stratify=digits.target)
        inputs = [torch.tensor(part, dtype=torch.float32) for part in parts[:2]]
        targets = [torch.tensor(part) for part in parts[2:]]
        self.train, self.validation = map(TensorDataset, inputs, targets)

    def train_dataloader(self):
        return DataLoader(self.train, batch_size=16, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.validation, batch_size=64)


def trainer(**options):
    return lightning.Trainer(accelerator="cpu", gradient_clip_val=1.0, accumulate_grad_batches=2, logger=False,
                             enable_checkpointing=False, enable_progress_bar=False, **options)  # fmt: skip


def job(seed: int) -> gs.lightning.Job:
    lightning.seed_everything(seed, verbose=False)
    return gs.lightning.Job(Digits(), DigitsData(), trainer(max_epochs=1))
