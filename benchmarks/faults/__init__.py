"""The kinds of faults that the reliability benchmark tries, a file for each part of the house."""
