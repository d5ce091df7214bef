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
from mach_tf.fitted.classifier_file import ClassifierFile
from mach_tf.fitted.fitted_classifier import FittedClassifier
from mach_tf.fitted.fitted_labels import SEQUENCES, FittedLabels, Predicted, same_labels
from mach_tf.fitted.stored_model import StoredModel

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.metrics import accuracy_score
    from sklearn.utils import check_consistent_length
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise ImportError(
        f"mach_tf.MachClassifier needs scikit-learn ({error}). Install it: pip install 'mach-tf[sklearn]'"
    ) from error

if TYPE_CHECKING:
    from mach_tf.ensemble import Ensemble
    from mach_tf.explanations.explanation import Explanations


class MachClassifier(ClassifierMixin, BaseEstimator):
    """A MACH ensemble as a scikit-learn classifier: one label per point or many, from few classes to millions.

    Parameters that are "auto" are chosen by the size of the data, as `mach_tf.fit(plan="auto")` does.

    Args:
      buckets: B, the number of buckets of each repetition.
      repetitions: R, the number of repetitions.
      hidden_units, epochs, batch_size, learning_rate, optimizer_epsilon: training settings; see TrainingConfig.
      dropout, feature_dropout, hidden_init_stddev: more training settings.
      epsilon, adversarial_weight: adversarial training; `adversarial_weight=0` trains faster, on clean points alone.
      feature_hash_dim: the number of hashed features, or 0 to keep raw ids; "auto" hashes if X has more than 50,000 columns.
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

    def predict(self, X: Any) -> Predicted:
        """Predicts labels in the form of the training labels.

        Args:
          X: features, as for `fit`.

        Returns:
          The class of each point [n] if each training point had one; otherwise the labels whose probability is at least
          `threshold`, as an indicator matrix (sparse if y was) or as a list of lists of classes.
        """
        return self._fitted().predict(self._features(X), self.threshold)

    def top_k(self, X: Any, k: int = 5) -> tuple[np.ndarray, np.ndarray]:
        """Finds the k best classes of each point, without computing the scores of all.

        Args:
          X: features, as for `fit`.
          k: in [1, K].

        Returns:
          Classes [n, k], best first, and their label scores, float32 [n, k].
        """
        return self._fitted().top_k(self._features(X), k)

    def decision_function(self, X: Any) -> np.ndarray:
        """Computes the label scores of all classes.

        Args:
          X: features, as for `fit`.

        Returns:
          Label scores, float32 [n, K]. If each point has one of two classes: float64 [n], the log-odds of the second.

        Raises:
          InputError: the result would take a large part of the memory; `top_k` does not need it.
        """
        return self._fitted().decision_function(self._features(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Computes the probabilities of all classes.

        Args:
          X: features, as for `fit`.

        Returns:
          float64 [n, K]. The rows add up to 1 if each point has one class; otherwise each label has a probability of its own.

        Raises:
          InputError: as `decision_function`.
        """
        return self._fitted().predict_proba(self._features(X))

    def explain(self, X: Any, labels: Any = None, **options: Any) -> Explanations:
        """Explains label scores by the features, with Integrated Gradients.

        Args:
          X: features, as for `fit`.
          labels: the classes to explain for each point, [n] or [n, m]; None explains each point's best class.
          **options: more arguments of `mach_tf.Ensemble.explain`, such as `method` and `baseline`.

        Returns:
          Attributions, CSR [n * m, features], which display themselves in a notebook; `labels` are positions in `classes_`.
        """
        if hasattr(self, "feature_names_in_"):
            options.setdefault("feature_names", self.feature_names_in_.tolist())
        return self._fitted().explain(self._features(X), labels, **options)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Computes the accuracy of `predict`.

        If points may have several labels this is scikit-learn's subset accuracy: the share of points with exactly the true labels
        predicted. `mach_tf.evaluate` computes P@k and other measures of ranking.

        Args:
          X: features, as for `fit`.
          y: true labels, in the form of the training labels.
          sample_weight: weights of the points [n]; None weighs all alike.
        """
        predicted = self.predict(X)
        if self._labels.form == SEQUENCES:
            check_consistent_length(predicted, y)
            return float(np.average(same_labels(predicted, y), weights=sample_weight))
        return float(accuracy_score(y, predicted, sample_weight=sample_weight))

    @property
    def model_(self) -> Ensemble:
        """The trained model."""
        return self._fitted().model

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
        stored = StoredModel(os.path.abspath(arguments.path(directory, "directory")))
        model = stored.open().manifest
        saved = ClassifierFile.read(stored.directory, model, cls().get_params())
        made = cls(**saved.parameters)
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
            self._check_columns(X, reset=fitting)
        features = arrays.feature_matrix(X, min_rows=int(fitting))
        if not named:
            self._check_columns(X, reset=fitting)
        return features

    def _check_columns(self, X: Any, reset: bool) -> None:
        try:
            from sklearn.utils.validation import validate_data
        except ImportError:  # before scikit-learn 1.6
            self._check_feature_names(X, reset=reset)
            self._check_n_features(X, reset=reset)
        else:
            validate_data(self, X, reset=reset, skip_check_array=True)

    def _fitted(self) -> FittedClassifier:
        check_is_fitted(self)
        return FittedClassifier(self._stored, self._labels, self.estimator)

    def _write(self, directory: str) -> None:
        names = self.feature_names_in_.tolist() if hasattr(self, "feature_names_in_") else None
        ClassifierFile({**self.get_params(deep=False), "model_dir": None}, self._labels, names).write(directory)
