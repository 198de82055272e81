"""Gradient descent on surfaces that can be seen."""
