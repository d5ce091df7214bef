"""One repetition's losses and gradients by nested tapes on the dense input in float64."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def worst_loss(x, epsilon, weights, y, loss_of):
    """The loss where every bucket's logit is at the worst end of its interval, in terms of positive and negative weights."""
    w1, b1, w2, b2 = weights
    radius = epsilon * tf.cast(x != 0, tf.float64) @ tf.abs(w1)
    low, high = (tf.nn.relu(x @ w1 + b1 + side * radius) for side in (-1, 1))
    up, down = tf.maximum(w2, 0), tf.minimum(w2, 0)
    return loss_of(tf.where(y > 0, low @ up + high @ down, high @ up + low @ down) + b2)


def perturbed(x, noise, gradient_of, settings):
    """The perturbation of each method on the dense input, from its paper."""
    epsilon, method = settings.epsilon, settings.adversarial
    if method == "n_fgsm":
        return 2 * epsilon * noise + epsilon * tf.sign(gradient_of(x + 2 * epsilon * noise))
    if method == "pgd":
        moved, steps = tf.zeros_like(x), settings.adversarial_steps
        for _ in range(steps):
            moved += 2.5 * epsilon / steps * tf.sign(gradient_of(x + moved)) * tf.cast(x != 0, tf.float64)
            moved = tf.clip_by_value(moved, -epsilon, epsilon)
        return moved
    return epsilon * tf.sign(gradient_of(x))


def losses_and_gradients(model, position, points, table_row, settings, noise=None):
    """The clean and the adversarial loss, and the gradients of their sum, from their definitions."""
    n = points["feature_ids"].nrows()
    x, y = np.zeros((n, model.hidden_kernel.shape[0])), np.zeros((n, model.buckets))
    for i, (ids, values, labels) in enumerate(
        zip(*(points[k].to_list() for k in ("feature_ids", "feature_values", "label_ids")))
    ):
        x[i, ids] = values
        y[i, table_row[labels]] = 1
    weights = [tf.Variable(w.numpy().astype(np.float64)) for w in model.weights_of(position)]

    def loss(inputs):
        return loss_of(tf.nn.relu(inputs @ weights[0] + weights[1]) @ weights[2] + weights[3])

    def loss_of(logits):
        if settings.multiclass:
            return -tf.reduce_mean(tf.reduce_sum(y * tf.math.log(tf.nn.softmax(logits)), 1))
        p = tf.sigmoid(logits)
        return -tf.reduce_mean(y * tf.math.log(p) + (1 - y) * tf.math.log(1 - p))

    def gradient_of(inputs):
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            clean = loss(inputs)
        return inner.gradient(clean, inputs)

    x = tf.constant(x)
    with tf.GradientTape() as outer:
        clean = loss(x)
        if settings.adversarial == "ibp":
            adversarial = worst_loss(x, settings.epsilon, weights, y, loss_of)
        else:
            step = perturbed(x, noise, gradient_of, settings)
            if settings.fgsm_support == "nonzero":
                step *= tf.cast(x != 0, tf.float64)
            adversarial = loss(x + tf.stop_gradient(step))
        total = clean + settings.adversarial_weight * adversarial
    return float(clean), float(adversarial), [g.numpy() for g in outer.gradient(total, weights)]
