"""Evaluation of a model on a dataset: metrics, losses and robustness, and how they are shown and written."""
