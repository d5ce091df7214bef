"""output_layer: the weights of a label's score are those of its buckets."""

import numpy as np

from mach_tf.certificates.output_layer import OutputLayer
from tests.helpers import certified, tiny_ensemble


def test_label_weights_give_the_scores():
    world = certified.small(0)
    weights, constants = world.layer.label_weights(np.arange(9))
    active = np.maximum(world.values @ world.kernel + world.biases, 0).reshape(2, 5)
    expected = world.scores(world.values[None])[0]
    np.testing.assert_allclose((weights * active).sum(axis=(1, 2)) + constants, expected, rtol=1e-6)


def test_of_a_network():
    ensemble = tiny_ensemble.make_ensemble()
    layer = OutputLayer.of(ensemble)
    assert layer.kernels.shape == (3, 8, 6)
    for repetition, kernel, biases in zip(ensemble.repetitions, layer.kernels, layer.biases):
        np.testing.assert_array_equal(repetition.weights.output_kernel, kernel)
        np.testing.assert_array_equal(repetition.weights.output_bias, biases)
    assert (layer.norms >= np.linalg.norm(layer.kernels.astype(np.float64), axis=1)).all()
