from __future__ import annotations

import numpy as np
import pytest

import mach_tf
from mach_tf.data import one_label
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.errors import InputError


def written(directory, labels):
    mach_tf.write_dataset(np.eye(len(labels)), labels, str(directory), points_per_shard=2)
    return DatasetReader.open(str(directory))


def test_points_of_one_label_pass_without_being_read(tmp_path, monkeypatch):
    data = written(tmp_path / "data", [["a"], ["b"], ["a"]])
    one_label.check_points(data.read_points("train"), "of these")
    monkeypatch.setattr(DatasetReader, "iterate_points", None)
    one_label.check_split(data, "train")


@pytest.mark.parametrize(
    ("labels", "got"),
    [
        ([["a"], ["b"], ["a", "b"], ["c", "a"]], r"2 labels \(0, 1\) for point 2 of the train split"),
        ([["a"], [], ["b"]], "none for point 1 of the train split"),
        ([["a", "b"], [], ["b"]], r"2 labels \(0, 1\) for point 0"),  # as many labels as points
        ([["b"], list("abcdefg")], r"7 labels \(0, 1, 2, 3, 4, \.\.\.\) for point 1"),
    ],
)
def test_the_first_point_that_breaks_the_rule_is_named(tmp_path, labels, got):
    data = written(tmp_path / "data", labels)
    with pytest.raises(InputError, match=rf"exactly one label if task is multiclass \(got {got}"):
        one_label.check_split(data, "train")
    with pytest.raises(InputError, match=r"Train with task=multilabel"):
        one_label.check_points(data.read_points("train"), "of these")
