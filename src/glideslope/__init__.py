"""Glideslope: the learning rate of a training, described, found and applied."""

from glideslope.schedules import *  # noqa: F403
