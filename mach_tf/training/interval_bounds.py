"""Interval bounds of the leads of buckets over each other while the present features move by at most epsilon each, and a loss of them.

The pre-activation z of a hidden unit moves by at most its radius, epsilon sum_j |W1_j| over the features present, and reaches it (Gowal et
al. 2018, "On the effectiveness of interval bound propagation for training verifiably robust models"). So the unit stays in [l, u], where
l = relu(z - radius) and u = relu(z + radius). With m = (l + u) / 2, h = (u - l) / 2 and d the difference of two columns of W2, the lead of one
bucket over the other is at most m d + h |d| + their difference of b2. That is far less than the difference of bounds of the two logits, which
lets the same unit be at both ends at once.

The loss of a point is log(1 + sum exp(lead)) over the hardest false buckets and their leads over the point's best true one. A label's score is a
mean of bucket logits over the repetitions, so the means of these bounds bound its lead over another label, which certificates prove. The
cross-entropy at the worst logits, as Gowal et al. have it, gives less: docs/what-did-not-help.md.
"""

from __future__ import annotations

from typing import Callable

import tensorflow as tf

from mach_tf.classifier import SparseBatch

Product = Callable[[SparseBatch, tf.Tensor], tf.Tensor]
KernelGradient = Callable[[SparseBatch, tf.RaggedTensor, tf.Tensor], tf.Tensor]
Output = Callable[[tf.Tensor, bool], tf.Tensor]

# False buckets that are compared with the best true one. All of them would take a difference of columns of W2 per point and bucket.
HARDEST = 4
# Far below any lead, and finite, so that gradients are.
NO_LEAD = -1e30


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


def worst_leads(
    low: tf.Tensor, high: tf.Tensor, targets: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, output: Output
) -> tf.Tensor:
    """Returns upper bounds of the leads of false buckets over the point's best true bucket, float32 [G, n, min(HARDEST, B)].

    They are those of the false buckets with the highest bounds of their logits; NO_LEAD where there is no true or no further false bucket.

    Args:
      low, high: float32 [n, G, hidden], bounds of the hidden units.
      targets: float32 [G, n, B], 1 for a point's own buckets and 0 for the others.
      kernel: W2, [G, hidden, B].
      bias: b2, [G, B].
      output: multiplies hidden units by W2, or by |W2| if its second argument is True: [G, n, B].
    """
    middle, half = (low + high) / 2, (high - low) / 2
    logits = output(middle, False) + bias[:, None]
    highest = logits + output(half, True)
    # Which buckets are compared is a constant to the gradient.
    best = tf.argmax(tf.where(targets > 0, logits, NO_LEAD), axis=2)[..., None]
    hardest = tf.math.top_k(tf.where(targets > 0, NO_LEAD, highest), min(HARDEST, targets.shape[2])).indices
    columns = tf.transpose(kernel, [0, 2, 1])
    own, rivals = (tf.gather(columns, each, batch_dims=1) for each in (best, hardest))
    own_bias, rivals_bias = (tf.gather(bias, each, batch_dims=1) for each in (best, hardest))
    middle, half = (tf.transpose(each, [1, 0, 2])[..., None] for each in (middle, half))
    difference = rivals - own
    leads = tf.matmul(difference, middle) + tf.matmul(tf.abs(difference), half)
    true = tf.reduce_max(targets, axis=2, keepdims=True) > 0
    false = tf.gather(targets, hardest, batch_dims=2) == 0
    return tf.where(true & false, tf.squeeze(leads, 3) + rivals_bias - own_bias, NO_LEAD)


def loss(
    low: tf.Tensor, high: tf.Tensor, targets: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, output: Output
) -> tf.Tensor:
    """Returns log(1 + sum exp(lead)) of each point, float32 [G, n]; 0 without leads. The arguments are those of `worst_leads`."""
    leads = worst_leads(low, high, targets, kernel, bias, output)
    return tf.math.softplus(tf.reduce_logsumexp(leads, axis=2))


def _present(points: SparseBatch) -> SparseBatch:
    return points._replace(feature_values=tf.ones_like(points.feature_values))
