"""A torch training that a search may drive: its data, its updates, its validation, its state."""
