"""A dataset that a model was not trained on is said, and one whose ids may mean something else is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf.buckets import BucketSpec
from mach_tf.data.model_dataset import check_dataset, check_same_features, other_names
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import DatasetManifest, ModelManifest
from mach_tf.training_config import TrainingConfig
from tests.helpers import programs

FEATURES, LABELS = [f"word {i}" for i in range(6)], [f"topic {i}" for i in range(4)]


@pytest.fixture(scope="module")
def write(tmp_path_factory):
    def written(features=FEATURES, labels=LABELS, seed=0):
        rng = np.random.default_rng(seed)
        X = scipy.sparse.random(9, 6, 0.9, "csr", np.float32, rng)
        Y = scipy.sparse.csr_matrix(rng.random((9, 4)) < 0.5)
        path = str(tmp_path_factory.mktemp("data") / "set")
        return mach_tf.write_dataset(X, Y, path, feature_names=features, label_names=labels)

    return written


def trained_on(dataset, **changes):
    values = {
        "features": dataset.features,
        "labels": dataset.labels,
        "feature_spec": dataset.feature_spec,
        "bucket_spec": BucketSpec(8, 3),
        "training": TrainingConfig(),
        "dataset_fingerprint": dataset.fingerprint,
        "versions": {},
        "run": {},
        "names_sha256": dataset.names_sha256,
    }
    return ModelManifest(**{**values, **changes})


def said(model, dataset, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_dataset(model, dataset, "models/mine", "data/new", **options)
    return [str(warning.message) for warning in caught]


def test_the_dataset_that_the_model_was_trained_on_needs_no_word(write):
    assert said(trained_on(write()), write()) == []


def test_another_dataset_is_said(write):
    (text,) = said(trained_on(write()), write(seed=1))
    assert text == (
        "data/new is another dataset than the one that models/mine was trained on (their fingerprints differ)."
    )
    (text,) = said(trained_on(write(labels=None)), write(labels=None, seed=1))
    assert text.endswith("Its ids of features and labels must mean the same.")


def test_other_feature_names_are_a_warning(write):
    (text,) = said(trained_on(write()), write(features=FEATURES[::-1]))
    assert "feature names of data/new are not those that models/mine was trained with" in text


def test_other_label_names_are_refused_unless_forced(write):
    model, other = trained_on(write()), write(labels=LABELS[::-1])
    with pytest.raises(InputError, match=r"label names of data/new are not those .*, or force=True if they differ in"):
        said(model, other)
    (text,) = said(model, other, force=True)
    assert "label names of data/new are not those" in text and "taken to mean the same" in text


@pytest.mark.parametrize(("ours", "theirs"), [(LABELS, None), (None, LABELS), (None, None)])
def test_names_that_one_of_both_lacks_are_not_compared(write, ours, theirs):
    assert other_names(write(labels=ours).names_sha256, write(labels=theirs).names_sha256) == []
    assert said(trained_on(write(labels=ours)), write(labels=theirs)) == []


def test_a_model_takes_only_points_of_its_own_kind(write):
    dataset = write()
    check_same_features(trained_on(dataset), dataset)
    for change in ({"features": 501}, {"labels": 41}, {"feature_spec": FeatureSpec(300, signed=True)}):
        with pytest.raises(InputError, match=f"must have the {next(iter(change))} that the model was trained with, "):
            check_same_features(trained_on(dataset, **change), dataset)
    with pytest.raises(InputError, match="must have the labels that the model in models/mine was trained with, 41"):
        check_dataset(trained_on(dataset, labels=41), dataset, "models/mine", "data/new", force=True)


@pytest.fixture
def renamed(world, tmp_path):
    """The world's dataset with its label names in reverse order."""
    names = DatasetManifest.read(world.dataset).read_label_names(world.dataset)
    data, path = (world.features, world.labels), str(tmp_path / "renamed")
    mach_tf.write_dataset(*data, path, test=data, spec=FeatureSpec(40), label_names=names[::-1])
    return path


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("eval.main", ["--bootstrap=0", "--noadversarial_loss"]),
        ("eval.robustness", ["--attack=fgsm", "--bootstrap=0"]),
        ("explain.main", ["--input={text}", "--points=0"]),
        ("explain.faithfulness", ["--sample_points=3"]),
    ],
)
def test_every_program_refuses_other_label_names_unless_forced(world, renamed, tmp_path, program, arguments):
    flags = [f"--dataset_dir={renamed}", f"--model_dir={world.model}", f"--output_dir={tmp_path / 'out'}"]
    flags += [argument.format(text=world.text) for argument in arguments]
    with pytest.raises(InputError, match=r"label names of .*renamed are not those that .*, or --force=True if"):
        programs.run(program, *flags)
    assert not (tmp_path / "out").exists()
    with pytest.warns(UserWarning, match="taken to mean the same"):
        programs.run(program, *flags, "--force")
    assert (tmp_path / "out").exists()
