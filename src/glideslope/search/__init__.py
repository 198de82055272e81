"""Which schedule and which rate, measured on the user's own training."""
