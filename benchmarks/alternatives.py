"""The same work by other libraries: which rate a small network shall be trained with, and where it then ends.

    python benchmarks/alternatives.py [--seeds 3] [--steps 600]

The job is examples/digits.py: a network on handwritten digits, SGD with momentum. Each way has at most the updates
that stand beside it, and ends with a full run, annealed unless the way is to do without. Printed are means over
seeds of the updates before the full run and of its validation loss, with the least and the largest. A package that
isn't installed is named and left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import logging
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import nn

import glideslope as gs

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
import digits

LOW, HIGH = 1e-4, 3.0
USUAL = 0.1
"""The rate that a guess for SGD with momentum would be; the job's own."""
Way = Callable[[int, int], tuple[int, float]]
"""From a seed and the updates of a full run to the updates before it, and its validation loss."""


def trained(seed: int, rates: np.ndarray, optimizer: str | None = None) -> float:
    """The validation loss after a run at these rates."""
    job = digits.job(seed, optimizer)
    for rate in rates:
        job.step(float(rate))
    return float(job.evaluate())


def one_cycle(peak: float, steps: int) -> np.ndarray:
    """torch's OneCycleLR, by torch."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=steps, cycle_momentum=False)
    return np.array([_stepped(optimizer, scheduler) for _ in range(steps)])


def _stepped(optimizer: torch.optim.Optimizer, scheduler: torch.optim.lr_scheduler.LRScheduler) -> float:
    rate = optimizer.param_groups[0]["lr"]
    optimizer.step()
    if scheduler.last_epoch < scheduler.total_steps - 1:
        scheduler.step()
    return float(rate)


def guess(seed: int, steps: int) -> tuple[int, float]:
    return 0, trained(seed, one_cycle(USUAL, steps))


def constant(seed: int, steps: int) -> tuple[int, float]:
    return 0, trained(seed, np.full(steps, USUAL))


def lr_finder(seed: int, steps: int) -> tuple[int, float]:
    """The steepest point of a range test of 100 updates, as torch-lr-finder suggests it."""
    from torch_lr_finder import LRFinder

    job = digits.job(seed)
    optimizer = torch.optim.SGD(job.model.parameters(), lr=LOW, momentum=0.9)
    finder = LRFinder(job.model, optimizer, nn.CrossEntropyLoss())
    finder.range_test(job.train_loader, start_lr=LOW, end_lr=HIGH, num_iter=100)
    losses, rates = np.array(finder.history["loss"][10:-5]), finder.history["lr"][10:-5]
    return 100, trained(seed, one_cycle(float(rates[int(np.gradient(losses).argmin())]), steps))


def lightning_tuner(seed: int, steps: int) -> tuple[int, float]:
    """Lightning's Tuner.lr_find, its suggestion after 100 updates."""
    import lightning
    from lightning.pytorch.tuner import Tuner

    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    job = digits.job(seed)

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.lr = job.model, LOW

        def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=self.lr, momentum=0.9)

    trainer = lightning.Trainer(max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False,
                                enable_progress_bar=False, enable_model_summary=False)  # fmt: skip
    sweep = Tuner(trainer).lr_find(Module(), job.train_loader, min_lr=LOW, max_lr=HIGH, num_training=100)
    rate = sweep.suggestion() if sweep is not None else None
    return 100, trained(seed, one_cycle(USUAL if rate is None else float(rate), steps))


def fastai_finder(seed: int, steps: int) -> tuple[int, float]:
    """The valley of a range test of 100 updates, the suggestion that fastai's lr_find makes."""
    import fastai.callback.schedule  # noqa: F401  it gives Learner its lr_find
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    job = digits.job(seed)
    with TemporaryDirectory() as folder:
        learner = Learner(
            DataLoaders(job.train_loader, job.validation_loader), job.model, loss_func=nn.CrossEntropyLoss(),
            opt_func=partial(OptimWrapper, opt=torch.optim.SGD, momentum=0.9), path=folder,
        )  # fmt: skip
        with learner.no_bar(), learner.no_logging():
            rate = learner.lr_find(start_lr=LOW, end_lr=HIGH, num_it=100, show_plot=False).valley
    return 100, trained(seed, one_cycle(float(rate), steps))


def ours_find(seed: int, steps: int) -> tuple[int, float]:
    test = gs.find(digits.job, low=LOW, high=HIGH, seed=seed)
    return test.updates, trained(seed, one_cycle(test.suggestion, steps))


def optuna_tpe(seed: int, steps: int) -> tuple[int, float]:
    """Three full runs, the peak by Optuna's default sampler; the best is the answer."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))

    def objective(trial: optuna.Trial) -> float:
        return trained(seed, one_cycle(trial.suggest_float("peak", LOW, HIGH, log=True), steps))

    study.optimize(objective, n_trials=3)
    return 2 * steps, float(study.best_value)


def optuna_pruned(seed: int, steps: int) -> tuple[int, float]:
    """Ten trials, each stopped by successive halving unless it is good, with three full runs in all."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    left, best = [3 * steps], [np.inf]

    def objective(trial: optuna.Trial) -> float:
        job, rates = digits.job(seed), one_cycle(trial.suggest_float("peak", LOW, HIGH, log=True), steps)
        if left[0] < steps:
            trial.study.stop()
        for t, rate in enumerate(rates, start=1):
            left[0] -= 1
            job.step(float(rate))
            if t % (steps // 10) == 0 and t < steps:
                trial.report(float(job.evaluate()), t)
                if trial.should_prune():
                    raise optuna.TrialPruned
        best[0] = min(best[0], float(job.evaluate()))
        return best[0]

    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=steps // 10)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruner)
    study.optimize(objective, n_trials=30)
    return 2 * steps - left[0], float(best[0])


def ray_asha(seed: int, steps: int) -> tuple[int, float]:
    """Trials one after another, each stopped by ASHA unless it is good, and a full run at the best peak of them."""
    import ray
    from ray import tune

    part = steps // 10

    def trial(config: dict[str, float]) -> None:
        job = digits.job(seed)
        for t, rate in enumerate(one_cycle(config["peak"], steps), start=1):
            job.step(float(rate))
            if t % part == 0:
                tune.report({"loss": float(job.evaluate())})

    class Spent(tune.Stopper):
        """Stops the trials once the updates of two full runs are made."""

        def __init__(self) -> None:
            self.reports = 0

        def __call__(self, trial_id: str, result: dict[str, object]) -> bool:
            self.reports += 1
            return False

        def stop_all(self) -> bool:
            return self.reports * part >= 2 * steps

    spent = Spent()
    search = tune.TuneConfig(
        metric="loss", mode="min", num_samples=30, reuse_actors=True,
        scheduler=tune.schedulers.ASHAScheduler(max_t=10, grace_period=1),
        search_alg=tune.search.basic_variant.BasicVariantGenerator(random_state=seed, max_concurrent=1),
    )  # fmt: skip
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
             runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}})  # fmt: skip
    with TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        kept = tune.RunConfig(stop=spent, verbose=0, storage_path=folder)
        results = tune.Tuner(trial, param_space={"peak": tune.loguniform(LOW, HIGH)}, tune_config=search,
                             run_config=kept).fit()  # fmt: skip
    ray.shutdown()
    best = results.get_best_result()
    return spent.reports * part, trained(seed, one_cycle(best.config["peak"], steps))


def ours_tune(seed: int, steps: int) -> tuple[int, float]:
    tuned = gs.tune(digits.job, steps, overhead=2, seed=seed)
    return tuned.search_updates, tuned.final_loss


def schedule_free(seed: int, steps: int) -> tuple[int, float]:
    return 0, trained(seed, np.full(steps, USUAL), "schedule-free")


def prodigy(seed: int, steps: int) -> tuple[int, float]:
    """Prodigy finds its rate; the schedule is a cosine, as its authors advise."""
    return 0, trained(seed, gs.cosine().over(steps).sample(steps), "prodigy")


WAYS: tuple[tuple[str, Way, tuple[str, ...]], ...] = (
    ("a constant rate, guessed", constant, ()),
    ("torch's OneCycleLR at a guessed peak", guess, ()),
    ("torch-lr-finder, then OneCycleLR", lr_finder, ("torch_lr_finder",)),
    ("Lightning's Tuner.lr_find, then OneCycleLR", lightning_tuner, ("lightning",)),
    ("glideslope find, then OneCycleLR", ours_find, ()),
    ("fastai's lr_find, then OneCycleLR", fastai_finder, ("fastai",)),
    ("schedule-free, at a guessed rate", schedule_free, ("schedulefree",)),
    ("Prodigy with a cosine", prodigy, ("prodigyopt",)),
    ("Optuna, three full runs", optuna_tpe, ("optuna",)),
    ("Optuna with successive halving, three full runs in all", optuna_pruned, ("optuna",)),
    ("Ray Tune with ASHA, three full runs in all", ray_asha, ("ray", "pandas", "pyarrow", "tensorboardX")),
    ("glideslope tune, three full runs in all", ours_tune, ()),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--only", default="", help="the ways with this in their name")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    print("| way | updates before the full run | validation loss | least to largest |\n|---|---|---|---|")
    for name, way, packages in WAYS:
        if options.only not in name:
            continue
        if missing := [package for package in packages if importlib.util.find_spec(package) is None]:
            print(f"| {name} | not run: {', '.join(missing)} isn't installed | | |", flush=True)
            continue
        updates, losses = zip(*(way(seed, options.steps) for seed in range(options.seeds)), strict=True)
        spread = f"{min(losses):.4f} to {max(losses):.4f}"
        print(f"| {name} | {mean(updates):.0f} | {mean(losses):.4f} | {spread} |", flush=True)


if __name__ == "__main__":
    main()
