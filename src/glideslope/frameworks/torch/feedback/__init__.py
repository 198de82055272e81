"""The guard of a torch training."""
