"""The text that a split was made from: found, or refused when it is not what the split holds."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from explain import sources
from mach_tf import points
from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from tests import programs
from tests.explain import world as worlds


@pytest.fixture
def data(tmp_path):
    """Features, labels, their text, and what makes a dataset of it with further flags."""
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
    paths = sources.source_paths(dataset, None, "train")
    assert paths == [text] and sources.source_paths(dataset, "other", "train") == ["other"]
    read = sources.read(dataset, paths)
    np.testing.assert_array_equal(read.features(60).toarray(), features.toarray())
    np.testing.assert_array_equal(read.labels(30).toarray(), labels.toarray())


def test_a_changed_text_is_refused(data):
    _, _, text, preprocess = data
    _, dataset = preprocess()
    with open(text, "a", encoding="ascii") as file:
        file.write("\n")
    with pytest.raises(InputError, match=r"points.txt.*gone or changed.*--input"):
        sources.source_paths(dataset, None, "train")


def test_a_text_that_the_split_has_a_part_of_is_refused(data):
    _, dataset = data[3]("--valid_fraction=0.5")
    for split in ("train", "valid"):
        with pytest.raises(InputError, match=r"only a part.*--input"):
            sources.source_paths(dataset, None, split)


def test_mean_baseline_is_the_mean_of_hashed_points(data):
    features, _, _, preprocess = data
    directory, dataset = preprocess()
    hashed = dataset.feature_spec.apply(points.from_csr(features)).features(40)
    np.testing.assert_allclose(sources.mean_baseline(directory, dataset), hashed.toarray().mean(axis=0), atol=1e-7)
