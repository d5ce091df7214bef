from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from mach_tf.training.training_data import read_dataset, unusual
from tests.helpers import sample


def test_a_dataset_with_training_points(dataset):
    assert read_dataset(dataset) == DatasetManifest.read(dataset)


def test_a_dataset_without(tmp_path):
    points = sample.random_points(20)
    sample.write(str(tmp_path), train=points[np.zeros(20, bool)], valid=points)
    with pytest.raises(InputError, match="the train split must have points"):
        read_dataset(str(tmp_path))


def test_what_is_unusual_is_a_sentence_each(tmp_path):
    labels = scipy.sparse.csr_matrix(np.eye(4, 6, dtype=np.float32))
    path = str(tmp_path / "data")
    dataset = mach_tf.write_dataset(np.ones((4, 9), np.float32), labels, path)
    assert unusual(path, dataset, buckets=8, batch_size=5) == [
        "batch_size=5 is larger than the data: each epoch is one batch of 4.",
        "buckets=8 exceeds the 6 labels: at least 2 buckets of each repetition stay empty.",
        "2 of 6 labels have no training point; they get the scores of other labels in their buckets.",
    ]
    assert len(unusual(path, dataset, buckets=6, batch_size=4)) == 1


def test_nothing_unusual(tmp_path):
    labels = scipy.sparse.csr_matrix(np.eye(4, dtype=np.float32))
    path = str(tmp_path / "data")
    dataset = mach_tf.write_dataset(np.ones((4, 9), np.float32), labels, path)
    assert unusual(path, dataset, buckets=4, batch_size=4) == []
