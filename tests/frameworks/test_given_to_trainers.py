"""What a user gives to the jobs of trainers: what functions return is taken, or refused by an error that names them."""

import signal
import traceback

import lightning
import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState, GradientState
from torch.nn.functional import cross_entropy
from torchmetrics.classification import MulticlassConfusionMatrix
from transformers import Trainer

import glideslope as gs

from . import test_accelerate_job, test_lightning_job
from .test_lightning_job import QUIET, Module, loaders
from .test_transformers_job import Net, trainer_of

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers:", "ignore:.*treespec, LeafSpec")

NO_LOSS = {
    "text": lambda loss: "x", "float": lambda loss: 1.0, "int": lambda loss: 1, "array": lambda loss: np.float32(1),
    "pair of one": lambda loss: (loss,), "list": lambda loss: [loss], "vector": lambda loss: torch.stack([loss, loss]),
    "matrix": lambda loss: loss * torch.ones(2, 2), "empty": lambda loss: loss * torch.ones(0),
    "complex": lambda loss: loss * 1j, "detached": lambda loss: loss.detach(), "whole": lambda loss: loss.long(),
    "dict": lambda loss: {"lost": loss}, "generator": lambda loss: (each for each in [loss]),
    "class": lambda loss: object,
}  # fmt: skip
NO_NUMBER = {
    "text": "x", "bytes": b"x", "vector": torch.ones(2), "empty": torch.zeros(0), "complex": torch.tensor(1j),
    "pair": (1.0, 2.0), "object": object(), "generator": (each for each in [1.0]), "class": float,
    "mapping": {"loss": {"b": 1.0}},
}  # fmt: skip


def _reset():
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


@pytest.fixture(autouse=True)
def _alone():
    yield
    _reset()


def lightning_job(train=None, validate=None, configure=None, **options):
    """The job of a module whose steps give other values, by functions of their losses."""

    class Mine(Module):
        def training_step(self, batch, batch_idx):
            loss = super().training_step(batch, batch_idx)["loss"]
            return train(loss) if train else loss

        def validation_step(self, batch, batch_idx):
            loss = super().validation_step(batch, batch_idx)
            return validate(self, loss) if validate else loss

        def configure_optimizers(self):
            return configure(self) if configure else super().configure_optimizers()

    lightning.seed_everything(0, verbose=False)
    return test_lightning_job.job_of(Mine(), **options)


def transformers_job(tmp_path, **options):
    return gs.transformers.Job(trainer_of(tmp_path, **options))


def with_compute_loss(give, where=(True, False)):
    class Mine(Trainer):
        def compute_loss(self, model, inputs, return_outputs=False, **options):
            loss, outputs = super().compute_loss(model, inputs, return_outputs=True, **options)
            given = (loss, outputs) if return_outputs else loss
            return give(given) if return_outputs in where else given

    return Mine


def with_loss(give):
    class Giving(Net):
        def forward(self, x, labels=None):
            outputs = super().forward(x, labels)
            return outputs if outputs["loss"] is None else {**outputs, "loss": give(outputs["loss"])}

    class Mine(Trainer):
        def __init__(self, model, *arguments, **options):
            super().__init__(Giving(), *arguments, **options)

    return Mine


LOSSES = {
    "training_step": lambda give, path: lightning_job(train=give),
    "compute_loss": lambda give, path: transformers_job(path, kind=with_compute_loss(give, [False])),
    "compute_loss_func": lambda give, path: transformers_job(
        path, compute_loss_func=lambda outputs, labels, **_: give(cross_entropy(outputs["logits"], labels))
    ),
    "the model": lambda give, path: transformers_job(path, kind=with_loss(give)),
    "the loss": lambda give, path: test_accelerate_job.job_of(loss=lambda *pair: give(cross_entropy(*pair))),
    "batch_loss": lambda give, path: test_accelerate_job.job_of(
        loss=None, batch_loss=lambda model, batch: give(cross_entropy(model(batch[0]), batch[1]))
    ),
}


@pytest.mark.parametrize("function", LOSSES)
def test_what_is_no_training_loss_is_refused(tmp_path, function):
    chosen = []
    job = LOSSES[function](lambda loss: NO_LOSS[chosen[-1]](loss), tmp_path)
    for given in NO_LOSS:
        chosen.append(given)
        problem = "(the training loss has no gradient: it|FUNCTION is complex.*: take|FUNCTION gave .*: give )"
        with pytest.raises(gs.JobError, match=f"^{problem.replace('FUNCTION', function)}"):
            job.step(0.1)


@pytest.mark.parametrize("function", LOSSES)
def test_a_loss_of_one_number_is_taken_whatever_its_shape(tmp_path, function):
    values = []
    for shape in ((), (1,), (1, 1)):
        job = LOSSES[function](lambda loss, shape=shape: loss.reshape(shape), tmp_path)
        values.append([float(job.step(0.1)), float(job.step(0.1)), job.evaluate()])
        _reset()
    assert values[0] == values[1] == values[2]


@pytest.mark.parametrize("function", LOSSES)
@pytest.mark.parametrize("raised", [KeyError("mine"), KeyboardInterrupt(), FloatingPointError("lost")])
def test_what_a_function_raises_in_an_update_reaches_the_user(tmp_path, function, raised):
    def give(loss):
        raise raised

    job = LOSSES[function](give, tmp_path)
    with pytest.raises(type(raised)) as caught:
        job.step(0.1)
    assert caught.value is raised
    assert traceback.extract_tb(raised.__traceback__)[-1].name == "give"


def test_a_step_without_losses_is_named():
    with pytest.raises(gs.JobError, match="training_step gave None in 32 updates in a row: return the loss"):
        lightning_job(train=lambda loss: None).step(0.1)


VALUES = {
    "validation_step": lambda value, path: lightning_job(validate=lambda module, loss: value()),
    r"self\.log\('mine'\)": lambda value, path: lightning_job(
        validate=lambda module, loss: module.log("mine", value()), monitor="mine"
    ),
    r"Metric\.compute\(\)": lambda value, path: lightning_job(
        validate=lambda module, loss: module.log("mine", metric_of(value)), monitor="mine"
    ),
    "eval_mine": lambda value, path: transformers_job(
        path, compute_metrics=lambda prediction: {"mine": value()}, metric_for_best_model="mine"
    ),
    "compute_metrics": lambda value, path: transformers_job(path, compute_metrics=lambda prediction: value()),
    "compute_loss": lambda value, path: transformers_job(path, kind=with_compute_loss(lambda _: value(), [True])),
    "evaluate": lambda value, path: transformers_job(
        path, kind=type("Mine", (Trainer,), {"evaluate": lambda *_: value()})
    ),
}


def metric_of(value):
    class Metric:
        def reset(self):
            pass

        def compute(self):
            return value()

    return Metric()


@pytest.mark.parametrize("function", VALUES)
def test_what_is_no_measurement_is_refused(tmp_path, function):
    chosen = []
    job = VALUES[function](lambda: NO_NUMBER[chosen[-1]], tmp_path)
    for given in NO_NUMBER:
        if given == "mapping" and function in ("compute_metrics", "evaluate"):
            continue  # which give values by names
        chosen.append(given)
        with pytest.raises(gs.JobError, match=rf"^{function} gave .*: give ") as refused:
            job.evaluate()
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("number", [0.5, np.float32(0.5), np.array(0.5), torch.tensor([0.5]), torch.tensor(0.5).half()])
def test_a_number_of_any_kind_is_a_measurement(tmp_path, number):
    for function in list(VALUES)[:4]:
        assert abs(VALUES[function](lambda: number, tmp_path).evaluate()) == 0.5


def test_a_metric_that_is_not_one_number_is_named():
    def validate(module, loss):
        module.log("mine", MulticlassConfusionMatrix(3))

    with pytest.raises(
        gs.JobError, match=r"MulticlassConfusionMatrix.compute\(\) gave shape \(3, 3\): give a metric of one"
    ):
        lightning_job(validate=validate, monitor="mine").evaluate()


@pytest.mark.parametrize("reduce_fx", ["mean", "avg", "MAX", "sum", torch.min, torch.sum])
def test_a_reduction_is_lightning_s(reduce_fx):
    class Mine(Module):
        def validation_step(self, batch, batch_idx):
            self.log("mine", batch[0].sum(), reduce_fx=reduce_fx)

    job = test_lightning_job.job_of(Mine(), monitor="mine")
    expected = lightning.Trainer(**QUIET).validate(job.model, loaders()[1], verbose=False)[0]["mine"]
    assert job.evaluate() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("reduce_fx", ["median", torch.median, lambda values: values[0]])
def test_a_reduction_that_lightning_has_not_is_refused(reduce_fx):
    def validate(module, loss):
        module.log("mine", loss, reduce_fx=reduce_fx)

    with pytest.raises(gs.JobError, match=r"self.log\('mine'\) has reduce_fx=.*: give one of mean, sum, min, max"):
        lightning_job(validate=validate, monitor="mine").evaluate()


def sgd(module):
    return torch.optim.SGD(module.parameters(), lr=0.1)


NO_OPTIMIZER = {
    "None": lambda module: None, "text": lambda module: "sgd", "class": lambda module: torch.optim.SGD,
    "parameters": lambda module: module.parameters(), "none": lambda module: [],
    "two": lambda module: [sgd(module)] * 2, "two pairs": lambda module: ([sgd(module)] * 2, []),
    "no key": lambda module: {"optim": sgd(module)}, "key": lambda module: {"optimizer": "sgd"},
    "two dicts": lambda module: [{"optimizer": sgd(module)}] * 2,
    "scheduler": lambda module: torch.optim.lr_scheduler.StepLR(sgd(module), 1),
    "pair": lambda module: (sgd(module), torch.optim.lr_scheduler.StepLR(sgd(module), 1)),
}  # fmt: skip


@pytest.mark.parametrize("given", NO_OPTIMIZER)
def test_configure_optimizers_gives_one_optimizer(given):
    with pytest.raises(gs.JobError, match=r"^configure_optimizers gave .*: give one optimizer, or a dict"):
        lightning_job(configure=NO_OPTIMIZER[given])


@pytest.mark.parametrize(
    "configure",
    [sgd, lambda m: [sgd(m)], lambda m: {"optimizer": sgd(m)}, lambda m: [{"optimizer": sgd(m)}],
     lambda m: ([sgd(m)], [])],
)  # fmt: skip
def test_every_form_of_one_optimizer_is_taken(configure):
    job = lightning_job(configure=configure)
    assert job.step(0.1).isfinite()
    assert "configure_optimizers" not in vars(job.model)


def other_weights(module):
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)


def test_an_optimizer_of_other_weights_is_refused(tmp_path):
    for make in (
        lambda: lightning_job(configure=other_weights),
        lambda: transformers_job(tmp_path, optimizers=(other_weights(None), None)),
    ):
        with pytest.raises(gs.JobError, match="none of the model's parameters"):
            make()


@pytest.mark.parametrize("optimizer", ["x", [], {}, torch.optim.SGD])
def test_the_optimizer_of_a_trainer_is_one(tmp_path, optimizer):
    made = type("Mine", (Trainer,), {"create_optimizer": lambda self: optimizer})  # and leaves self.optimizer alone
    for options, shown in (({"optimizers": (optimizer, None)}, ""), ({"kind": made}, "None")):
        with pytest.raises(gs.JobError, match=f"the Trainer's optimizer is {shown}.*: give it a torch optimizer"):
            transformers_job(tmp_path, **options)


@pytest.mark.parametrize("name", ["compute_loss_func", "compute_metrics", "data_collator"])
def test_what_is_no_function_of_a_trainer_is_refused(tmp_path, name):
    trainer = trainer_of(tmp_path)
    setattr(trainer, name, "x")
    with pytest.raises(gs.JobError, match=f"{name}='x': give a function"):
        gs.transformers.Job(trainer)


@pytest.mark.parametrize("hook", ["setup", "configure_optimizers", "on_fit_start"])
def test_what_a_hook_raises_while_the_job_is_made(hook):
    def give(error):
        def raising(self, *_, **__):
            raise error

        return type("Mine", (Module,), {hook: raising})()

    with pytest.raises(gs.JobError, match=r"the Trainer's fit failed in .*: OSError: no file \(test_given") as failed:
        test_lightning_job.job_of(give(OSError("no file")))
    assert traceback.extract_tb(failed.value.__cause__.__traceback__)[-1].name == "raising"
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        test_lightning_job.job_of(give(KeyboardInterrupt()))
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("norm", [None, "1"])
def test_the_largest_norm_of_a_gradient_is_a_number(tmp_path, norm):
    trainer = trainer_of(tmp_path)
    trainer.args.max_grad_norm = norm
    with pytest.raises(gs.JobError, match=r"max_grad_norm=.*: give a number, 0 for none"):
        gs.transformers.Job(trainer)


class Measuring(Trainer):
    """Has the losses of examples in an evaluation, and the outputs in an update, as those of other libraries do."""

    def compute_loss(self, model, inputs, return_outputs=False, **options):
        outputs = model(**inputs)
        losses = cross_entropy(outputs["logits"], inputs["labels"], reduction="none")
        loss = losses.mean() if model.training else losses
        return (loss, outputs) if return_outputs else loss

    def training_step(self, model, inputs, items=None):
        model.train()
        loss, _ = self.compute_loss(model, self._prepare_inputs(inputs), True)
        loss.backward()
        return loss.detach()

    def prediction_step(self, model, inputs, *_, **__):
        with torch.no_grad():
            return self.compute_loss(model, self._prepare_inputs(inputs)).mean(), None, None


def test_a_trainer_that_measures_in_its_own_way_is_driven(tmp_path):
    own, usual = (transformers_job(tmp_path, kind=kind, max_grad_norm=0.0) for kind in (Measuring, Trainer))
    assert own.evaluate() == pytest.approx(usual.evaluate())
    assert own.step(0.1).isfinite()


def test_a_trainer_is_as_it_was(tmp_path):
    trainer = trainer_of(tmp_path, compute_metrics=lambda prediction: {"mine": 1.0})
    before = {name: vars(trainer).get(name) for name in ("compute_loss", "create_optimizer", "compute_metrics")}
    job = gs.transformers.Job(trainer)
    job.step(0.1)
    job.evaluate()
    assert {name: vars(trainer).get(name) for name in before} == before
