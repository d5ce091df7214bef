"""Extreme multi-label classification with MACH: adversarially trained, explained by Integrated Gradients."""

__version__ = "0.1.0"
