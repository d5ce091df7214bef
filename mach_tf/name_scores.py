"""The names of a model's labels as a second score: what `Network.decode` adds for texts that resemble a label's name."""

from __future__ import annotations

from typing import Optional

from mach_tf import arguments
from mach_tf.errors import InputError
from mach_tf.label_titles import LabelTitles
from mach_tf.network import Network
from mach_tf.text.label_similarity import LabelSimilarity, NameScore

# Beyond this the label scores are lost to rounding.
_LARGEST_WEIGHT = 1e4


def check_name_weight(name_weight: float) -> None:
    """Raises InputError unless the weight is a finite number of at least 0."""
    arguments.finite_number(name_weight, "name_weight", 0, _LARGEST_WEIGHT)


def name_score(network: Network, name_weight: float, titles: Optional[LabelTitles] = None) -> Optional[NameScore]:
    """Returns what `Network.decode` adds to label scores; None for a weight of 0.

    Args:
      network: a model of texts.
      name_weight: the weight of the cosine of a text and a label's name, at least 0.
      titles: the names and keys of the labels; None for the model's own.

    Raises:
      InputError: the weight is negative, or the model was not trained on texts or has no names.
    """
    check_name_weight(name_weight)
    if not name_weight:
        return None
    names, keys = network.label_titles if titles is None else titles
    texts = network.texts
    if names is None:
        raise InputError(
            f"name_weight compares texts with the names of labels, but {network.model_dir} has none. Give label_names when you preprocess "
            "or predict, or leave it out."
        )
    return NameScore(LabelSimilarity.of(texts.vectorizer, network.manifest.feature_spec, names, keys), name_weight)
