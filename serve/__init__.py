"""The program serve.main: a servable behind HTTP."""

from mach_tf.programs import interrupts  # noqa: F401 (a sentence for an interrupted import)
