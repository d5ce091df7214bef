"""One repetition's losses and gradients by nested tapes on the dense input in float64."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def worst_lead_loss(x, weights, y, settings):
    """The loss of the four hardest leads over each point's best bucket, point by point, by positive and negative weights."""
    w1, b1, w2, b2 = weights
    radius = settings.epsilon * tf.cast(x != 0, tf.float64) @ tf.abs(w1)
    low, high = (tf.nn.relu(x @ w1 + b1 + side * radius) for side in (-1, 1))
    up, down = tf.maximum(w2, 0), tf.minimum(w2, 0)
    middle, highest = (low + high) / 2 @ w2 + b2, high @ up + low @ down + b2
    total = 0.0
    for i, row in enumerate(y):
        own, others = np.flatnonzero(row), np.flatnonzero(row == 0)
        if not len(own):
            continue
        best = own[np.argmax(middle.numpy()[i, own])]
        hardest = others[np.argsort(-highest.numpy()[i, others])][:4]
        difference = tf.gather(w2, hardest, axis=1) - w2[:, best, None]
        leads = tf.maximum(difference, 0) * high[i, :, None] + tf.minimum(difference, 0) * low[i, :, None]
        leads = tf.reduce_sum(leads, axis=0) + tf.gather(b2, hardest) - b2[best]
        total += tf.math.log(1 + tf.reduce_sum(tf.exp(leads)))
    return total / (len(y) * (1 if settings.multiclass else y.shape[1]))


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
        logits = tf.nn.relu(inputs @ weights[0] + weights[1]) @ weights[2] + weights[3]
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
            adversarial = worst_lead_loss(x, weights, y, settings)
        else:
            step = perturbed(x, noise, gradient_of, settings)
            if settings.fgsm_support == "nonzero":
                step *= tf.cast(x != 0, tf.float64)
            adversarial = loss(x + tf.stop_gradient(step))
        total = clean + settings.adversarial_weight * adversarial
    return float(clean), float(adversarial), [g.numpy() for g in outer.gradient(total, weights)]
