"""Labels to explain as ids, names, keys and texts; test_ensemble.py has the arrays that are refused."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf.errors import InputError
from mach_tf.explanations.labels_to_explain import labels_to_explain
from mach_tf.label_titles import LabelTitles

TITLES = LabelTitles(["cat", "a, b", "dog", "cat"], ["k0", "k1", "k2", "k3"])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([1, 3], [1, 3]),
        (np.array([[1, 3], [0, 2]], np.uint8), [[1, 3], [0, 2]]),
        (["dog", "k0"], [2, 0]),
        ([["a, b", "id:3"], ["2", "k3"]], [[1, 3], [2, 3]]),
        ("dog,a, b", [[2, 1], [2, 1]]),
    ],
)
def test_ids_names_and_keys(labels, expected):
    assert labels_to_explain(labels, 2, 4, TITLES).tolist() == expected


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["cat", "dog"], r"the name of 2 labels\)\. Give id:0 or id:3"),
        ("Dog", "Did you mean 'dog'"),
        ("", "equally many for each point"),
        ([4, 0], r"labels must be in \[0, 4\) \(got 0 to 4\)"),
        ([1], "equally many for each point"),
        ([["dog"], ["dog", "k0"]], "equally many for each point"),
    ],
)
def test_what_is_not_one_label_is_refused(labels, message):
    with pytest.raises(InputError, match=message):
        labels_to_explain(labels, 2, 4, TITLES)


def test_texts_without_names_are_refused():
    with pytest.raises(InputError, match="must be integers"):
        labels_to_explain(["a", "b"], 2, 4, LabelTitles())
