from __future__ import annotations

import numpy as np
import pytest

from mach_tf.errors import InputError
from mach_tf.text.label_vocabulary import LabelVocabulary

COUNTS = {"physics": 2, "optics": 7, "art": 2, "zoo": 1}


def test_ids_descend_with_counts_and_ties_are_in_the_order_of_keys():
    labels = LabelVocabulary.of_counts(COUNTS)
    assert labels.keys == labels.names == ["optics", "art", "physics", "zoo"] and len(labels) == 4
    shuffled = LabelVocabulary.of_counts(dict(sorted(COUNTS.items())))
    assert shuffled.keys == labels.keys and shuffled.ids == labels.ids
    assert labels.differing_keys is None and labels.rare == 0 and labels.unnamed is None


def test_rare_labels_are_left_out_and_counted():
    labels = LabelVocabulary.of_counts({**COUNTS, "map": 1}, 2)
    assert labels.keys == ["optics", "art", "physics"] and labels.rare == 2
    with pytest.raises(InputError, match=r"min_label_count must leave a label \(got 8, and no label has more than 7"):
        LabelVocabulary.of_counts(COUNTS, 8)


def test_names_stand_for_keys_where_they_are_known():
    labels = LabelVocabulary.of_counts(COUNTS, names={"art": "Fine art", "unused": "?"})
    assert labels.names == ["optics", "Fine art", "physics", "zoo"] and labels.unnamed == 3
    assert labels.differing_keys == labels.keys


def test_names_by_position_make_the_labels_their_own_ids():
    names = ["zero", "one", "two", "three"]
    labels = LabelVocabulary.of_positions({"3": 1, "0": 5}, names, "lbl.txt")
    assert list(labels.keys) == ["0", "1", "2", "3"] and list(labels.names) == names and labels.ids["1"] == 1
    some = LabelVocabulary.of_positions({"1": 2}, ["", "one"], "lbl.txt")
    assert list(some.names) == ["0", "one"] and some.unnamed == 1
    rare = LabelVocabulary.of_positions({"3": 1, "0": 5}, names, "lbl.txt", 2)
    assert rare.ids == {"0": 0} and len(rare) == 4 and rare.rare == 1
    assert (labels.untrained, some.untrained, rare.untrained) == (2, 1, 3)
    with pytest.raises(InputError, match=r"whole numbers below 4, the number of names in lbl\.txt \(got '4'\)"):
        LabelVocabulary.of_positions({"1": 2, "4": 1}, names, "lbl.txt")
    with pytest.raises(InputError, match="min_label_count must leave a label"):
        LabelVocabulary.of_positions({"1": 2}, names, "lbl.txt", 3)


def test_records_are_encoded_in_ascending_ids_without_what_is_unknown():
    labels = LabelVocabulary.of_counts(COUNTS)
    splits, ids, unknown = labels.encode([("physics", "optics", "new"), (), ("art",), ("new",)])
    np.testing.assert_array_equal(splits, [0, 2, 2, 3, 3])
    np.testing.assert_array_equal(ids, [0, 2, 1])
    assert splits.dtype == ids.dtype == np.int64 and unknown == ["new", "new"]
    splits, ids, unknown = labels.encode([])
    assert splits.tolist() == [0] and ids.dtype == np.int64 and unknown == []
