"""The labels that an estimator was fitted to: which classes there are, and the form in which predictions go back."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable
from typing import Any, Optional, Union

import numpy as np
import scipy.sparse

from mach_tf.data import arrays
from mach_tf.data.label_sequences import is_label_matrix, label_sequences
from mach_tf.errors import InputError

SINGLE, SEQUENCES, DENSE, SPARSE_MATRIX, SPARSE_ARRAY = "single", "sequences", "dense", "sparse_matrix", "sparse_array"
FORMS = (SINGLE, SEQUENCES, DENSE, SPARSE_MATRIX, SPARSE_ARRAY)

Predicted = Union[np.ndarray, scipy.sparse.csr_matrix, list]


@dataclasses.dataclass(frozen=True)
class FittedLabels:
    """Classes, and the form of the labels that an estimator was fitted to.

    Attributes:
      form: one of FORMS: one class per point, a sequence of classes per point, or an indicator matrix.
      classes: the K classes; label l of the model is classes[l].
      dtype: of an indicator matrix; None for other forms.
    """

    form: str
    classes: np.ndarray
    dtype: Optional[str] = None

    @classmethod
    def of(cls, y: Any, name: str = "y") -> tuple[FittedLabels, scipy.sparse.csr_matrix]:
        """Reads training labels.

        Args:
          y: one label per point (1-D), a sequence of label sequences, or an indicator matrix [n, K], dense or sparse.
          name: what messages call y.

        Returns:
          The labels' form, and the labels as float32 CSR [n, K].

        Raises:
          InputError: y breaks a rule, or names fewer than two classes.
        """
        if y is None:
            raise InputError(f"A classifier requires {name} to be passed, but the target {name} is None.")
        y = _without_column(y, name)
        if is_label_matrix(y):
            return cls._of_matrix(y, name)
        found = label_sequences(y, name)
        labels = cls(SINGLE if found.single else SEQUENCES, found.classes)
        _check_classes(len(labels.classes), f": {found.classes.tolist()[0]!r}", name)
        return labels, found.indicator

    @classmethod
    def _of_matrix(cls, y: Any, name: str) -> tuple[FittedLabels, scipy.sparse.csr_matrix]:
        indicator = arrays.label_matrix(y, name=name)
        count = indicator.shape[1]
        _check_classes(count, "", name)
        if scipy.sparse.issparse(y):
            marks = scipy.sparse.coo_matrix(y)
            _check_indicator(marks.data, marks.row, marks.col, name)
            form = SPARSE_MATRIX if isinstance(y, scipy.sparse.spmatrix) else SPARSE_ARRAY
            return cls(form, np.arange(count), np.dtype(y.dtype).str), indicator
        values = np.asarray(y)
        rows, columns = np.nonzero(values > 1)
        _check_indicator(values[rows, columns], rows, columns, name)
        dtype = values.dtype if values.dtype.kind in "biuf" else np.dtype(np.int64)
        names = list(getattr(y, "columns", ()))
        named = names and len(set(names)) == count and all(isinstance(name, str) for name in names)
        return cls(DENSE, np.array(names, object) if named else np.arange(count), dtype.str), indicator

    @property
    def single(self) -> bool:
        """Returns whether each point has one class."""
        return self.form == SINGLE

    def predicted(self, labels: scipy.sparse.csr_matrix) -> Predicted:
        """Returns predicted labels in the form of the training labels.

        Args:
          labels: CSR [n, K], an entry for each predicted label; with one class per point, one in each row.
        """
        if self.form == SINGLE:
            return self.classes[labels.indices]
        if self.form == SEQUENCES:
            names = self.classes[labels.indices].tolist()
            return [names[begin:end] for begin, end in zip(labels.indptr[:-1], labels.indptr[1:])]
        indicator = scipy.sparse.csr_matrix(
            (np.ones(labels.nnz, self.dtype), labels.indices, labels.indptr), shape=labels.shape
        )
        if self.form == DENSE:
            return indicator.toarray()
        return indicator if self.form == SPARSE_MATRIX else scipy.sparse.csr_array(indicator)

    def ids(self, classes: Any) -> np.ndarray:
        """Returns the label ids of classes, int64 of the same shape.

        Args:
          classes: an array of classes, of any shape.

        Raises:
          InputError: one of them is no class of the training labels.
        """
        asked = np.asarray(classes, object)
        place_of = {label: place for place, label in enumerate(self.classes.tolist())}
        try:
            return np.array([place_of[label] for label in asked.flat], np.int64).reshape(asked.shape)
        except (KeyError, TypeError):
            unknown = next(label for label in asked.flat if not _is_in(label, place_of))
            raise InputError(
                f"labels must be classes that the estimator was fitted to, those of classes_ (got {unknown!r:.60})."
            ) from None

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as values that JSON can hold."""
        count = len(self.classes)
        numbered = self.classes.dtype.kind in "biuf" and np.array_equal(self.classes, np.arange(count))
        return {
            "form": self.form,
            "dtype": self.dtype,
            "count": count,
            "classes_dtype": self.classes.dtype.str,
            # Most often all columns of an indicator matrix, by number.
            "classes": None if numbered else self.classes.tolist(),
        }

    @classmethod
    def from_json(cls, value: Any) -> FittedLabels:
        """Returns what `to_json` was given.

        Raises:
          ValueError, TypeError, KeyError: `value` is something else.
        """
        form, dtype, count, classes = (value[key] for key in ("form", "dtype", "count", "classes"))
        if form not in FORMS or (dtype is None) != (form in (SINGLE, SEQUENCES)):
            raise ValueError(f"form {form!r} and dtype {dtype!r} do not go together")
        kind = np.dtype(value["classes_dtype"])
        made = np.arange(count, dtype=kind) if classes is None else np.array(classes, kind)
        if made.shape != (count,) or (kind.kind == "O" and not all(isinstance(label, str) for label in classes)):
            raise ValueError(f"classes must be {count} labels")
        return cls(form, made, None if dtype is None else np.dtype(dtype).str)


def _without_column(y: Any, name: str) -> Any:
    """Makes a column of labels one label per point, with the warning that scikit-learn gives."""
    if scipy.sparse.issparse(y) or isinstance(y, (list, tuple)) or not hasattr(y, "__array__"):
        return y
    values = np.asarray(y)
    if values.ndim != 2 or values.shape[1] != 1:
        return y
    from sklearn.exceptions import DataConversionWarning

    warnings.warn(
        f"A column-vector {name} was passed when a 1d array was expected. Please change the shape of {name} to (n_samples, ), "
        "for example using ravel().",
        DataConversionWarning,
        stacklevel=4,
    )
    return values[:, 0]


def _check_classes(count: int, which: str, name: str) -> None:
    if count < 2:
        raise InputError(f"{name} must have at least 2 classes (got {count} class{which}).")


def _check_indicator(values: np.ndarray, rows: np.ndarray, columns: np.ndarray, name: str) -> None:
    """Refuses what scikit-learn calls multi-output: columns of class numbers instead of marks."""
    wrong = np.flatnonzero(values > 1)
    if len(wrong):
        first = wrong[0]
        raise InputError(
            f"{name} must hold 0 or 1 if it is 2-D, one column per label (got {values[first]} in row {rows[first]}, column "
            f"{columns[first]}). Use lists for points that have several labels: [[3, 17], [4]]."
        )


def _is_in(label: Any, place_of: dict[Any, int]) -> bool:
    try:
        return label in place_of
    except TypeError:
        return False


def same_labels(ours: Iterable[Iterable[Any]], theirs: Iterable[Iterable[Any]]) -> np.ndarray:
    """Returns bool [n], whether two sequences give a point the same set of labels."""
    return np.array([set(a) == set(b) for a, b in zip(ours, theirs)], bool)
