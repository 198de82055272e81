"""The choice of the next run, and the conclusions from the runs made."""
