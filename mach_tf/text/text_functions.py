"""Compiles functions of texts to graphs that run on the CPU, whatever devices there are."""

from __future__ import annotations

import contextlib
import functools
from typing import Any, Callable

import tensorflow as tf


def text_function(function: Callable[..., Any], n_fields: int, *others: tf.TensorSpec) -> Any:
    """Returns a tf.function of texts, string [n, fields], which is traced once for every n.

    Args:
      function: what to compile.
      n_fields: the number of fields.
      *others: its further arguments.
    """

    signature = [tf.TensorSpec([None, n_fields], tf.string, "texts"), *others]
    # An object without code of its own: TensorFlow counts the tracings of functions that share their code, and would warn of one for each
    # vocabulary.
    return tf.function(functools.partial(_placed, function), input_signature=signature, autograph=False)


def _placed(function: Callable[..., Any], *arguments: tf.Tensor) -> Any:
    with on_cpu():
        return function(*arguments)


def on_cpu() -> contextlib.AbstractContextManager[Any]:
    """Returns a context whose operations run on the CPU.

    Strings are there in any case. The small operations between those of strings would move to and fro, and a GPU adds in no certain order.
    """
    return tf.device("/device:CPU:0")
