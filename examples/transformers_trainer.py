"""A small transformer trained by the Hugging Face Trainer on a schedule: handwritten digits, a row of pixels a token.

python examples/transformers_trainer.py
"""

import tempfile

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from transformers import BertConfig, BertModel, Trainer, TrainingArguments

import glideslope as gs

torch.manual_seed(0)
digits = load_digits()
parts = train_test_split(digits.images / 16, digits.target, test_size=0.2, random_state=0, stratify=digits.target)
train_x, validation_x = (torch.tensor(part, dtype=torch.float32) for part in parts[:2])
train_y, validation_y = (torch.tensor(part) for part in parts[2:])


class Rows(torch.nn.Module):
    def __init__(self):
        super().__init__()
        config = BertConfig(vocab_size=1, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                            intermediate_size=64, max_position_embeddings=8)  # fmt: skip
        self.embed, self.encoder = torch.nn.Linear(8, 32), BertModel(config)
        self.head = torch.nn.Linear(32, 10)

    def forward(self, rows, labels=None):
        logits = self.head(self.encoder(inputs_embeds=self.embed(rows)).last_hidden_state.mean(1))
        loss = None if labels is None else torch.nn.functional.cross_entropy(logits, labels)
        return {"loss": loss, "logits": logits}


model = Rows()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
scheduler = gs.torch.Scheduler(optimizer, "warmup(10%) >> cosine", steps=450)
with tempfile.TemporaryDirectory() as folder:
    arguments = TrainingArguments(folder, max_steps=450, per_device_train_batch_size=32, logging_steps=90,
                                  save_strategy="no", report_to=[], use_cpu=True)  # fmt: skip
    data = [{"rows": rows, "labels": label} for rows, label in zip(train_x, train_y, strict=True)]
    Trainer(model, arguments, train_dataset=data, optimizers=(optimizer, scheduler)).train()
model.eval()
accuracy = (model(validation_x)["logits"].argmax(1) == validation_y).float().mean().item()
print(f"validation accuracy {accuracy:.3f}")
