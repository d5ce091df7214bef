"""How robust a model's predictions are: what attacks change, and what no perturbation can change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

from mach_tf.evaluation import attack_evaluation, certification
from mach_tf.evaluation.certification_result import Certification
from mach_tf.evaluation.model_robustness import Robustness
from mach_tf.network import Network
from mach_tf.text.text_rows import text_rows


class RobustNetwork(Network):
    """A network that can be attacked and certified."""

    def attack(
        self, X: Any, Y: Any, epsilon: Union[float, Sequence[float]] = 0.02, method: str = "fgsm", **options: Any
    ) -> Robustness:
        """Attacks raw points and measures how much the model's metrics lose.

        Args:
          X: [n, raw features]: an array, a SciPy sparse matrix or a DataFrame.
          Y: the true labels: an indicator matrix [n, K], or for each point a sequence of label ids.
          epsilon: size of the perturbation in the maximum norm, or several sizes; 0 adds an entry for the clean points.
          method: "fgsm" or "pgd" on the loss, "apgd" or "square" on the margin of the best false label over the best true one,
            "strongest", the worst of several; "push_out" takes a true label out of the top k, "push_in" a false one into it;
            "drop_words", "swap_words" and "add_words" change up to `words` features, as if they were words.
          **options: keywords of mach_tf.evaluation.attack_evaluation.attack: `support`, `steps`, `ks`, `estimator`,
            `target_label`, `source`, `bootstrap`, `seed`, `words` and the other settings of the attack.

        Returns:
          One entry per epsilon or number of words: print() shows a table, `.figure()` plots it, `.to_json()` returns plain values.

        Raises:
          InputError: X or Y does not fit the model, an unknown method, an epsilon that is negative or not finite, or points
            that cannot be attacked this way.

        Example:
          >>> robustness = model.attack(X, Y, epsilon=[0, 0.01, 0.02], method="pgd")
          >>> [entry.epsilon for entry in robustness]  # print(robustness) shows a table
          [0.0, 0.01, 0.02]
        """
        return attack_evaluation.attack(self, X, Y, epsilon, method, **options)

    def attack_text(
        self,
        texts: Any,
        Y: Any,
        epsilon: Union[float, Sequence[float]] = 0.02,
        method: str = "drop_words",
        **options: Any,
    ) -> Robustness:
        """Attacks texts; the model must have been trained on texts.

        "drop_words", "swap_words" and "add_words" change the texts themselves, up to `words` in each: every changed text becomes a point by the
        model's tokenizer. Other methods change the values of its terms, as `attack` does.

        Args:
          texts: one text or a list of texts, as for `predict_text`.
          Y, epsilon, method, **options: as of `attack`.

        Returns:
          As `attack`.

        Raises:
          InputError: as `attack`; or the model was trained on bags of words, or `texts` holds something else than texts.

        Example:
          >>> model.attack_text(["Attention is all you need"], [[3]], words=[1, 2])  # doctest: +SKIP
        """
        rows = text_rows(texts, self.texts.fields)
        raw = self.texts.rows(rows).features(self.manifest.features)
        return attack_evaluation.attack(self, raw, Y, epsilon, method, texts=rows, **options)

    def certify(self, X: Any, Y: Any, epsilon: Union[float, Sequence[float]] = 0.01, **options: Any) -> Certification:
        """Proves for raw points what no perturbation within epsilon can change.

        Args:
          X: [n, raw features]: an array, a SciPy sparse matrix or a DataFrame.
          Y: the true labels: an indicator matrix [n, K], or for each point a sequence of label ids.
          epsilon: size of the perturbation in the maximum norm, after hashing and normalisation, or several sizes.
          **options: as of `mach_tf.certify`: `support`, `clip_nonnegative`, `ks`, `effort`, `branches`, `attacks`.

        Returns:
          print() shows a table; `.sizes` has the proofs point by point, `.top_labels` the labels that they are about.

        Raises:
          InputError: X or Y does not fit the model, an option out of its range, or an estimator that cannot be certified.

        Example:
          >>> proved = model.certify(X, Y, epsilon=0.001, ks=[1])
          >>> proved.sizes[0].points.top_unchanged.shape == (len(Y),)  # whether the best label is certain to stay the best
          True
        """
        return certification.certify(self, X, Y, epsilon, **options)
