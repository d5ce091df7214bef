"""The data of a comparison: a data set's points for training and for measuring, and the files that all arms read.

Bags of words have one matrix of features for all arms. Of texts, mach_tf makes its own features, and the peers get scikit-learn's tf-idf
with the settings that were best for Bonsai on held-out points of tib-core-text: single words without English stop words, sublinear.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import unicodedata
from typing import Any, Union

import numpy as np
import scipy.sparse

from mach_tf import files
from mach_tf.data import libsvm
from mach_tf.data.textfile import opener
from mach_tf.errors import InputError
from mach_tf.text.readers.annif import parse_subjects

WORD = r"[^\W_]+"
SIZES_FILE = "sizes.json"
# The part of the training points that is held out where a data set has no validation split.
_HELD_OUT = 0.15
_BAGS, _TEXTS = "txt.xz", "tsv.xz"


@dataclasses.dataclass(frozen=True)
class Part:
    """Points with their labels.

    Attributes:
      features: float32 CSR [n, features], or n texts.
      labels: CSR [n, K], canonical; every stored entry marks a label.
    """

    features: Union[scipy.sparse.csr_matrix, list[str]]
    labels: scipy.sparse.csr_matrix

    def take(self, rows: np.ndarray) -> Part:
        """Returns the points with these numbers, in this order."""
        if isinstance(self.features, list):
            return Part([self.features[i] for i in rows], self.labels[rows])
        return Part(self.features[rows], self.labels[rows])


@dataclasses.dataclass(frozen=True)
class Data:
    """A data set.

    Attributes:
      train: the points to train with.
      test: the points to measure on: those of the test split, or held-out ones.
    """

    train: Part
    test: Part


def read(folder: str, split: str) -> Data:
    """Reads a data set.

    Args:
      folder: holds train.txt.xz and test.txt.xz (bags of words), or train.tsv.xz and test.tsv.xz (texts, as TSV corpora of Annif), and
        perhaps valid.txt.xz or valid.tsv.xz.
      split: "test" measures on the test split; "valid" on the validation split or, without one, on 15% of the training points, which are
        then left out of training.

    Returns:
      The data. Bags of words keep all labels of their header; texts those with a training point, as mach_tf.preprocess does.

    Raises:
      InputError: the folder holds no such files.
    """
    ending = next((e for e in (_BAGS, _TEXTS) if os.path.isfile(os.path.join(folder, f"train.{e}"))), None)
    if ending is None:
        raise InputError(f"{folder} must hold train.{_BAGS} or train.{_TEXTS}. Name a folder of such a data set.")
    read_part = _read_bags if ending == _BAGS else _read_texts
    names = ["train", split]
    if split == "valid" and not os.path.isfile(os.path.join(folder, f"valid.{ending}")):
        names = ["train"]
    parts = read_part([os.path.join(folder, f"{name}.{ending}") for name in names])
    if len(parts) == 1:
        order = np.random.default_rng(0).permutation(parts[0].labels.shape[0])
        held = round(_HELD_OUT * len(order))
        parts = [parts[0].take(np.sort(rows)) for rows in (order[held:], order[:held])]
    data = Data(*parts)
    return known_labels(data, drop_points=False) if ending == _TEXTS else data


def known_labels(data: Data, drop_points: bool) -> Data:
    """Returns the data with those labels alone that have a training point, numbered anew.

    Args:
      data: the data.
      drop_points: whether to leave out the points that have no label then, and the features that no training point has.
    """
    known = np.flatnonzero(np.bincount(data.train.labels.indices, minlength=data.train.labels.shape[1]))
    train, test = (Part(part.features, _canonical(part.labels[:, known])) for part in (data.train, data.test))
    if not drop_points:
        return Data(train, test)
    train, test = (part.take(np.flatnonzero(np.diff(part.labels.indptr))) for part in (train, test))
    if not isinstance(train.features, list):
        assert not isinstance(test.features, list)
        present = np.flatnonzero(np.bincount(train.features.indices, minlength=train.features.shape[1]))
        train = Part(_canonical(train.features[:, present]), train.labels)
        test = Part(_canonical(test.features[:, present]), test.labels)
    return Data(train, test)


def write(folder: str, data: Data) -> None:
    """Writes the files that arms read; SIZES_FILE comes last, so that where it exists the others are complete.

    These are train.x.npz, train.y.npz, test.x.npz and test.y.npz and, for texts, train.jsonl and test.jsonl, whose labels are the numbers of
    the columns of y.
    """
    os.makedirs(folder, exist_ok=True)
    texts = isinstance(data.train.features, list)
    if texts:
        _write_records(os.path.join(folder, "train.jsonl"), data.train)
        _write_records(os.path.join(folder, "test.jsonl"), data.test)
        features = _tfidf(data.train.features, data.test.features)
    else:
        features = (_unit_rows(data.train.features), _unit_rows(data.test.features))
    for name, x, part in zip(("train", "test"), features, (data.train, data.test)):
        scipy.sparse.save_npz(os.path.join(folder, f"{name}.x.npz"), x)
        scipy.sparse.save_npz(os.path.join(folder, f"{name}.y.npz"), part.labels)
    labels = data.train.labels
    sizes = {
        "points": labels.shape[0],
        "test_points": data.test.labels.shape[0],
        "features": features[0].shape[1],
        "labels": labels.shape[1],
        "features_per_point": round(features[0].nnz / labels.shape[0], 1),
        "labels_per_point": round(labels.nnz / labels.shape[0], 2),
        "texts": texts,
    }
    files.write_json(os.path.join(folder, SIZES_FILE), sizes)


def _read_bags(paths: list[str]) -> list[Part]:
    parts = []
    for path in paths:
        header, points = libsvm.read_points(path)
        parts.append(Part(points.features(header.features), points.labels(header.labels)))
    return parts


def _read_texts(paths: list[str]) -> list[Part]:
    """Reads texts; labels are numbered in the order of their names."""
    records = []
    for path in paths:
        with opener(path)(path, "rb") as file:
            lines = file.read().decode().splitlines()
        records.append([(text, parse_subjects(subjects)) for text, _, subjects in (s.partition("\t") for s in lines)])
    names = {name: i for i, name in enumerate(sorted({name for part in records for _, ls in part for name in ls}))}
    parts = []
    for part in records:
        ids = [sorted({names[label] for label in labels}) for _, labels in part]
        flat = np.array([label for row in ids for label in row], np.int64)
        splits = np.cumsum([0, *map(len, ids)])
        matrix = scipy.sparse.csr_matrix((np.ones(len(flat), np.float32), flat, splits), (len(part), len(names)))
        parts.append(Part([text for text, _ in part], matrix))
    return parts


def _write_records(path: str, part: Part) -> None:
    assert isinstance(part.features, list)
    with open(path, "w", encoding="utf-8") as file:
        for i, text in enumerate(part.features):
            labels = part.labels.indices[slice(*part.labels.indptr[i : i + 2])]
            file.write(json.dumps({"text": text, "labels": [str(label) for label in labels]}) + "\n")


def _tfidf(train: Any, test: Any) -> tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix]:
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError:
        raise InputError("Texts need scikit-learn, for the peers' features. Run pip install scikit-learn.") from None
    normalise = functools.partial(unicodedata.normalize, "NFKC")
    vectorizer = TfidfVectorizer(
        preprocessor=lambda text: normalise(normalise(text.lower()).lower()),
        token_pattern=WORD,
        stop_words="english",
        min_df=2,
        sublinear_tf=True,
        dtype=np.float32,
    )
    return _canonical(vectorizer.fit_transform(train)), _canonical(vectorizer.transform(test))


def _unit_rows(features: Any) -> scipy.sparse.csr_matrix:
    norms = np.sqrt(np.asarray(features.multiply(features).sum(axis=1)).ravel())
    scaled = scipy.sparse.diags(1 / np.where(norms > 0, norms, 1)) @ features
    return _canonical(scaled.astype(np.float32))


def _canonical(matrix: Any) -> scipy.sparse.csr_matrix:
    matrix = scipy.sparse.csr_matrix(matrix)
    matrix.sum_duplicates()
    matrix.sort_indices()
    return matrix
