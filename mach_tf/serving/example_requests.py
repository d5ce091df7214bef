"""A request for each signature of a servable: what warms it up, in TensorFlow Serving and in the service."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mach_tf.signature_names import (
    ATTACK_SIGNATURE,
    ATTACK_TEXT_SIGNATURE,
    EPSILON,
    EXPLAIN_SIGNATURE,
    IDS,
    SERVING_SIGNATURE,
    SPARSE_SIGNATURE,
    SPLITS,
    TEXT_SIGNATURE,
    TRUE_LABELS,
    VALUES,
)

_TEXT = "A text of a few words"
# The signature with the same points.
_ATTACKED = {ATTACK_SIGNATURE: SPARSE_SIGNATURE, ATTACK_TEXT_SIGNATURE: TEXT_SIGNATURE}


def example_request(signature: str, n_fields: int) -> dict[str, np.ndarray]:
    """Returns the inputs of a signature but k, for one point: the raw feature 0 with the value 1, or a text.

    Args:
      signature: one of mach_tf.signature_names.
      n_fields: number of text fields; 0 if the model takes no texts.
    """
    if signature == SERVING_SIGNATURE:
        example = tf.train.Example()
        example.features.feature[IDS].int64_list.value.append(0)
        example.features.feature[VALUES].float_list.value.append(1.0)
        return {"examples": np.array([example.SerializeToString()], object)}
    if signature in _ATTACKED:
        point = example_request(_ATTACKED[signature], n_fields)
        return {**point, EPSILON: np.array([0.01], np.float32), TRUE_LABELS: np.full([1, 1], -1, np.int64)}
    if signature in (SPARSE_SIGNATURE, EXPLAIN_SIGNATURE):
        splits = np.array([0, 1], np.int64)
        return {SPLITS: splits, IDS: np.array([0], np.int64), VALUES: np.array([1], np.float32)}
    return {"texts": np.full([1] if n_fields == 1 else [1, n_fields], _TEXT, object)}
