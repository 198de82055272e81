"""A job, the training that a search may drive: what it promises, and how it is called."""
