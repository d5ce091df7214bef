"""Metrics of the top k labels, with their uncertainty."""
