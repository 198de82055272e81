"""The same thing is called the same everywhere: steps, peak, schedule, seed."""

import inspect
import warnings

import pytest

import glideslope as gs
from glideslope.errors import FrameworkError

OTHER_NAMES = {
    "steps": ["horizon", "total_steps", "num_steps", "n_steps", "max_steps", "num_training_steps", "total_updates"],
    "peak": ["peak_lr", "max_lr", "base_lr", "learning_rate", "peak_value", "max_rate"],
    "schedule": ["lr_schedule", "lr_scheduler", "curve"],
    "seed": ["random_state", "rng_seed", "random_seed"],
    "train_loader": ["train_dataloader", "training_loader"],
    "validation_loader": ["val_loader", "validation_dataloader", "eval_loader"],
}
ORDER = ["schedule", "steps", "peak"]
FACES = ["laws", "layers", "batches", "torch", "lightning", "transformers", "accelerate", "jax", "keras"]


def public_signatures():
    """The public functions, classes and methods that are Glideslope's own, with their signatures."""
    faces = {"gs": gs}
    for name in FACES:
        try:
            faces[f"gs.{name}"] = getattr(gs, name)
        except FrameworkError:
            continue
    for face, module in faces.items():
        for name in getattr(module, "__all__", vars(module)):
            item = getattr(module, name)
            ours = getattr(item, "__module__", "").startswith("glideslope")
            is_error = inspect.isclass(item) and issubclass(item, Exception)
            if name.startswith("_") or not callable(item) or not ours or is_error:
                continue
            yield f"{face}.{name}", inspect.signature(item)
            for method, function in vars(item).items() if inspect.isclass(item) else ():
                function = getattr(function, "__func__", function)
                if not method.startswith("_") and inspect.isfunction(function):
                    yield f"{face}.{name}.{method}", inspect.signature(function)


SIGNATURES = dict(public_signatures())


def test_there_are_signatures():
    assert {
        "gs.tune",
        "gs.torch.Job",
        "gs.Schedule.over",
        "gs.laws.Run.from_schedule",
        "gs.export",
    } <= SIGNATURES.keys()


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_no_argument_has_another_name(name):
    wrong = [(where, other) for where, signature in SIGNATURES.items() for other in OTHER_NAMES[name]
             if other in signature.parameters]  # fmt: skip
    assert wrong == []


def test_the_arguments_are_in_the_same_order():
    places = {
        where: [
            name for name, place in signature.parameters.items() if name in ORDER and place.kind != place.KEYWORD_ONLY
        ]
        for where, signature in SIGNATURES.items()
        if "schedule" in signature.parameters and where != "gs.Tuned"  # the result's fields, as they are shown
    }
    assert {where: names for where, names in places.items() if names != sorted(names, key=ORDER.index)} == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (lambda: gs.cosine().over(horizon=10), lambda: gs.cosine().over(steps=10)),
        (lambda: gs.cosine().over(5).over(horizon=10), lambda: gs.cosine().over(10)),
        (lambda: gs.parse("cosine.over(horizon=10)"), lambda: gs.parse("cosine.over(10)")),
        (lambda: (gs.cosine() * gs.plateau()).over(horizon=10), lambda: (gs.cosine() * gs.plateau()).over(10)),
        (lambda: gs.batches.growth(gs.cosine()).over(horizon=10), lambda: gs.batches.growth(gs.cosine()).over(10)),
    ],
)
def test_the_old_name_works_with_a_warning(old, new):
    with pytest.warns(DeprecationWarning, match="horizon= is called steps= now"):
        value = old()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert value == new()
