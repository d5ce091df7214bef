"""Data sets read from files and written for the arms, compared with points by hand."""

import json
import lzma

import numpy as np
import pytest
import scipy.sparse

from benchmarks import peers_data
from benchmarks.peers_data import Data, Part
from mach_tf.errors import InputError


def write(path, text):
    with lzma.open(path, "wt", encoding="utf-8") as file:
        file.write(text)


def dense(part):
    return part.features.toarray().tolist(), part.labels.toarray().tolist()


def test_bags_of_words_keep_all_labels_of_the_header(tmp_path):
    write(tmp_path / "train.txt.xz", "2 3 4\n0,2 0:3 1:4\n1 2:1\n")
    write(tmp_path / "test.txt.xz", "1 3 4\n3 1:2\n")
    data = peers_data.read(str(tmp_path), "test")
    assert dense(data.train) == ([[3, 4, 0], [0, 0, 1]], [[1, 0, 1, 0], [0, 1, 0, 0]])
    assert dense(data.test) == ([[0, 2, 0]], [[0, 0, 0, 1]])
    peers_data.write(str(tmp_path / "out"), data)
    x = scipy.sparse.load_npz(tmp_path / "out" / "train.x.npz").toarray()
    np.testing.assert_allclose(x, [[0.6, 0.8, 0], [0, 0, 1]], rtol=1e-6)
    sizes = json.loads((tmp_path / "out" / "sizes.json").read_text())
    assert (sizes["points"], sizes["test_points"], sizes["features"], sizes["labels"]) == (2, 1, 3, 4)


@pytest.mark.parametrize("has_file", [False, True])
def test_validation_points_are_the_split_or_held_out_of_train(tmp_path, has_file):
    write(tmp_path / "train.txt.xz", "20 20 20\n" + "".join(f"{i} {i}:1\n" for i in range(20)))
    if has_file:
        write(tmp_path / "valid.txt.xz", "1 20 20\n7 7:1\n")
    data = peers_data.read(str(tmp_path), "valid")
    train, valid = (part.labels.indices.tolist() for part in (data.train, data.test))
    assert (len(train), len(valid)) == ((20, 1) if has_file else (17, 3))
    assert valid == [7] if has_file else sorted(train + valid) == list(range(20))


def test_texts_have_the_labels_with_a_training_point(tmp_path):
    write(tmp_path / "train.tsv.xz", "Red cat ¤ runs\t<b> <c>\nred dog\t<b>\n")
    write(tmp_path / "test.tsv.xz", "a red horse\t<a>\ncat\t<c> <a>\n")
    data = peers_data.read(str(tmp_path), "test")
    assert data.train.labels.toarray().tolist() == [[1, 1], [1, 0]]
    assert data.test.labels.toarray().tolist() == [[0, 0], [0, 1]]
    out = tmp_path / "out"
    peers_data.write(str(out), data)
    records = [json.loads(line) for line in (out / "train.jsonl").read_text().splitlines()]
    assert records == [{"text": "Red cat ¤ runs", "labels": ["0", "1"]}, {"text": "red dog", "labels": ["0"]}]
    # "red" alone is in two texts.
    assert scipy.sparse.load_npz(out / "train.x.npz").toarray().tolist() == [[1], [1]]
    assert scipy.sparse.load_npz(out / "test.x.npz").toarray().tolist() == [[1], [0]]


def test_known_labels_number_labels_and_features_anew():
    x, y = np.array([[1, 0, 2], [0, 0, 3]]), np.array([[0, 1, 0], [0, 1, 0]])
    test_y = np.array([[1, 1, 0], [0, 0, 1]])
    matrices = [scipy.sparse.csr_matrix(m.astype(np.float32)) for m in (x, y, x, test_y)]
    data = peers_data.known_labels(Data(Part(*matrices[:2]), Part(*matrices[2:])), drop_points=True)
    assert dense(data.train) == ([[1, 2], [0, 3]], [[1], [1]])
    assert dense(data.test) == ([[1, 2]], [[1]])


def test_a_folder_without_data_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"must hold train\.txt\.xz or train\.tsv\.xz"):
        peers_data.read(str(tmp_path), "test")
