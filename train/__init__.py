"""The programs train.main and train.plan: from a dataset directory to a trained model directory."""

from mach_tf.programs import interrupts  # noqa: F401 (a sentence for an interrupted import)
