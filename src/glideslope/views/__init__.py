"""Screens, reports, notebooks and pictures."""
