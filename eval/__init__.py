"""The programs that measure a model: metrics, robustness; and the one that predicts."""

from mach_tf.programs import interrupts  # noqa: F401 (a sentence for an interrupted import)
