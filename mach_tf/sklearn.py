"""`mach_tf.MachClassifier`: training, prediction and explanation as a scikit-learn estimator."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Union

import numpy as np
import scipy.sparse

from mach_tf import arguments, estimators, staging
from mach_tf.choices import AUTO
from mach_tf.data import arrays
from mach_tf.fitted import classifier_file, fitting, parameters
from mach_tf.fitted.class_predictions import ClassPredictions, check_columns
from mach_tf.fitted.classifier_file import ClassifierFile
from mach_tf.fitted.fitted_classifier import FittedClassifier
from mach_tf.fitted.fitted_labels import FittedLabels
from mach_tf.fitted.stored_model import StoredModel
from mach_tf.manifest import ModelManifest

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils import check_consistent_length
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise ImportError(
        f"mach_tf.MachClassifier needs scikit-learn ({error}). Install it: pip install 'mach-tf[sklearn]'"
    ) from error

if TYPE_CHECKING:
    from mach_tf.ensemble import Ensemble
    from mach_tf.explanations.explanation import Explanations


class MachClassifier(ClassPredictions, ClassifierMixin, BaseEstimator):
    """A MACH ensemble as a scikit-learn classifier: one label per point or many, from few classes to millions.

    Parameters that are "auto" are chosen by the size of the data, as `mach_tf.fit(plan="auto")` does.

    Args:
      buckets: B, the number of buckets of each repetition.
      repetitions: R, the number of repetitions.
      hidden_units, epochs, batch_size, learning_rate, optimizer_epsilon: training settings; see TrainingConfig.
      dropout, feature_dropout, hidden_init_stddev, task: more training settings. `task="multiclass"`, if each point has one class, trains a
        softmax over the buckets; "auto" gives each bucket a probability of its own.
      ranker: whether to train a ranker too, a sparse linear classifier of each label, which adds to the label scores of the estimator
        "logit_mean". "auto" trains one where labels have few points.
      epsilon, adversarial_weight: adversarial training; `adversarial_weight=0` trains faster, on clean points alone.
      feature_hash_dim: the number of hashed features, or 0 to keep raw ids; "auto" keeps up to 131,072, and hashes more to as many.
      feature_norm: "l2" scales each point to unit length; "none" does not, for features that are standardised already.
      estimator: which estimator combines the bucket scores into a label score; one of `mach_tf.estimators.ESTIMATORS`.
      threshold: the probability from which `predict` assigns a label, where points may have several.
      model_dir: a new directory for the model, which then outlives this object; a training that was stopped goes on there if
        all parameters and data are the same. None keeps the model in a temporary directory that lives as long as the object.
      strategy: "mirrored" trains on all visible devices, "one_device" on the first.
      random_state: seed of weights, bucket table and order of the data; the same seed gives the same predictions.
      verbose: 1 draws progress bars on stderr.

    Attributes:
      classes_: the classes. With an indicator matrix these are the column numbers, or the column names of a DataFrame.
      n_features_in_: the number of columns of X.
      feature_names_in_: the column names of X, if it was a DataFrame whose names are all strings.
      model_: the trained `mach_tf.Ensemble`.

    Example:
      >>> clf = mach_tf.MachClassifier(random_state=0).fit(X, Y)
      >>> classes, scores = clf.top_k(X, k=5)
      >>> classes.shape == scores.shape == (len(Y), 5)
      True
    """

    def __init__(
        self,
        buckets: Union[int, str] = AUTO,
        repetitions: Union[int, str] = AUTO,
        *,
        hidden_units: Union[int, str] = AUTO,
        epochs: Union[int, str] = AUTO,
        batch_size: Union[int, str] = AUTO,
        learning_rate: Union[float, str] = AUTO,
        optimizer_epsilon: Union[float, str] = AUTO,
        dropout: Union[float, str] = AUTO,
        feature_dropout: Union[float, str] = AUTO,
        epsilon: Union[float, str] = AUTO,
        adversarial_weight: Union[float, str] = AUTO,
        hidden_init_stddev: Union[float, str] = AUTO,
        task: str = AUTO,
        ranker: Union[bool, str] = AUTO,
        feature_hash_dim: Union[int, str] = AUTO,
        feature_norm: str = "l2",
        estimator: str = estimators.DEFAULT_ESTIMATOR,
        threshold: float = 0.5,
        model_dir: Union[str, os.PathLike[str], None] = None,
        strategy: str = "mirrored",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.buckets = buckets
        self.repetitions = repetitions
        self.hidden_units = hidden_units
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer_epsilon = optimizer_epsilon
        self.dropout = dropout
        self.feature_dropout = feature_dropout
        self.epsilon = epsilon
        self.adversarial_weight = adversarial_weight
        self.hidden_init_stddev = hidden_init_stddev
        self.task = task
        self.ranker = ranker
        self.feature_hash_dim = feature_hash_dim
        self.feature_norm = feature_norm
        self.estimator = estimator
        self.threshold = threshold
        self.model_dir = model_dir
        self.strategy = strategy
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> MachClassifier:
        """Trains a new model.

        Args:
          X: features [n, features] of any real dtype: an array, a SciPy sparse matrix of any format, or a DataFrame.
          y: labels: one per point (1-D, integers or strings); an indicator matrix [n, labels], dense or sparse; or a sequence of
            label sequences, [["cat", "pet"], [], ["dog"]].

        Raises:
          InputError: an argument or a parameter breaks a rule; it is a ValueError.
        """
        parameters.check(given := self.get_params(deep=False))
        features = self._features(X, fitting=True)
        labels, indicator = FittedLabels.of(y)
        check_consistent_length(features, indicator)
        spec = fitting.feature_spec(features.shape[1], self.feature_hash_dim, self.feature_norm)
        self._stored = fitting.train(features, indicator, spec, self.model_dir, parameters.keywords(given))
        self._labels, self.classes_ = labels, labels.classes
        if self.model_dir is not None:
            self._write(self._stored.directory)
        return self

    def explain(self, X: Any, labels: Any = None, **options: Any) -> Explanations:
        """Explains label scores by the features, with Integrated Gradients.

        Args:
          X: features, as for `fit`.
          labels: the classes to explain for each point, [n] or [n, m]; None explains each point's best class.
          **options: more arguments of `mach_tf.Ensemble.explain`, such as `method` and `baseline`.

        Returns:
          Attributions, CSR [n * m, features], which display themselves in a notebook; `labels` are positions in `classes_`.
        """
        check_is_fitted(self)
        features = self._features(X)
        ids = None if labels is None else self._labels.ids(labels)
        if hasattr(self, "feature_names_in_"):
            options.setdefault("feature_names", self.feature_names_in_.tolist())
        if self.classes_.dtype.kind in "OU":
            options.setdefault("label_names", self.classes_.tolist())
        return self.model_.explain(features, ids, estimator=self.estimator, **options)

    @property
    def model_(self) -> Ensemble:
        """The trained model."""
        check_is_fitted(self)
        return self._stored.open()

    def save(self, directory: Union[str, os.PathLike[str]], overwrite: bool = False) -> None:
        """Writes the fitted estimator as a model directory with classifier.json; nothing is pickled.

        Args:
          directory: a new or empty directory.
          overwrite: whether to replace an estimator saved there before.

        Raises:
          InputError: `directory` exists and may not be replaced.
        """
        check_is_fitted(self)
        path = os.path.abspath(arguments.path(directory, "directory"))
        classifier_file.check_free(path, overwrite)
        with staging.staged(path, lambda: classifier_file.check_free(path, overwrite)) as temporary:
            self._stored.copy_to(temporary)
            self._write(temporary)

    @classmethod
    def load(cls, directory: Union[str, os.PathLike[str]]) -> MachClassifier:
        """Opens what `save` wrote, or the `model_dir` of a fitted estimator; the directory must outlive the result.

        Args:
          directory: the model directory.

        Raises:
          InputError: `directory` holds no estimator, or a damaged one; the message names the file.
        """
        path = os.path.abspath(arguments.path(directory, "directory"))
        model = ModelManifest.read(path)
        saved = ClassifierFile.read(path, model, cls().get_params())
        made = cls(**saved.parameters)
        stored = StoredModel(path, ranker=made.ranker is not False)
        stored.open()
        made._labels, made._stored, made.classes_ = saved.labels, stored, saved.labels.classes
        made.n_features_in_ = model.features
        if saved.feature_names is not None:
            made.feature_names_in_ = np.array(saved.feature_names, object)
        return made

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_stored")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags

    def _more_tags(self) -> dict[str, Any]:  # what tags were before scikit-learn 1.6
        return {"multilabel": True}

    def _features(self, X: Any, fitting: bool = False) -> scipy.sparse.csr_matrix:
        """Converts features, and remembers the columns' number and names, or compares them with those of `fit`."""
        # Names come before values: a column that was selected by a wrong name holds NaN.
        named = hasattr(X, "columns")
        if named:
            check_columns(self, X, reset=fitting)
        features = arrays.feature_matrix(X, min_rows=int(fitting))
        if not named:
            check_columns(self, X, reset=fitting)
        return features

    def _fitted(self, X: Any) -> tuple[FittedClassifier, scipy.sparse.csr_matrix]:
        check_is_fitted(self)
        features = self._features(X)
        model = self._stored.open()
        return FittedClassifier(model, self._labels, self.estimator), model.hash(features)

    def _write(self, directory: str) -> None:
        names = self.feature_names_in_.tolist() if hasattr(self, "feature_names_in_") else None
        ClassifierFile({**self.get_params(deep=False), "model_dir": None}, self._labels, names).write(directory)
