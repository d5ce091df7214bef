"""Randomised networks keep the weights and move them; the correlation is that of the definition."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from mach_tf import points
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.trials import randomisation
from mach_tf.explanations.trials.best_label import attributions, best_labels


def _rows(array):
    return sorted(map(tuple, np.asarray(array).reshape(len(array), -1).tolist()))


@pytest.mark.parametrize("hidden_layer", [False, True])
def test_rows_are_permuted(ensemble, hidden_layer):
    other = randomisation.randomised_network(ensemble, hidden_layer, 0)
    assert len(other.repetitions) == len(ensemble.repetitions) and not other.repetitions.kept
    for one, permuted in zip(ensemble.repetitions, other.repetitions):
        for position, (before, after) in enumerate(zip(one.weights, permuted.weights)):
            assert _rows(before) == _rows(after)
            moved = (np.asarray(before) != np.asarray(after)).any()
            assert moved == (hidden_layer or position >= 2)
    first, second = (other.repetitions[index].weights.output_bias for index in (0, 1))
    order = [np.argsort(np.argsort(each)) for each in (first, ensemble.repetitions[0].weights.output_bias)]
    assert (order[0] != np.argsort(np.argsort(second))).any() or (order[0] != order[1]).any()
    if ensemble.ranker is not None:
        assert (other.ranker.weights != ensemble.ranker.weights).nnz > 0
        assert sorted(other.ranker.weights.data) == sorted(ensemble.ranker.weights.data)


def test_the_output_layer_is_permuted_alike_with_and_without_the_hidden_one(ensemble):
    one, both = (randomisation.randomised_network(ensemble, hidden, 3) for hidden in (False, True))
    np.testing.assert_array_equal(one.repetitions[1].weights.output_kernel, both.repetitions[1].weights.output_kernel)


@pytest.mark.parametrize("estimator", ["logit_mean", "mean"])
def test_correlation_with_the_randomised_model(world, ensemble, estimator):
    config = AttributionConfig(estimator)
    hashed = ensemble.manifest.feature_spec.apply(points.from_csr(world.features, world.labels))
    found = randomisation.measure_randomisation(ensemble, hashed, config, 1)
    assert list(found) == ["output layers", "all layers"]
    labels = best_labels(ensemble, hashed, estimator)
    for name, hidden_layer in (("output layers", False), ("all layers", True)):
        other = randomisation.randomised_network(ensemble, hidden_layer, 1)
        one, two = (np.abs(attributions(each, hashed, labels, config)) for each in (ensemble, other))
        splits = hashed.row_splits
        expected = [scipy.stats.spearmanr(one[a:b], two[a:b])[0] for a, b in zip(splits[:-1], splits[1:]) if b - a > 1]
        assert found[name].mean == pytest.approx(np.mean(expected)) and found[name].mean < 0.9
    assert found == randomisation.measure_randomisation(ensemble, hashed, config, 1)


def test_no_ranges_of_repetitions(ensemble):
    with pytest.raises(TypeError, match="has no ranges"):
        randomisation.randomised_network(ensemble, True, 0).repetitions[:1]
