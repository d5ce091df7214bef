from __future__ import annotations

import pytest

from mach_tf.data.archive_layout import is_hidden, is_matrix, layouts

PLAIN = {"train": ["{}train.txt"], "test": ["{}test.txt"]}


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        # The names of the repository's archives
        (["Eurlex/eurlex_train.txt", "Eurlex/eurlex_test.txt"], None),
        (["AmazonCat-14K/amazonCat-14K_train.txt", "AmazonCat-14K/amazonCat-14K_test.txt"], None),
        (["Wiki10.bow/train.txt", "Wiki10.bow/test.txt"], None),
        (["train.txt.xz", "TEST.txt.gz"], None),
        (["train.txt", "validation.txt", "test.txt"], {"train", "valid", "test"}),
        (["X/trn_X_Xf.txt", "X/trn_X_Y.txt", "X/tst_X_Xf.txt", "X/tst_X_Y.txt", "X/lbl_X_Xf.txt"], None),
        (["Bibtex/Bibtex_data.txt", "Bibtex/bibtex_trSplit.txt", "Bibtex/bibtex_tstSplit.txt"], None),
        (["trn.json.gz", "tst.json.gz", "lbl.json.gz"], None),
        (["train.txt", "test.txt", "filter_labels_train.txt", "filter_labels_test.txt"], None),
        (["trn.raw.json.gz", "tst.raw.json.gz", "filter_labels_test.txt"], None),
        (["trn.json", "tst.json"], None),
    ],
)
def test_the_repositorys_names(names, splits):
    (found,) = layouts(names)
    assert found.lacks == "" and set(found.splits) == (splits or {"train", "test"})
    assert set(found.files) == {name for name in names if "lbl_X" not in name and "filter" not in name}
    assert found.raw_text == ("json" in names[0]) and found.rows == ("Split" in names[-1])


def test_parts_of_a_split_come_in_order():
    (found,) = layouts(["tst_X_Y.txt", "tst_X_Xf.txt", "trn_X_Y.txt", "trn_X_Xf.txt"])
    assert found.splits == {"train": ["trn_X_Xf.txt", "trn_X_Y.txt"], "test": ["tst_X_Xf.txt", "tst_X_Y.txt"]}
    (found,) = layouts(["b_tstSplit.txt", "b_trSplit.txt", "B_data.txt"])
    assert found.splits == {"train": ["B_data.txt", "b_trSplit.txt"], "test": ["B_data.txt", "b_tstSplit.txt"]}
    (found,) = layouts(["lbl.json.gz", "tst.json.gz", "trn.json.gz"])
    assert found.splits == {"train": ["trn.json.gz"], "test": ["tst.json.gz"]} and found.raw_labels == "lbl.json.gz"


def test_names_lie_in_the_same_folder():
    (found,) = layouts(
        ["a/train.txt", "a/test.txt", "a/Xf.txt", "a/Yf.txt", "a/Y.txt", "Xf.txt", "b/Yf.txt", "a/my_Xf.txt"]
    )
    assert (found.feature_names, found.label_names) == (["a/Xf.txt"], ["a/Yf.txt", "a/Y.txt"])


@pytest.mark.parametrize(
    ("names", "lacks"),
    [
        (["train.txt"], "one file of train points and one of test points"),
        (["test.txt"], "one file of train points"),
        (["train.txt", "train.txt.gz", "test.txt"], "one file of train points"),
        (["train.txt", "valid.txt", "validation.txt", "test.txt"], "one file of train points"),
        (["trn_X_Xf.txt", "tst_X_Xf.txt", "tst_X_Y.txt"], "one [*]_X_Xf.txt and one [*]_X_Y.txt for each split"),
        (["trn_X_Xf.txt", "trn_X_Xf.txt.gz", "tst_X_Xf.txt", "tst_X_Y.txt"], "one [*]_X_Xf.txt"),
        (["Bibtex_data.txt"], "one trSplit.txt, one tstSplit.txt"),
        (["bibtex_trSplit.txt", "bibtex_tstSplit.txt"], "one data.txt"),
        (["trn.json.gz"], "one trn.json and one tst.json"),
        (["trn.json.gz", "tst.json.gz", "lbl.json", "lbl.json.gz"], "a single lbl.json"),
    ],
)
def test_what_is_missing_is_said(names, lacks):
    (found,) = layouts(names)
    assert found.lacks.startswith(lacks.replace("[*]", "*"))


def test_other_files_are_no_data_set():
    assert layouts(["README.md", "train_texts.txt", "data.csv", "trn_X.txt", "trainXtxt", "a/b/Yf.txt"]) == []
    assert len(layouts(["a/train.txt", "a/test.txt", "b/train.txt", "b/test.txt"])) == 2
    assert len(layouts(["a_train.txt", "a_test.txt", "trn_X_Xf.txt"])) == 2


def test_files_that_systems_add():
    assert all(map(is_hidden, ["__MACOSX/E/._x", "E/__MACOSX/x", ".DS_Store", "E/.x", ".git/x"]))
    assert not any(map(is_hidden, ["E/x.txt", "x", "E.bow/x"]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 9\n0:1 3:0.5\n\n", True),
        ("1 9\r\n\r\n", True),
        ("2 9\nname\nname\n", False),
        ("3 9\n0:1\n", False),
        ("a\nb\n", False),
    ],
)
def test_a_matrix_is_told_from_names(text, expected):
    lines = text.encode().splitlines(keepends=True)
    assert is_matrix(b"".join(lines[:2]), len(lines)) == expected
