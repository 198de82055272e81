"""Schedules in a torch training: the scheduler, what it writes, and what it counts."""
