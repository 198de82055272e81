"""A multiplier of the rate for each layer."""

from glideslope.layers.balance import balance
from glideslope.layers.blocks import by_block
from glideslope.layers.depth import by_depth, discriminative
from glideslope.layers.multipliers import Layer, Multipliers
from glideslope.layers.parameters import Parameter, parameters
from glideslope.layers.patterns import by_name
from glideslope.layers.unfreezing import unfreezing
from glideslope.layers.width import by_width

__all__ = [
    "Layer", "Multipliers", "Parameter", "balance", "by_block", "by_depth", "by_name", "by_width", "discriminative",
    "parameters", "unfreezing",
]  # fmt: skip
