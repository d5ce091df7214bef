"""Logs that cannot be written are a warning wherever they are written; other errors pass."""

import pytest
import tensorflow as tf

from mach_tf import tensorboard_logs


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), tf.errors.ResourceExhaustedError(None, None, "events; No space")]
)
def test_the_block_ends_with_a_warning(error):
    said = []
    with tensorboard_logs.optional("logs", "training", said.append):
        raise error
    (text,) = said
    assert text.startswith("TensorBoard logs cannot be written to logs (") and "No space" in text
    assert text.endswith("; training goes on without them.")


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()])
def test_other_errors_pass(error):
    with pytest.raises(type(error)), tensorboard_logs.optional("logs", "training", pytest.fail):
        raise error
