"""The batch size, the other knob: decay paid in larger batches, and how large is worth it."""

from glideslope.batches.growth import Growing, Growth, growth
from glideslope.batches.noise_scale import NoiseScale, noise_scale
from glideslope.batches.rules import rate_for

__all__ = ["Growing", "Growth", "NoiseScale", "growth", "noise_scale", "rate_for"]
