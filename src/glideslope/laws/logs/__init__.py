"""Logs of training, read as runs: a reader a format, one recogniser, one place that gives columns their roles."""
