"""Integrated Gradients explanations of label scores."""

from mach_tf.programs import interrupts  # noqa: F401 (a sentence for an interrupted import)
