from __future__ import annotations

import pytest
import tensorflow as tf

from mach_tf import tensorflow_errors
from mach_tf.errors import InputError


@pytest.mark.parametrize(
    "error, text",
    [
        (
            tf.errors.DataLossError(
                None,
                None,
                "{{function_node __wrapped__RestoreV2_device_/job:a}} Checksum does not match [Op:RestoreV2] x",
            ),
            "FILE must be whole (Checksum does not match). Make it again.",
        ),
        (OSError(28, "No space left"), "FILE must be whole ([Errno 28] No space left). Make it again."),
        (tf.errors.OutOfRangeError(None, None, "\n"), "FILE must be whole (OutOfRangeError). Make it again."),
        (
            UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
            "FILE must be whole (TensorFlow cannot read it). Make it again.",
        ),
    ],
)
def test_the_reason_is_said_without_what_surrounds_it(error, text):
    with pytest.raises(InputError) as caught, tensorflow_errors.named("FILE must be whole", "Make it again."):
        raise error
    assert str(caught.value) == text


def test_a_real_message_is_short(tmp_path):
    (tmp_path / "x.index").write_bytes(b"no table")
    with pytest.raises(InputError) as caught, tensorflow_errors.named("FILE must be whole", "Make it again."):
        tf.raw_ops.RestoreV2(prefix=str(tmp_path / "x"), tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.string])
    assert "function_node" not in str(caught.value) and "[Op" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("error", [ValueError("x"), InputError("x."), KeyboardInterrupt()])
def test_other_errors_pass(error):
    with pytest.raises(type(error)) as caught, tensorflow_errors.named("", ""):
        raise error
    assert caught.value is error
