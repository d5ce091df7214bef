"""A network with permuted weights: an explanation that hardly changes with it does not depend on the model (Adebayo et al. 2018)."""

from __future__ import annotations

import numpy as np

from mach_tf.classifier import Weights
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.trials import stability
from mach_tf.explanations.trials.best_label import attributions, best_labels
from mach_tf.explanations.trials.trial_results import Interval, defined_interval
from mach_tf.network import Network
from mach_tf.points import Points
from mach_tf.ranker.ranker import Ranker
from mach_tf.repetitions import Repetitions
from mach_tf.saved_repetition import Repetition


class RandomisedRepetitions(Repetitions):
    """Repetitions whose weights are permuted when they are used, each by a permutation of its own."""

    def __init__(self, original: Repetitions, hidden_layer: bool, seed: int):
        """Creates the sequence; the arguments are those of `randomised_network`."""
        self._original, self._hidden_layer, self._seed = original, hidden_layer, seed
        # One permuted copy at a time is in memory.
        self._keep, self.multiclass = False, original.multiclass

    def __len__(self) -> int:
        return len(self._original)

    def _range(self, part: slice) -> Repetitions:
        raise TypeError("a randomised network has no ranges of repetitions")

    def _at(self, position: int) -> Repetition:
        found = self._original[position]
        arrays = [np.asarray(weight) for weight in found.weights]
        generator = np.random.default_rng([self._seed, position])
        # The layer on top comes first, so that its permutation is the same with and without the other's.
        output = [generator.permutation(array) for array in arrays[2:]]
        hidden = [generator.permutation(array) for array in arrays[:2]] if self._hidden_layer else arrays[:2]
        return found._replace(weights=Weights(*hidden, *output))


def randomised_network(network: Network, hidden_layer: bool, seed: int) -> Network:
    """Returns the network with the rows of its output layers permuted: each bucket keeps its weights, but for other hidden units.

    What a ranker adds is a layer of its own on top: its weights are permuted among the features.

    Args:
      network: the model, which stays as it is.
      hidden_layer: whether the hidden layers are permuted too: each feature gets the weights of another.
      seed: seed of the permutations.
    """
    repetitions = RandomisedRepetitions(network.repetitions, hidden_layer, seed)
    result = Network(network.model_dir, network.manifest, repetitions)
    result.ranker = None
    if network.ranker is not None:
        columns = np.random.default_rng([seed, len(repetitions)]).permutation(network.manifest.columns)
        result.ranker = Ranker(network.ranker.weights[:, columns], network.ranker.weight)
    return result


def measure_randomisation(
    network: Network, points: Points, config: AttributionConfig, seed: int
) -> dict[str, Interval]:
    """Measures how much of the order of the attributions is left when the weights are permuted, from the top layer down.

    Args:
      network: the model.
      points: n hashed points.
      config: the exact method, and the estimator.
      seed: seed of the permutations and of the intervals.

    Returns:
      Spearman's correlation of the magnitudes before and after, for the output layers and for all layers. What the values of the
      features contribute to the magnitudes stays.
    """
    labels = best_labels(network, points, config.estimator)
    before, found = np.abs(attributions(network, points, labels, config)), {}
    for name, hidden_layer in (("output layers", False), ("all layers", True)):
        other = randomised_network(network, hidden_layer, seed)
        after = np.abs(attributions(other, points, labels, config))
        found[name] = defined_interval(stability.rank_correlation(points, before, after), network.model_dir, seed)
    return found
