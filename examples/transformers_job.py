"""A small GPT trained by the Hugging Face Trainer on the documentation strings of Python's own standard library.

Random weights, a byte a token. Modules in alphabetical order, the last tenth of the text held out.

    glideslope tune examples/transformers_job.py:job --steps 300
"""

import ast
import sysconfig
import tempfile
from functools import cache
from pathlib import Path

from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments, set_seed

import glideslope as gs

LENGTH = 32


@cache
def sequences() -> list[dict[str, list[int]]]:
    """The text in pieces of equal length; read, not imported."""
    strings = []
    for file in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("[a-d]*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        strings += [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)]
    text = list("\n".join(filter(None, strings)).encode("ascii", "ignore"))
    pieces = [text[i : i + LENGTH] for i in range(0, len(text) - LENGTH, LENGTH)]
    return [{"input_ids": piece, "labels": piece} for piece in pieces]


def trainer(seed: int, **options: object) -> Trainer:
    set_seed(seed)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=128, n_positions=LENGTH, n_embd=32, n_layer=2, n_head=2))
    pieces = sequences()
    cut = len(pieces) * 9 // 10
    arguments = {
        "output_dir": tempfile.gettempdir(), "seed": seed, "per_device_train_batch_size": 8, "weight_decay": 0.1,
        "gradient_accumulation_steps": 2, "max_grad_norm": 1.0, "label_smoothing_factor": 0.1, "bf16": True,
        "use_cpu": True, "report_to": [], "per_device_eval_batch_size": 64, "save_strategy": "no",
    }  # fmt: skip
    return Trainer(model, TrainingArguments(**{**arguments, **options}), train_dataset=pieces[:cut],
                   eval_dataset=pieces[cut::4])  # fmt: skip


def job(seed: int) -> gs.transformers.Job:
    return gs.transformers.Job(trainer(seed))
