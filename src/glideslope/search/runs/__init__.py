"""One run of a job: what it is made with, its updates, its checkpoints."""
