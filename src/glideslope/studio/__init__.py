"""The studio: a page on this machine that shows learning rates, what they would cost, and what they do."""
