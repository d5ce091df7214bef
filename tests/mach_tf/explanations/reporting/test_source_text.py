"""Finding the text that a split was made from, and refusing text that is not what the split holds."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.explanations.reporting import source_text
from mach_tf.explanations.reporting.point_files import BagFile, read_files
from mach_tf.manifest import DatasetManifest
from tests.helpers import programs
from tests.helpers import world as worlds


def read_points(dataset, texts):
    return read_files([BagFile(text, dataset) for text in texts]).points


@pytest.fixture
def data(tmp_path):
    """Features, labels, the path of their text, and a function that makes a dataset of it with further flags."""
    features = scipy.sparse.random(12, 60, 0.2, "csr", np.float32, random_state=0)
    labels = scipy.sparse.csr_matrix(np.random.default_rng(0).random((12, 30)) < 0.1, dtype=np.float32)
    text = str(tmp_path / "points.txt")
    worlds.write_text(text, features, labels)

    def preprocess(*flags):
        directory = str(tmp_path / "dataset")
        programs.run(
            "preprocess.to_tfrecord", f"--train={text}", f"--output_dir={directory}", "--feature_hash_dim=40", *flags
        )
        return directory, DatasetManifest.read(directory)

    return features, labels, text, preprocess


def test_the_splits_own_text(data):
    features, labels, text, preprocess = data
    _, dataset = preprocess()
    texts = source_text.find_text(dataset, None, None, "train")
    assert texts == [TextInput(text)] and source_text.find_text(dataset, "other", None, "train") == [TextInput("other")]
    read = read_points(dataset, texts)
    np.testing.assert_array_equal(read.features(60).toarray(), features.toarray())
    np.testing.assert_array_equal(read.labels(30).toarray(), labels.toarray())


def test_the_split_form(data, tmp_path):
    """Reads two files, given as arguments or found as the split's own, also after a file of the other form."""
    features, labels, text, _ = data
    split_form = [str(tmp_path / "x.txt"), str(tmp_path / "y.txt")]
    for path, matrix in zip(split_form, (features, labels)):
        worlds.write_split_form(path, matrix)
    directory = str(tmp_path / "dataset")
    programs.run(
        "preprocess.to_tfrecord",
        f"--train={text}",
        f"--train_features={split_form[0]}",
        f"--train_labels={split_form[1]}",
        f"--output_dir={directory}",
    )
    dataset = DatasetManifest.read(directory)
    own = source_text.find_text(dataset, None, None, "train")
    assert own == [TextInput(text), TextInput(*split_form)]
    given = source_text.find_text(dataset, *split_form, "train")
    for texts, times in ((own, 2), (given, 1)):
        read = read_points(dataset, texts)
        np.testing.assert_array_equal(read.features(60).toarray(), np.vstack([features.toarray()] * times))
        np.testing.assert_array_equal(read.labels(30).toarray(), np.vstack([labels.toarray()] * times))
    with pytest.raises(InputError, match="input_labels and input belong together"):
        source_text.find_text(dataset, None, split_form[1], "train")


def test_features_alone(data, tmp_path):
    features, _, _, preprocess = data
    _, dataset = preprocess()
    path = str(tmp_path / "x.txt")
    worlds.write_split_form(path, features)
    read = read_points(dataset, [TextInput(path)])
    np.testing.assert_array_equal(read.features(60).toarray(), features.toarray())
    assert not len(read.label_ids)
    worlds.write_split_form(path, features[:, :59])
    with pytest.raises(InputError, match=r"must say 60 features and 30 labels.*\(got 59 and no labels\)"):
        read_points(dataset, [TextInput(path)])


def test_a_changed_text_is_refused(data):
    _, _, text, preprocess = data
    _, dataset = preprocess()
    with open(text, "a", encoding="ascii") as file:
        file.write("\n")
    with pytest.raises(InputError, match=r"points.txt.*gone or changed.*input=PATH"):
        source_text.find_text(dataset, None, None, "train")


def test_a_text_that_the_split_has_a_part_of_is_refused(data):
    _, dataset = data[3]("--valid_fraction=0.5")
    for split in ("train", "valid"):
        with pytest.raises(InputError, match=r"only a part.*input=PATH"):
            source_text.find_text(dataset, None, None, split)
