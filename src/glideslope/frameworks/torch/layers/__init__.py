"""A rate for each layer of a torch model."""
