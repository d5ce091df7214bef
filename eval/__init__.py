"""Metrics, predictions and robustness of a model directory."""
