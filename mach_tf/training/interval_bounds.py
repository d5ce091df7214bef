"""Interval bounds of the bucket logits while the present features move by at most epsilon each, and the loss at their worst.

Gowal et al. 2018, "On the effectiveness of interval bound propagation for training verifiably robust models". The pre-activation z of a
hidden unit moves by at most its radius, epsilon sum_j |W1_j| over the features present, and reaches it. With l = relu(z - radius) and
u = relu(z + radius), a logit stays within m W2 + b2 -+ h |W2|, where m = (l + u) / 2 and h = (u - l) / 2. The cross-entropy is largest where
the logits of a point's own buckets are lowest and all others highest, so that the loss there bounds the loss of every perturbation.
The differences of these bounds, summed over the repetitions, bound the lead of a label over another, which certificates prove.
"""

from __future__ import annotations

from typing import Callable

import tensorflow as tf

from mach_tf.classifier import SparseBatch

Product = Callable[[SparseBatch, tf.Tensor], tf.Tensor]
KernelGradient = Callable[[SparseBatch, tf.RaggedTensor, tf.Tensor], tf.Tensor]


def radius(points: SparseBatch, kernel: tf.Tensor, epsilon: tf.Tensor, product: Product) -> tf.Tensor:
    """Returns how far the pre-activation of each hidden unit can move, float32 [n, G, hidden].

    Args:
      points: n points; their feature_ids are rows of the kernel.
      kernel: W1, [features, G, hidden].
      epsilon: the largest change of a feature value.
      product: multiplies points by a kernel: sparse_products.product or matrix_products.product.
    """
    return epsilon * product(_present(points), tf.abs(kernel))


def kernel_gradient(
    points: SparseBatch,
    entries: tf.RaggedTensor,
    kernel: tf.Tensor,
    epsilon: tf.Tensor,
    radius_gradient: tf.Tensor,
    gradient_of_product: KernelGradient,
) -> tf.Tensor:
    """Returns the gradient of W1 through `radius`, [features, G, hidden].

    Args:
      points, kernel, epsilon: as for `radius`.
      entries: int [features, (entries)], the entries of each feature.
      radius_gradient: float32 [n, G, hidden], the gradient of the loss with respect to the radius.
      gradient_of_product: the gradient of the product: sparse_products.kernel_gradient or matrix_products.kernel_gradient.
    """
    return epsilon * tf.sign(kernel) * gradient_of_product(_present(points), entries, radius_gradient)


def worst_products(
    low: tf.Tensor, high: tf.Tensor, targets: tf.Tensor, output: Callable[[tf.Tensor, bool], tf.Tensor]
) -> tf.Tensor:
    """Returns the lowest logits of a point's own buckets and the highest of all others, without b2, float32 [G, n, B].

    Args:
      low, high: float32 [n, G, hidden], bounds of the hidden units.
      targets: float32 [G, n, B], 1 for a point's own buckets and 0 for the others.
      output: multiplies hidden units by W2, or by |W2| if its second argument is True.
    """
    return output((low + high) / 2, False) + (1 - 2 * targets) * output((high - low) / 2, True)


def _present(points: SparseBatch) -> SparseBatch:
    return points._replace(feature_values=tf.ones_like(points.feature_values))
