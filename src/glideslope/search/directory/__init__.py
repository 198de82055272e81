"""A run directory, whoever writes or reads it."""
