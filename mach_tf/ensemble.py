"""A model: what a model directory predicts, and why."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Callable, Optional, Union

import scipy.sparse

from mach_tf import arguments, estimators, objectives
from mach_tf.choices import EXPECTED_GRADIENTS
from mach_tf.data.incomplete_points import Incomplete
from mach_tf.errors import InputError
from mach_tf.explanations import explainer
from mach_tf.explanations.explanation import Explanations
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.labels_to_explain import labels_to_explain
from mach_tf.explanations.words.explained_text import ExplainedText
from mach_tf.explanations.words.located_words import explained_texts
from mach_tf.name_scores import name_score
from mach_tf.points import Points
from mach_tf.predicted_labels import PredictedLabels
from mach_tf.robust_network import RobustNetwork
from mach_tf.serving import exporting
from mach_tf.text.label_similarity import NameScore
from mach_tf.text.text_rows import text_rows
from mach_tf.top_labels import PROBABILITY, TopLabels, check_probability, check_scale, top_labels


class Ensemble(RobustNetwork):
    """R repetitions and their bucket table, with everything that is asked of a trained model.

    Example:
      >>> model = mach_tf.Ensemble.load("models/mine")
      >>> top = model.predict(X, k=5)  # CSR [n, labels]
      >>> reasons = model.explain(X)  # CSR [n, features]
    """

    def predict(
        self,
        X: Any,
        k: int = 5,
        estimator: str = estimators.DEFAULT_ESTIMATOR,
        scores: str = PROBABILITY,
        min_probability: Optional[float] = None,
        only_labels: Any = None,
        objective: str = objectives.PRECISION,
    ) -> scipy.sparse.csr_matrix:
        """Predicts the k best labels of raw points, as a sparse matrix; `top_k` returns them as arrays.

        Args:
          X: [n, raw features] as in the data the model was trained on: an array, a SciPy sparse matrix or a DataFrame.
          k: in [1, K].
          estimator: one of estimators.ESTIMATORS.
          scores: "probability", or "logit" for the label scores that explanations are of (`estimators.reported`): a mean of
            logits for the estimator logit_mean.
          min_probability: leaves out labels with a lower probability, in [0, 1]; None leaves out none.
          only_labels: chooses from these labels only, exactly: a list of ids, or of names and keys if the model has them, or the
            path of a file with one per line; None for all labels.
          objective: the metric that labels are ranked for: "precision" ranks by probability, "psp" by probability divided by propensity,
            which is best for PSP@k, exactly. It needs the estimator logit_mean.

        Returns:
          float32 CSR [n, K] with k entries per row, stored best first; fewer where `min_probability` leaves labels out or
          `only_labels` names fewer. With another objective than precision the order stored is not that of the values. Otherwise probabilities
          are positive and fall from one label to
          the next unless their label scores are equal, so that `toarray().argmax(axis=1)` is the best label. Label scores
          may be negative: in a dense copy they rank below the zeros of the labels that are not stored.

        Raises:
          InputError: X does not fit the model, its values are not finite, unknown scores or labels, or a probability outside
            [0, 1].
        """
        return self.top_k(X, k, estimator, scores, min_probability, only_labels, objective).matrix(self.labels)

    def top_k(
        self,
        X: Any,
        k: int = 5,
        estimator: str = estimators.DEFAULT_ESTIMATOR,
        scores: str = PROBABILITY,
        min_probability: Optional[float] = None,
        only_labels: Any = None,
        objective: str = objectives.PRECISION,
    ) -> TopLabels:
        """Predicts the k best labels of raw points, as arrays.

        Args:
          X, k, estimator, scores, min_probability, only_labels, objective: as for `predict`.

        Returns:
          `labels`, int32 [n, k], best first, and `scores`, float32 [n, k]. Where `min_probability` leaves a label out, they are
          -1 and the lowest score, 0 or -inf. With fewer than k labels in `only_labels` there are as many columns as labels.

        Raises:
          InputError: as `predict`.

        Example:
          >>> labels, scores = model.top_k(X, k=3)
          >>> labels.shape == scores.shape == (len(Y), 3)
          True
        """
        return self._top_k(lambda: self.hash(X), k, estimator, scores, min_probability, only_labels, objective)

    def predict_text(
        self,
        texts: Any,
        k: int = 5,
        estimator: str = estimators.DEFAULT_ESTIMATOR,
        scores: str = PROBABILITY,
        min_probability: Optional[float] = None,
        only_labels: Any = None,
        name_weight: float = 0.0,
        objective: str = objectives.PRECISION,
    ) -> PredictedLabels:
        """Predicts the k best labels of texts, with their names; the model must have been trained on texts.

        Args:
          texts: one text or a list of texts. Each is a string, which is taken for the first of the text fields; a mapping of fields to
            strings, such as a record of JSON Lines; or a sequence of strings, one per field.
          k, estimator, scores, min_probability, only_labels: as for `predict`.
          name_weight: adds this weight times the tf-idf cosine of the text and the label's name to each label score, on the scale of the
            estimator (logits for logit_mean). It helps labels with few training points whose names occur in texts; 0 adds nothing.
          objective: as for `predict`.

        Returns:
          For each text its best labels, as (key, name, score). It prints and displays itself as a table; `.to_json()` returns plain
          values and `.top` the ids and scores as arrays.

        Raises:
          InputError: as `predict`; or the model was trained on bags of words, or `texts` holds something else than texts.
        """
        added = name_score(self, name_weight)
        raw = self.texts.points(texts)
        Incomplete.of(raw, labels=False).warn_of_texts()
        top = self._top_k(
            lambda: self.hash_points(raw), k, estimator, scores, min_probability, only_labels, objective, added
        )
        return PredictedLabels(top, self.label_titles, scores)

    def _top_k(
        self,
        features: Callable[[], scipy.sparse.csr_matrix],
        k: int,
        estimator: str,
        scores: str,
        min_probability: Optional[float],
        only_labels: Any,
        objective: str,
        added: Optional[NameScore] = None,
    ) -> TopLabels:
        check_scale(scores)
        k = arguments.whole_number(k, "k", 1, self.labels)
        check_probability(min_probability)
        objectives.check(objective, estimator)
        decoder = objectives.decoder_for(self, objective, only_labels)
        found = self.decode(features(), k, estimator, decoder=decoder, name_score=added)
        buckets = self.manifest.bucket_spec.buckets
        return top_labels(found.labels, found.scores, estimator, buckets, scores, min_probability, self.logit_scale)

    def explain(
        self,
        X: Any,
        labels: Optional[Any] = None,
        method: str = "exact",
        estimator: str = estimators.DEFAULT_ESTIMATOR,
        baseline: Optional[Any] = None,
        steps: int = 64,
        feature_names: Optional[Sequence[str]] = None,
        label_names: Optional[Sequence[str]] = None,
        against: Optional[Any] = None,
    ) -> Explanations:
        """Attributes label scores to the raw features of points, by Integrated Gradients or another method.

        Args:
          X: [n, raw features]: an array, a SciPy sparse matrix or a DataFrame.
          labels: the labels to explain for each point, integers [n] or [n, m], or their names or keys; a text such as "3,physics" for all
            points; None for the best label of each point.
          method: Integrated Gradients, "exact" in closed form or "tape" by quadrature; "gradient_x_input", which does not add up; "shapley";
            or "expected_gradients", the mean over the rows of `baseline`.
          estimator: the estimator of the label score, one of estimators.ESTIMATORS.
          baseline: raw points at which the paths begin, [n or 1, raw features]; None for zero. "expected_gradients" takes any number of
            training points.
          steps: number of quadrature nodes of "tape", of random orders of "shapley"; the others have none.
          feature_names, label_names: one name per raw feature and per label, for the display in a notebook. None displays the ids
            of features, and the label names that the model has, or else ids.
          against: labels in the form of `labels`, whose scores are subtracted: why this label and not that one. None explains the scores
            alone.

        Returns:
          float64 CSR [n * m, raw features], point by point; a row adds up to score - baseline score. It displays itself in a
          notebook.

        Raises:
          InputError: X, labels, baseline or names do not fit the model, attributions do not add up, or the method cannot
            explain the estimator.
        """
        config = AttributionConfig(estimator, method, steps)
        start = None if baseline is None else self.raw_points(baseline, "baseline")
        for argument, names, n_names in (
            ("feature_names", feature_names, self.manifest.features),
            ("label_names", label_names, self.labels),
        ):
            if names is not None:
                arguments.name_list(names, argument, n_names, argument.partition("_")[0])
        raw = self.raw_points(X)
        Incomplete.of(raw, labels=False).warn("of X")
        return self._explain(raw, labels, config, start, feature_names, label_names, None, against)

    def explain_text(
        self,
        texts: Any,
        labels: Optional[Any] = None,
        method: str = "exact",
        estimator: str = estimators.DEFAULT_ESTIMATOR,
        baseline: Optional[Any] = None,
        steps: int = 64,
        against: Optional[Any] = None,
    ) -> Explanations:
        """Attributes label scores to the terms and the words of texts; the model must have been trained on texts.

        Args:
          texts: one text or a list of texts, as for `predict_text`.
          labels: the labels to explain for each text, as for `explain`; None for the best label of each text.
          method, estimator, steps, against: as for `explain`.
          baseline: the text or texts at which the paths begin, n or 1; None for a text without words.

        Returns:
          float64 CSR [n * m, terms], as `explain` returns it. In a notebook it also shows the texts with their words coloured; `.words(row)`
          returns the attributions of the words.

        Raises:
          InputError: as `explain`; or the model was trained on bags of words, or `texts` holds something else than texts.

        Example:
          >>> why = model.explain_text("Attention is all you need")  # doctest: +SKIP
          >>> why.words(0).values.round(2)  # doctest: +SKIP
          array([ 1.33, -0.02,  0.01,  0.04,  0.12])
        """
        config = AttributionConfig(estimator, method, steps)
        rows, vectorizer = text_rows(texts, self.texts.fields), self.texts.vectorizer
        raw = self.texts.rows(rows)
        Incomplete.of(raw, labels=False).warn_of_texts()
        start = None if baseline is None else self.texts.points(baseline)
        located = explained_texts(vectorizer, rows)
        return self._explain(raw, labels, config, start, vectorizer.vocabulary.terms, None, located, against)

    def _explain(
        self,
        raw: Points,
        labels: Optional[Any],
        config: AttributionConfig,
        baseline: Optional[Points],
        feature_names: Optional[Sequence[str]],
        label_names: Optional[Sequence[str]],
        texts: Optional[Sequence[ExplainedText]] = None,
        against: Optional[Any] = None,
    ) -> Explanations:
        n = len(raw)
        if labels is None:
            labels = self.decode(self.hash_points(raw), 1, config.estimator).labels
        labels = labels_to_explain(labels, n, self.labels, self.label_titles)
        if against is not None:
            against = labels_to_explain(against, n, self.labels, self.label_titles).reshape(n, -1)
            each = labels.reshape(n, -1)
            if against.shape != each.shape or (against == each).any():
                raise InputError(
                    f"against must have one other label for each of labels, {list(each.shape)} (got {list(against.shape)}, equal in "
                    f"{int((against == each).sum()) if against.shape == each.shape else 0} places)."
                )
        if baseline is not None and len(baseline) not in (1, n) and config.method != EXPECTED_GRADIENTS:
            raise InputError(f"baseline must have 1 or {n} rows (got {len(baseline)}).")
        label_names = self.label_names if label_names is None else label_names
        return explainer.explain_matrix(self, raw, labels, config, baseline, feature_names, label_names, texts, against)

    def export(self, output_dir: Union[str, os.PathLike[str]], **options: Any) -> exporting.Exported:
        """Exports the model as a servable: one SavedModel that ranks and explains raw points or texts, and needs TensorFlow alone.

        Its signatures take n points and k, and return `labels` int64 [n, k], `label_names`, `scores` and `probabilities`.

        Args:
          output_dir: a directory that does not exist yet, named by a version: `servables/NAME/1`.
          **options: keywords of mach_tf.serving.exporting.ExportOptions, such as `weights`, `label_names` and `examples`.

        Returns:
          The path, the name and the size of the servable; print() shows them.

        Raises:
          InputError: an option out of its range, a directory that exists or is no version, or a full disk.

        Example:
          >>> model.export("servables/mine/1", weights="float16").name
          'mine'
        """
        return exporting.export(self, output_dir, **options)
