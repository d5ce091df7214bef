"""Labels by ids and names, in lists, texts and files."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf.errors import InputError
from mach_tf.label_selection import select_labels

NAMES = ["cat", "a,b", "dog", "cat", "2"]


@pytest.mark.parametrize(
    "given", ["3,1,3", " 3 , 1 ", [3, 1], (1, 3, 3), {1, 3}, np.array([3, 1], np.uint8), ["3", "1"]]
)
@pytest.mark.parametrize("names", [None, NAMES])
def test_ids(given, names):
    found = select_labels(given, 5, names)
    assert found.tolist() == [1, 3] and found.dtype == np.int64


@pytest.mark.parametrize(
    ("given", "ids"), [("dog", [2]), ("cat,dog", [0, 2, 3]), (["a,b", "4"], [1, 4]), (np.array(["dog", "a,b"]), [1, 2])]
)
def test_names(given, ids):
    assert select_labels(given, 5, NAMES).tolist() == ids


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ("k:2,dog", [2]),
        (["k:0", "k:4"], [0, 4]),
        ("id:2", [2]),
        (["id:2", "cat"], [0, 2, 3]),
        ("2", "ambiguous"),
        ([2], [2]),
        ("id:5", "unknown"),
        ("id:x", "unknown"),
    ],
)
def test_keys_and_marked_ids(given, ids):
    """Label 4 is named 2, and [2] holds an id that is no text."""
    keys = [f"k:{label}" for label in range(5)]
    if isinstance(ids, list):
        assert select_labels(given, 5, NAMES, keys).tolist() == ids
        return
    message = {
        "ambiguous": r"name of label 4\)\. Give id:2 or id:4\.",
        "unknown": r"only_labels must hold label ids in \[0, 5\)",
    }
    with pytest.raises(InputError, match=message[ids]):
        select_labels(given, 5, NAMES, keys)


@pytest.mark.parametrize("as_path", [str, lambda path: path])
def test_a_file_has_one_label_per_line(tmp_path, as_path):
    (tmp_path / "chosen").write_bytes(b"\xef\xbb\xbfdog\r\n\na,b\n 3 \n")
    assert select_labels(as_path(tmp_path / "chosen"), 5, NAMES).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("given", "names", "message"),
    [
        ("", None, r"only_labels must name at least one label \(got none\)"),
        ([], None, "at least one label"),
        ("5", None, r"only_labels must hold label ids in \[0, 5\) \(got '5'\)\. Give label ids such as 3,17"),
        ([-1], None, r"got '-1'"),
        ("dog", None, r"got 'dog'"),
        (
            "missing.txt",
            NAMES,
            r"or names or keys of labels \(got 'missing\.txt'\)\. Give .*a file with one label per line",
        ),
        ([1.5], None, r"must be a list of label ids \(got \[1\.5\]\)"),
        ([True], None, "must be a list of label ids"),
        (3, None, "must be a list of label ids"),
        ([[1]], None, "must be a list of label ids"),
        ([[1], [2, 3]], None, "must be a list of label ids"),
        ({1, "a"}, None, "must be a list of label ids"),
        ("2", NAMES, r"'2', which is a label id and the name of label 4"),
        ("9" * 30, None, "must hold label ids"),
    ],
)
def test_what_names_no_label_is_refused(given, names, message):
    with pytest.raises(InputError, match=message):
        select_labels(given, 5, names)
