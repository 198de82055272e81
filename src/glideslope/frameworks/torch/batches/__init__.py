"""Batches that grow, and how large a batch is worth it."""
