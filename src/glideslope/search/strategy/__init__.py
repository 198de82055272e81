"""What is run next, and what the runs say."""
