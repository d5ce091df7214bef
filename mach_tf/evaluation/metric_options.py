"""The options that an evaluation and a comparison under attack share: points, metrics and attacks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Optional, Union

from mach_tf import arguments
from mach_tf.attacks.gradient_attacks import Attack, attack_list
from mach_tf.evaluation.attack_evaluation import MOST_RESAMPLES, WORDS, checked_epsilons, checked_words
from mach_tf.splits import SPLITS


@dataclasses.dataclass(frozen=True)
class MetricOptions:
    """Which points are measured, by which metrics, under which attacks.

    Attributes:
      split: the dataset's split: "train", "valid" or "test".
      limit: measure the first `limit` points only; None for all.
      ks: cut-offs of the metrics; None for 1, 3 and 5, as far as there are labels. Targeted attacks aim at the largest.
      bootstrap: number of resamples for 95% intervals; 0 leaves the intervals out.
      seed: seed of the resamples.
      attacks: names of attacks ("fgsm", "pgd", "apgd", "square", "strongest", "push_out", "push_in", "drop_words", "swap_words", "add_words"),
        or Attack objects with all their settings.
      epsilons: sizes of the attacks; 0 stands for the clean points. They may be empty without attacks.
      words: sizes of attacks on words: how many each point may change; 0 stands for the clean points.
      target_label: the label that "push_in" pushes in, by its id, key or name; None draws one per point.
      force: measure on a dataset whose label names are not those of the training data, with a warning.
      filter_labels: path of a file of pairs, `point label`, that are left out of predictions and truth, as the repository's
        filter_labels_test.txt; None leaves out nothing.

    Raises:
      InputError: a value that no dataset allows.
    """

    split: str = "test"
    limit: Optional[int] = None
    ks: Optional[Sequence[int]] = None
    bootstrap: int = 1000
    seed: int = 0
    attacks: Sequence[Union[str, Attack]] = ()
    epsilons: Sequence[float] = (0.0, 0.005, 0.01, 0.02, 0.05)
    target_label: Union[int, str, None] = None
    force: bool = False
    filter_labels: Optional[str] = None
    words: Sequence[int] = WORDS

    def __post_init__(self) -> None:
        arguments.choice(self.split, "split", SPLITS)
        if self.filter_labels is not None:
            arguments.path(self.filter_labels, "filter_labels")
        if self.limit is not None:
            arguments.whole_number(self.limit, "limit", 1)
        if self.target_label is not None and not isinstance(self.target_label, str):
            arguments.whole_number(self.target_label, "target_label", 0)
        arguments.whole_number(self.bootstrap, "bootstrap", 0, MOST_RESAMPLES)
        arguments.seed(self.seed)
        if self.attack_list or not isinstance(self.epsilons, (list, tuple)) or self.epsilons:
            checked_epsilons(self.epsilons)
        checked_words(self.words)

    @property
    def attack_list(self) -> list[Attack]:
        """The attacks, those that were named with default settings."""
        return attack_list(self.attacks)

    @property
    def sizes(self) -> list[float]:
        """The epsilons as floats, in order."""
        return [float(epsilon) for epsilon in self.epsilons]
