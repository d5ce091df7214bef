"""From Extreme Classification Repository text to a dataset directory of hashed TFRecord shards."""

from mach_tf.programs import interrupts  # noqa: F401 (a sentence for an interrupted import)
