"""Where a rate is applied: one package for each framework, loaded when it is touched."""

from functools import partial
from importlib import import_module

from glideslope.layers.adapters import ADAPTERS

ADAPTERS += [
    (lambda model: hasattr(model, "trainable_variables"), partial(import_module, f"{__name__}.keras.models")),
    (lambda model: hasattr(model, "named_parameters"), partial(import_module, f"{__name__}.torch.models")),
    (lambda model: True, partial(import_module, f"{__name__}.jax.models")),  # any pytree
]  # in this order: a Keras model on torch is a torch module as well
