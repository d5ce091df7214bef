"""`mach_tf.MachEnsemble`: MACH around any classifier of scikit-learn's kind, one for each repetition of the bucket table.

MACH does not ask for a network (Medini et al. 2019, section 3): each of R repetitions hashes K labels to B buckets and trains any
classifier that gives probabilities of B classes; a label's score combines the probabilities of its R buckets. Here the bucket
tables, the decoder and the estimators are those of `mach_tf.MachClassifier`, and the classifiers are clones of `base`.

If each point has one label, a repetition is a problem of B classes. Otherwise it is a multi-label problem, which bases that know
such problems (trees, forests, neighbours, networks) get as an indicator matrix; for others scikit-learn's OneVsRestClassifier
trains one clone for each bucket.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Optional

import numpy as np
import scipy.sparse
import scipy.special

from mach_tf import arguments, estimators
from mach_tf.buckets import BucketSpec
from mach_tf.decoding.added_scores import AddedScores
from mach_tf.decoding.decode import Decoded, Decoder, joined
from mach_tf.errors import InputError
from mach_tf.fitted import parameters
from mach_tf.fitted.class_predictions import ClassPredictions, check_columns
from mach_tf.fitted.fitted_classifier import FittedClassifier
from mach_tf.fitted.fitted_labels import FittedLabels
from mach_tf.fitted.label_scores import n_points
from mach_tf.logit_scale import AS_THEY_ARE, LogitScale

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, clone
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.utils import _safe_indexing, check_consistent_length, check_random_state
    from sklearn.utils.parallel import Parallel, delayed
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise ImportError(
        f"mach_tf.MachEnsemble needs scikit-learn ({error}). Install it: pip install 'mach-tf[sklearn]'"
    ) from error

try:
    from sklearn.utils import get_tags
except ImportError:  # before scikit-learn 1.6
    get_tags = None

_NEEDED = ("fit", "predict_proba", "get_params", "set_params")
# Logits of 0 and 1, which forests and constant buckets give: as a larger value one repetition would overrule all others.
_LARGEST_LOGIT = 16.0
# The sketch of the points that are decoded at a time.
_SKETCH_BYTES = 256 << 20


class MachEnsemble(ClassPredictions, ClassifierMixin, BaseEstimator):
    """MACH around any scikit-learn classifier: R clones of it learn buckets of labels instead of labels.

    Args:
      base: an estimator with `fit` and `predict_proba`, such as MultinomialNB() or a Pipeline; None for LogisticRegression().
        It gets X as you give it: an array, a sparse matrix, a DataFrame, or texts if `base` takes texts.
      buckets: B, the number of buckets of each repetition. Labels that share one are told apart by the other repetitions.
      repetitions: R, the number of repetitions.
      aggregator: which estimator combines the bucket scores into a label score; one of `mach_tf.estimators.ESTIMATORS`.
      threshold: the probability from which `predict` assigns a label, where points may have several.
      n_jobs: how many repetitions are trained, or predict, at a time; -1 for all processors, None for one.
      random_state: seed of the bucket table and of the clones, all of whose parameters named `random_state` are set.

    Attributes:
      classes_: the classes. With an indicator matrix these are the column numbers, or the column names of a DataFrame.
      estimators_: the R trained classifiers of buckets.
      n_features_in_: the number of columns of X, if `base` knows it.
      feature_names_in_: the column names of X, if `base` knows them.

    Example:
      >>> from sklearn.naive_bayes import MultinomialNB
      >>> mach = mach_tf.MachEnsemble(MultinomialNB(), buckets=16, repetitions=8, random_state=0).fit(X, Y)
      >>> classes, scores = mach.top_k(X, k=5)
      >>> classes.shape == scores.shape == (len(Y), 5)
      True
    """

    def __init__(
        self,
        base: Any = None,
        buckets: int = 64,
        repetitions: int = 8,
        *,
        aggregator: str = "mean",
        threshold: float = 0.5,
        n_jobs: Optional[int] = None,
        random_state: Any = None,
    ) -> None:
        self.base = base
        self.buckets = buckets
        self.repetitions = repetitions
        self.aggregator = aggregator
        self.threshold = threshold
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> MachEnsemble:
        """Trains a clone of `base` for each repetition.

        Args:
          X: features of n points, as `base` takes them.
          y: labels: one per point (1-D, integers or strings); an indicator matrix [n, labels], dense or sparse; or a sequence of
            label sequences, [["cat", "pet"], [], ["dog"]].

        Raises:
          InputError: an argument or a parameter breaks a rule; it is a ValueError.
        """
        base = _base(self.base)
        _check(base)
        arguments.choice(self.aggregator, "aggregator", estimators.ESTIMATORS)
        parameters.check_threshold(self.threshold)
        spec = BucketSpec(self.buckets, self.repetitions, seed=parameters.seed(self.random_state))
        check_columns(self, X, reset=True)
        labels, indicator = FittedLabels.of(y)
        check_consistent_length(X, indicator)
        table, train = spec.table(len(labels.classes)), _train_single if labels.single else _train_several
        seeds = check_random_state(spec.seed).randint(2**31 - 1, size=spec.repetitions)
        trained = Parallel(n_jobs=self.n_jobs)(
            delayed(train)(_seeded_clone(base, seed), X, indicator, row, spec.buckets)
            for seed, row in zip(seeds.tolist(), table)
        )
        self.estimators_ = trained
        self._model = _BucketClassifiers(trained, table, spec.buckets, labels.single, self.n_jobs)
        self._labels, self.classes_ = labels, labels.classes
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_model")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.input_tags = get_tags(_base(self.base)).input_tags
        return tags

    def _more_tags(self) -> dict[str, Any]:  # what tags were before scikit-learn 1.6
        return {"multilabel": True}

    def _fitted(self, X: Any) -> tuple[FittedClassifier, Any]:
        check_is_fitted(self)
        if hasattr(X, "__array__") and not hasattr(X, "shape"):
            X = np.asarray(X)
        # The base knows best what to say of a single point without its brackets.
        if getattr(X, "ndim", 2) > 1:
            check_columns(self, X, reset=False)
        return FittedClassifier(self._model, self._labels, self.aggregator), X


@dataclasses.dataclass(frozen=True)
class _BucketClassifiers:
    """R trained classifiers of buckets and their bucket table: a `SketchModel` whose input is X itself.

    Attributes:
      classifiers: the classifiers, one for each repetition.
      bucket_table: int32 [R, K].
      buckets: B.
      single: whether the classifiers choose one bucket per point.
      n_jobs: how many predict at a time.
    """

    classifiers: list[Any]
    bucket_table: np.ndarray
    buckets: int
    single: bool
    n_jobs: Optional[int]

    @property
    def labels(self) -> int:
        return self.bucket_table.shape[1]

    @property
    def sketch_shape(self) -> tuple[int, int]:
        return len(self.classifiers), self.buckets

    @property
    def logit_scale(self) -> LogitScale:
        return AS_THEY_ARE

    @functools.cached_property
    def decoder(self) -> Decoder:
        return Decoder.of(self.bucket_table, self.buckets)

    def added_scores(self, estimator: str) -> Sequence[AddedScores]:
        return ()

    def sketches(self, features: Any) -> Iterator[tuple[range, np.ndarray]]:
        count = n_points(features)
        step = max(1, _SKETCH_BYTES // (4 * len(self.classifiers) * self.buckets))
        # Without points too, so that the classifiers say what they have to say about that.
        for begin in range(0, max(1, count), step):
            rows = range(begin, min(begin + step, count))
            part = features if len(rows) == count else _safe_indexing(features, slice(rows.start, rows.stop))
            logits = Parallel(n_jobs=self.n_jobs, prefer="threads")(
                delayed(_logits)(classifier, part, self.buckets, self.single) for classifier in self.classifiers
            )
            yield rows, np.stack(logits, axis=1)

    def decode(self, features: Any, k: int, estimator: str) -> Decoded:
        parts = [estimators.bucket_scores(logits, estimator) for _, logits in self.sketches(features)]
        return joined([self.decoder.top_k(scores, k, estimator) for scores in parts])


def _base(base: Any) -> Any:
    """Returns the base, or the default for None."""
    return LogisticRegression() if base is None else base


def _check(base: Any) -> None:
    missing = [name for name in _NEEDED if isinstance(base, type) or not hasattr(base, name)]
    if missing:
        raise InputError(
            f"base must be an estimator with {', '.join(_NEEDED)} (got {arguments.shown(base)}, which lacks {missing[0]}). "
            "Give an instance that has probabilities, such as SGDClassifier(loss='log_loss'), or wrap it in CalibratedClassifierCV."
        )


def _seeded_clone(base: Any, seed: int) -> Any:
    """Returns a copy of the base that is not trained, all of whose random states are set."""
    copied = clone(base)
    states = [name for name in copied.get_params() if name == "random_state" or name.endswith("__random_state")]
    return copied.set_params(**dict.fromkeys(states, seed))


def _train_single(base: Any, X: Any, indicator: scipy.sparse.csr_matrix, row: np.ndarray, buckets: int) -> Any:
    """Returns a classifier of the bucket of each point's one label; `row` holds the buckets of the labels, [K]."""
    target = row[indicator.indices]
    if (target == target[0]).all():
        # Few labels may all fall into the same bucket, and many classifiers refuse data of one class.
        base = DummyClassifier(strategy="prior")
    return base.fit(X, target)


def _train_several(base: Any, X: Any, indicator: scipy.sparse.csr_matrix, row: np.ndarray, buckets: int) -> Any:
    """Returns a classifier that gives each bucket of a point a probability of its own."""
    ones = np.ones(len(row), np.int32)
    member = scipy.sparse.csr_matrix((ones, row, np.arange(len(row) + 1)), shape=(len(row), buckets))
    target = (indicator.astype(np.int32) @ member).tocsr()
    target.data[:] = 1
    if _takes_several_labels(base):
        return base.fit(X, target.toarray())
    with warnings.catch_warnings():
        # A bucket that no label, or a label of each point, falls into.
        warnings.filterwarnings("ignore", r"Label .* is present in all training examples")
        return OneVsRestClassifier(base).fit(X, target)


def _logits(classifier: Any, X: Any, buckets: int, single: bool) -> np.ndarray:
    """Returns the logits of a classifier's probabilities, float32 [n, B]."""
    found = classifier.predict_proba(X)
    if single:
        shares = np.zeros((len(found), buckets))
        shares[:, classifier.classes_] = found
    elif isinstance(found, list):
        # One array per bucket, with a column for each of the values 0 and 1 that the training data had.
        shares = np.stack([part @ (known == 1) for part, known in zip(found, classifier.classes_)], axis=1)
    else:
        shares = np.asarray(found)
    logits = scipy.special.logit(shares.astype(np.float64))
    return np.clip(logits, -_LARGEST_LOGIT, _LARGEST_LOGIT).astype(np.float32)


def _takes_several_labels(base: Any) -> bool:
    """Returns whether a classifier says of itself that it can be trained on indicator matrices."""
    if get_tags is None:
        return any(base._get_tags().get(name) for name in ("multilabel", "multioutput", "multioutput_only"))
    tags = get_tags(base)
    of_classifier = tags.classifier_tags is not None and tags.classifier_tags.multi_label
    return bool(of_classifier or tags.target_tags.multi_output)
