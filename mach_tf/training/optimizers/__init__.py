"""Optimizers that update only the rows of W1 that a batch touches."""
