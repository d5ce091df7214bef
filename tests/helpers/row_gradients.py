"""Random gradients of some rows of a variable, and what an optimizer makes of them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

ROWS = 20


def slices(count, seed, columns=(3,), unique=True, size=1.0):
    """Gradients of `count` rows, or of as many that may repeat, of a variable [ROWS, *columns]."""
    rng = np.random.default_rng(seed)
    indices = rng.permutation(ROWS)[:count] if unique else rng.integers(0, ROWS, count)
    values = size * rng.normal(size=(count, *columns))
    return tf.IndexedSlices(
        tf.constant(values, tf.float32), tf.constant(indices, tf.int64), tf.constant([ROWS, *columns], tf.int64)
    )


def initial(columns=(3,)):
    """The weights before the first step."""
    return tf.random.stateless_normal((ROWS, *columns), [1, 2]).numpy()


def train(optimizer, gradients):
    """Weights and moments after a step with each gradient."""
    variable = tf.Variable(initial(gradients[0].shape[1:]))

    @tf.function(reduce_retracing=True)
    def apply(gradient):
        optimizer.apply_gradients([(gradient, variable)])

    for gradient in gradients:
        apply(gradient)
    return [variable.numpy(), *(optimizer.get_slot(variable, name).numpy() for name in optimizer.get_slot_names())]
