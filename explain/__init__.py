"""Integrated Gradients explanations of label scores."""
