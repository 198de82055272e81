"""Glideslope in torch."""

from glideslope.frameworks.torch.job import Job

__all__ = ["Job"]
