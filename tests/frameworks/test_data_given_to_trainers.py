"""Data that a user gives to the jobs of trainers: a loader that fails is named, and one that can't be read refused."""

import traceback

import lightning
import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset, Sampler, TensorDataset

import glideslope as gs

from . import test_accelerate_job
from .test_given_to_trainers import _alone  # noqa: F401
from .test_lightning_job import INPUTS, QUIET, TARGETS, Module
from .test_transformers_job import trainer_of

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers:", "ignore:.*treespec, LeafSpec")


class Failing(Dataset):
    """Data whose tenth example fails."""

    def __init__(self, error, form=lambda x, label: (x, label), width=6):
        self.error, self.form, self.width = error, form, width

    def __len__(self):
        return 12

    def __getitem__(self, i):
        if i == 9 and self.error is not None:
            raise self.error
        return self.form(INPUTS[i][: self.width], TARGETS[i])


def named(x, label):
    return {"x": x, "labels": label}


def from_loaders(train, validation):
    lightning.seed_everything(0, verbose=False)
    trainer = lightning.Trainer(**QUIET, max_epochs=1)
    return gs.lightning.Job(Module(), None, trainer, train_loader=train, validation_loader=validation)


def of_accelerate(train, validation):
    job = test_accelerate_job.job_of()
    prepared = job.accelerator.prepare(train, validation)
    return gs.accelerate.Job(job.accelerator, job.prepared_model, job._prepared, cross_entropy, *prepared)


def of_torch(train, validation):
    model = torch.nn.Linear(6, 3)
    return gs.torch.Job(model, torch.optim.SGD(model.parameters(), lr=0.1), cross_entropy, train, validation)


@pytest.mark.parametrize("make", [from_loaders, of_accelerate, of_torch])
def test_a_loader_that_fails_is_named_with_what_failed(make):
    good, bad = (DataLoader(Failing(error), batch_size=2) for error in (None, OSError("no file")))
    for job, name, failing in (
        (make(good, bad), "validation", lambda job: job.evaluate()),
        (make(bad, good), "training", lambda job: [job.step(0.1) for _ in range(6)]),
    ):
        said = (
            rf"the {name} loader failed in Failing.__getitem__: OSError: no file \(test_data_given_to_trainers.py, line"
        )
        with pytest.raises(gs.JobError, match=said) as failed:
            failing(job)
        assert isinstance(failed.value.__cause__, OSError)
        assert traceback.extract_tb(failed.value.__cause__.__traceback__)[-1].name == "__getitem__"


class Batches:
    def __iter__(self):
        yield INPUTS[:4], TARGETS[:4]
        raise OSError("no file")


def skipped(job):
    for _ in range(6):
        job.skip()


def averaged(job):
    job.average("ema", 0.9)
    job.step(0.1)
    job.evaluate_average()


@pytest.mark.parametrize("fails", [averaged, skipped])
def test_a_training_loader_that_fails_is_named_wherever_it_is_read(fails):
    data = Failing(OSError("no file"))
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(6), torch.nn.Linear(6, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for train in (DataLoader(data, batch_size=2), gs.torch.resumable(DataLoader(data, batch_size=2)), Batches()):
        job = gs.torch.Job(model, optimizer, cross_entropy, train, LOADER)
        with pytest.raises(gs.JobError, match=r"the training loader failed in .*: OSError: no file"):
            fails(job)


class FailingSampler(Sampler):
    def __init__(self, good):
        self.good = good

    def __iter__(self):
        yield from range(self.good)
        raise OSError("no file")


@pytest.mark.parametrize(
    ("good", "name", "fails"),
    [
        (0, "training loader's sampler", lambda loader: of_torch(loader, LOADER)),
        (9, "training loader", lambda loader: skipped(of_torch(loader, LOADER))),
        (9, "validation loader", lambda loader: of_torch(LOADER, loader).evaluate()),
        (9, "validation loader", lambda loader: of_torch(LOADER, loader).estimate(1)),
    ],
)
def test_a_sampler_that_fails_is_named(good, name, fails):
    with pytest.raises(gs.JobError, match=rf"the {name} failed in FailingSampler.__iter__: OSError: no file"):
        fails(DataLoader(Failing(None), batch_size=2, sampler=FailingSampler(good)))


def test_what_fails_in_a_worker_is_told_with_its_place():
    loader = DataLoader(Failing(OSError("no file")), batch_size=2, num_workers=1)
    with pytest.raises(
        gs.JobError, match=r"OSError: no file \(File .*test_data_given_to_trainers.py.*, in __getitem__\)$"
    ):
        from_loaders(LOADER, loader).evaluate()
    with pytest.raises(gs.JobError, match=r"the training loader failed .*: OSError: no file \(File .*__getitem__\)$"):
        skipped(of_torch(loader, LOADER))


def test_the_data_of_a_trainer_that_fail_are_named(tmp_path):
    def failing():
        return Failing(OSError("no file"), named, width=4)

    job = gs.transformers.Job(trainer_of(tmp_path, eval_dataset=failing()))
    with pytest.raises(gs.JobError, match=r"evaluate failed in Failing.__getitem__: OSError: no file") as failed:
        job.evaluate()
    assert isinstance(failed.value.__cause__, OSError)
    trainer = trainer_of(tmp_path)
    trainer.train_dataset = failing()
    job = gs.transformers.Job(trainer)
    with pytest.raises(gs.JobError, match=r"training loader failed in Failing.__getitem__: OSError: no file"):
        [job.step(0.1) for _ in range(3)]


@pytest.mark.parametrize("batch", [None, "x", torch.ones(2, 4), (torch.ones(2, 4), torch.ones(2)), 3])
def test_a_collator_gives_arguments_by_name(tmp_path, batch):
    trainer = trainer_of(tmp_path)
    trainer.data_collator = lambda examples: batch
    with pytest.raises(gs.JobError, match=r"the data collator gave .*: give a dict of the model's arguments"):
        gs.transformers.Job(trainer).step(0.1)


@pytest.mark.parametrize("data", [[], {}])
def test_empty_data_of_a_trainer_are_refused(tmp_path, data):
    with pytest.raises(gs.JobError, match="the Trainer has an empty eval_dataset"):
        gs.transformers.Job(trainer_of(tmp_path, eval_dataset=data))


LOADER = DataLoader(TensorDataset(INPUTS, TARGETS), batch_size=5)


@pytest.mark.parametrize(
    ("loader", "says"),
    [
        (iter(LOADER), "validation loader is an iterator"),
        ([(INPUTS, TARGETS)], "validation loader has parts: give one loader for training"),
        ({"a": LOADER}, "validation loader has parts"),
        ("x", "validation loader is an object of type str"),
        (DataLoader(LOADER.dataset, sampler=[]), "validation loader is empty"),
    ],
)
def test_validation_loaders_of_lightning(loader, says):
    with pytest.raises(gs.JobError, match=says):
        from_loaders(LOADER, loader)


def test_several_validation_loaders_need_their_number():
    with pytest.raises(gs.JobError, match="let validation_step take dataloader_idx=0 too"):
        from_loaders(LOADER, [LOADER, LOADER]).evaluate()


class NoModule(lightning.LightningModule):
    def __init__(self):
        pass


@pytest.mark.parametrize(
    ("module", "datamodule", "says"),
    [
        (NoModule(), None, r"let it call super\(\).__init__\(\)"),
        (Module(), LOADER, "datamodule=.*: give a lightning.LightningDataModule"),
        (Module(), lightning.LightningDataModule, "datamodule=.*: give a lightning.LightningDataModule"),
        (Module(), lightning.LightningDataModule(), "the Trainer's fit failed in .*train_dataloader"),
        (Module, None, "module=.*: give a lightning.LightningModule"),
    ],
)
def test_modules_of_lightning(module, datamodule, says):
    with pytest.raises(gs.JobError, match=says):
        gs.lightning.Job(module, datamodule, lightning.Trainer(**QUIET, max_epochs=1))
