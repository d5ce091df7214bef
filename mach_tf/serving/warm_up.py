"""The warm-up file of TensorFlow Serving: requests that a server makes of a model before it serves it.

The file is a TFRecord of `tensorflow.serving.PredictionLog` messages. Their few fields are encoded here by their numbers in
tensorflow_serving/apis/{prediction_log,predict,model}.proto, so that tensorflow-serving-api is not needed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

FILE = os.path.join("assets.extra", "tf_serving_warmup_requests")
_PREDICT_LOG, _REQUEST = 6, 1  # of PredictionLog and PredictLog
_MODEL_SPEC, _INPUTS = 1, 2  # of PredictRequest
_NAME, _SIGNATURE_NAME = 1, 3  # of ModelSpec
_KEY, _VALUE = 1, 2  # of an entry of a map


def write(directory: str, name: str, requests: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes the file.

    Args:
      directory: that of the SavedModel.
      name: the servable's name.
      requests: for each signature its inputs by name, as tensors.
    """
    path = os.path.join(directory, FILE)
    os.makedirs(os.path.dirname(path))
    with tf.io.TFRecordWriter(path) as writer:
        for signature, inputs in requests.items():
            writer.write(_prediction_log(name, signature, inputs))


def _prediction_log(name: str, signature: str, inputs: Mapping[str, Any]) -> bytes:
    model = _field(_NAME, name.encode()) + _field(_SIGNATURE_NAME, signature.encode())
    request = _field(_MODEL_SPEC, model)
    for key, value in inputs.items():
        tensor = tf.make_tensor_proto(value).SerializeToString()
        request += _field(_INPUTS, _field(_KEY, key.encode()) + _field(_VALUE, tensor))
    return _field(_PREDICT_LOG, _field(_REQUEST, request))


def _field(number: int, content: bytes) -> bytes:
    """Encodes a length-delimited field of a protocol buffer."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
