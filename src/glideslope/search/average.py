"""Averaging of the weights, as searches name it."""

from glideslope.averages import Average

__all__ = ["Average"]
