from __future__ import annotations

import numpy as np
import pytest

from mach_tf.serving.service import messages

ARRAYS = {
    "splits": np.array([0, 2], np.int64),
    "scores": np.array([[0.5, -np.inf], [np.nan, 1e-30]], np.float32),
    "empty": np.empty((0, 3), np.int64),
    "scalar": np.array(7, np.int32),
    "bools": np.array([[True], [False]]),
    "transposed": np.arange(6).reshape(2, 3).T,
    "words": np.array([[b"a", b""], [b"\x00\xff", "\u00e9".encode()]], object),
    "no words": np.empty((2, 0), object),
}


def test_a_message_is_read_as_it_was_written():
    value = {"signature": "sparse", "k": 3, "nested": [None, "\ud800"]}
    found = messages.decode(messages.encode(value, ARRAYS))
    assert found.value == value
    assert list(found.arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[name], array, err_msg=name)


def test_a_message_may_have_no_arrays():
    assert messages.decode(messages.encode({"failed": "ValueError"})) == ({"failed": "ValueError"}, {})


def test_texts_become_utf8():
    found = messages.decode(messages.encode(None, {"texts": np.array(["\u00e9", "a\0"], object)}))
    assert found.arrays["texts"].tolist() == ["\u00e9".encode(), b"a\0"]
    with pytest.raises(UnicodeEncodeError):
        messages.encode(None, {"texts": np.array(["\ud800"], object)})


def test_nothing_is_pickled():
    with pytest.raises(TypeError):
        messages.encode(None, {"objects": np.array([object()], object)})
