"""Runs that are made by other processes."""
