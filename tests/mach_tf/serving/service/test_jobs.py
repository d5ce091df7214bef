from __future__ import annotations

import numpy as np

from mach_tf.serving.service import jobs
from mach_tf.serving.service.jobs import Job


def test_points_of_several_jobs_are_one_call():
    one = Job("sparse", {"row_splits": np.array([0, 2]), "feature_ids": np.array([3, 4])}, 1, 2)
    other = Job("sparse", {"row_splits": np.array([0, 0, 1]), "feature_ids": np.array([5])}, 2, 7)
    merged = jobs.merge([one, other])
    assert merged.inputs["row_splits"].tolist() == [0, 2, 2, 3]
    assert merged.inputs["feature_ids"].tolist() == [3, 4, 5]
    assert (merged.points, merged.k) == (3, 7)
    assert jobs.merge([one]) is one


def test_an_answer_is_divided_by_points_ranks_and_words():
    both = [Job("explain_text", {}, 1, 1), Job("explain_text", {}, 2, 3)]
    answer = {
        "labels": np.arange(9).reshape(3, 3),
        "version": np.array([7, 7, 7]),
        "words": np.array([[b"a", b""], [b"b", b"c"], [b"", b""]], object),
        "word_fields": np.array([[0, -1], [0, 0], [-1, -1]]),
        "word_begins": np.array([[0, -1], [0, 2], [-1, -1]]),
        "word_ends": np.array([[1, -1], [1, 3], [-1, -1]]),
        "word_attributions": np.arange(18).reshape(3, 3, 2),
    }
    first, second = jobs.divide(answer, both)
    assert first["labels"].tolist() == [[0]]
    assert first["version"].tolist() == [7]
    assert first["words"].tolist() == [[b"a"]], "the padding for another job's text is gone"
    assert first["word_attributions"].tolist() == [[[0]]]
    assert second["labels"].tolist() == [[3, 4, 5], [6, 7, 8]]
    assert second["words"].shape == (2, 2)
    assert second["word_attributions"].shape == (2, 3, 2)


def test_true_labels_of_several_jobs_get_one_width():
    one = Job("attack", {"true_labels": np.array([[3]]), "epsilon": np.array([0.5])}, 1, 2)
    other = Job("attack", {"true_labels": np.array([[1, 2], [4, -1]]), "epsilon": np.array([0.1, 0.1])}, 2, 2)
    merged = jobs.merge([one, other])
    assert merged.inputs["true_labels"].tolist() == [[3, -1], [1, 2], [4, -1]]
    assert merged.inputs["epsilon"].tolist() == [0.5, 0.1, 0.1]


def test_moves_are_not_cut_at_k():
    answer = {"labels": np.arange(6).reshape(2, 3), "moves": np.arange(8).reshape(2, 4)}
    first, _ = jobs.divide(answer, [Job("attack", {}, 1, 1), Job("attack", {}, 1, 3)])
    assert first["labels"].tolist() == [[0]]
    assert first["moves"].tolist() == [[0, 1, 2, 3]]
