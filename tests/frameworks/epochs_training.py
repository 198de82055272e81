"""A training for torchrun: `epochs_training.py FILE KIND`; writes the rates of a schedule in epochs.

80 examples in batches of 4 for each of two processes, two micro-batches to an update: 4 epochs of 5 updates.
"""

import json
import os
import sys
from pathlib import Path

import torch

import glideslope as gs

EXAMPLES = torch.randn(80, 3, generator=torch.Generator().manual_seed(0))
SCHEDULE = "warmup(1ep) >> cosine"


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)

    def forward(self, x, labels=None):
        return {"loss": self.layer(x).square().mean()}


def of_transformers(folder):
    from transformers import Trainer, TrainerCallback, TrainingArguments

    rates = []

    class Rates(TrainerCallback):
        def on_optimizer_step(self, args, state, control, **objects):
            rates.append(objects["optimizer"].param_groups[0]["lr"])

    arguments = TrainingArguments(
        output_dir=folder, per_device_train_batch_size=4, gradient_accumulation_steps=2, num_train_epochs=4,
        learning_rate=1.0, optim="sgd", report_to=[], disable_tqdm=True, use_cpu=True, save_strategy="no",
    )  # fmt: skip
    data = [{"x": x, "labels": x.sum()} for x in EXAMPLES]
    Trainer(Net(), arguments, train_dataset=data, callbacks=[gs.transformers.Callback(SCHEDULE), Rates()]).train()
    return rates


def of_lightning(folder):
    import lightning
    from torch.utils.data import DataLoader, TensorDataset

    rates = []

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = Net()

        def training_step(self, batch, _):
            return self.net(batch[0])["loss"]

        def configure_optimizers(self):
            optimizer = torch.optim.SGD(self.parameters(), lr=1.0)
            optimizer.register_step_pre_hook(lambda own, *_: rates.append(own.param_groups[0]["lr"]))
            return gs.lightning.scheduled(self, optimizer, SCHEDULE)

    trainer = lightning.Trainer(
        accelerator="cpu", devices=2, strategy="ddp", accumulate_grad_batches=2, max_epochs=4, logger=False,
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False, default_root_dir=folder,
    )  # fmt: skip
    trainer.fit(Module(), DataLoader(TensorDataset(EXAMPLES), batch_size=4))
    return rates


def main(file, kind):
    rates = {"transformers": of_transformers, "lightning": of_lightning}[kind](Path(file).parent)
    if int(os.environ["RANK"]) == 0:
        Path(file).write_text(json.dumps(rates))
    torch.distributed.barrier()
    os._exit(0)  # gloo's threads hang now and then when the interpreter takes them down


if __name__ == "__main__":
    main(*sys.argv[1:])
