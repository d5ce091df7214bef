from __future__ import annotations

from mach_tf.classifier import Weights
from mach_tf.network_shape import NetworkShape
from tests.mach_tf.test_classifier import random_weights


def test_the_shapes_are_those_of_the_weights():
    weights = random_weights(7, 5, 3)
    shape = NetworkShape(7, 5, 3)
    assert shape.weights == {name: value.shape for name, value in weights._asdict().items()}
    assert tuple(shape.weights) == Weights._fields
    assert shape.weight_bytes == sum(value.nbytes for value in weights)
