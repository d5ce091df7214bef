"""TensorBoard logs: they only show results, so where they cannot be written the work goes on without them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Callable

import tensorflow as tf

from mach_tf import tensorflow_errors


@contextlib.contextmanager
def optional(directory: str, work: str, warn: Callable[[str], None]) -> Iterator[None]:
    """Ends the block with a warning, not an error, if TensorBoard logs cannot be written in it.

    Args:
      directory: where the block writes them.
      work: what goes on without them, for the warning: "training".
      warn: takes the warning.
    """
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        reason = tensorflow_errors.reason(error)
        warn(f"TensorBoard logs cannot be written to {directory} ({reason}); {work} goes on without them.")
