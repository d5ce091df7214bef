from __future__ import annotations

import numpy as np
import tensorflow as tf

from mach_tf.serving import attributions


def test_the_active_part_is_the_measure_of_where_the_unit_is_positive():
    rng = np.random.default_rng(0)
    bias, change = rng.normal(size=50), rng.normal(size=(20, 50))
    bias[:3], change[:, 2:5] = 0, 0
    t = (np.arange(20_000) + 0.5) / 20_000
    expected = np.mean(bias + t[:, None, None] * change > 0, axis=0)
    found = attributions.active_part(tf.constant(bias), tf.constant(change))
    np.testing.assert_allclose(found, expected, atol=1e-4)
