"""Messages between the service and the process of a version: a JSON value and arrays, as bytes. Nothing is unpickled.

A message is the length of its head, the head, and the content of the arrays one after the other. The head is JSON: the value, and of each
array its name, dtype and shape, and of texts their lengths.
"""

from __future__ import annotations

import json
import struct
from typing import Any, NamedTuple, Optional

import numpy as np

from mach_tf.serving.service.jobs import Arrays

# Keys of values: why a version cannot be loaded or a request not be answered, a defect, and the question for the names of features.
REFUSED, FAILED, NAMES = "refused", "failed", "feature_names"
_LENGTH = struct.Struct("<Q")


class Message(NamedTuple):
    """A JSON value and arrays by name; arrays of texts have the dtype object and hold bytes."""

    value: Any
    arrays: Arrays


def encode(value: Any, arrays: Optional[Arrays] = None) -> bytes:
    """Returns a message as bytes; texts of arrays are bytes, or str, which become UTF-8."""
    described: list[tuple[str, str, tuple[int, ...], Optional[list[int]]]] = []
    parts: list[bytes] = []
    for name, array in (arrays or {}).items():
        if array.dtype.kind == "O":
            texts = [text.encode() if isinstance(text, str) else text for text in array.ravel()]
            described.append((name, "O", array.shape, list(map(len, texts))))
            parts += texts
        else:
            described.append((name, array.dtype.str, array.shape, None))
            parts.append(array.tobytes())
    head = json.dumps([value, described]).encode()
    return b"".join([_LENGTH.pack(len(head)), head, *parts])


def decode(message: bytes) -> Message:
    """Returns the message that `encode` made these bytes of."""
    (length,) = _LENGTH.unpack_from(message)
    end = _LENGTH.size + length
    value, described = json.loads(message[_LENGTH.size : end])
    arrays = {}
    for name, dtype, shape, lengths in described:
        begin = end
        if lengths is None:
            size = int(np.prod(shape, dtype=np.int64))
            array = np.frombuffer(message, dtype, size, begin)
            end = begin + array.nbytes
        else:
            array = np.empty(len(lengths), object)
            for place, size in enumerate(lengths):
                array[place] = message[end : end + size]
                end += size
        arrays[name] = array.reshape(shape)
    return Message(value, arrays)
