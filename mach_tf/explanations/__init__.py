"""Integrated Gradients of label scores, and whether they are true."""
