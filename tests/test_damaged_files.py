"""Random damage to every kind of file that is written and read again: the result is right, or an InputError names the file.

The kinds are datasets, models, vocabularies and names of models of texts, checkpoints, unfinished explanations of a whole split, the per-point metrics of an evaluation
and saved estimators.
"""

from __future__ import annotations

import pathlib
import random
import shutil
import warnings
from typing import Any, Callable, NamedTuple

import numpy as np
import pytest
import scipy.sparse

from mach_tf.classifier import Weights
from mach_tf.data import records
from mach_tf.errors import InputError
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.reporting import explanation_inputs
from mach_tf.explanations.reporting.driver_run import DriverRun
from mach_tf.manifest import DatasetManifest
from mach_tf.metrics import bootstrap
from mach_tf.metrics.ranking_metrics import PerPoint
from mach_tf.network import Network
from mach_tf.point_range import PointRange
from mach_tf.run_parts import run_parts
from mach_tf.text.vocabulary import Vocabulary
from mach_tf.training.checkpoints import Position
from tests.helpers import file_damage, text_model
from tests.helpers import world as worlds
from tests.mach_tf.fitted import test_classifier_file as classifiers
from tests.mach_tf.training import test_checkpoints as checkpoints

# Of each of the kinds.
FAST, SLOW = 25, 400


class Kind(NamedTuple):
    """A whole directory, and how it is read: the result is a list of arrays and other values."""

    whole: pathlib.Path
    read: Callable[[pathlib.Path], list[Any]]


@pytest.fixture(scope="module")
def kinds(tmp_path_factory) -> dict[str, Kind]:
    root = tmp_path_factory.mktemp("whole")
    world = worlds.make(str(root), repetitions=2)
    for name in ("checkpoint", "drivers", "evaluation", "estimator"):
        (root / name).mkdir()
    model = checkpoints.compiled()
    checkpoints.save(checkpoints.of_group(root / "checkpoint"), model, Position(1, 2))
    generator = np.random.default_rng(0)
    metrics = {name: PerPoint(generator.random(30), np.ones(30)) for name in ("P@1", "nDCG@3")}
    bootstrap.write_points(str(root / "evaluation" / "per_point.npz"), metrics)
    classifiers.written(root / "estimator", buckets=7, dropout=0.5)
    inputs = explanation_inputs.open_inputs(world.dataset, world.model, world.text)
    texts = text_model.write(root / "texts")
    shutil.rmtree(pathlib.Path(texts, "repetition-001"))  # as large as all that is of interest here
    found = {
        "dataset": Kind(pathlib.Path(world.dataset), read_dataset),
        "model": Kind(pathlib.Path(world.model), read_model),
        "texts": Kind(pathlib.Path(texts), read_texts),
        "checkpoint": Kind(root / "checkpoint", read_checkpoint),
        "drivers": Kind(root / "drivers", lambda path: read_drivers(inputs, path)),
        "evaluation": Kind(root / "evaluation", read_evaluation),
        "estimator": Kind(root / "estimator", read_estimator),
    }
    found["drivers"].read(root / "drivers")  # which writes the parts
    return found


def read_dataset(path):
    manifest = DatasetManifest.read(str(path))
    values = [manifest.features, manifest.labels, manifest.columns, manifest.feature_spec, sorted(manifest.splits)]
    for split in ("train", "test"):
        points = records.read_points(str(path), manifest, split)
        values += [points.row_splits, points.feature_ids, points.feature_values, points.label_splits, points.label_ids]
    return [
        *values,
        manifest.label_counts(str(path)),
        manifest.read_feature_names(str(path)),
        manifest.read_label_names(str(path)),
    ]


def read_model(path):
    network = Network.load(path)
    features = scipy.sparse.random(7, network.manifest.columns, 0.3, "csr", np.float32, random_state=0)
    return [network.bucket_logits(features), network.bucket_table, network.manifest.feature_spec]


def read_texts(path):
    network = Network.load(path, repetitions=1)
    model = network.manifest
    vocabulary = Vocabulary.read(str(path), model.text, model.features)
    features = scipy.sparse.random(7, model.columns, 0.3, "csr", np.float32, random_state=0)
    return [
        network.bucket_logits(features), network.label_names, network.label_keys, vocabulary.terms,
        vocabulary.document_frequencies, vocabulary.documents, model.text.text.field_names,
    ]  # fmt: skip


def read_checkpoint(path):
    model = checkpoints.compiled(seed=5)
    position = checkpoints.of_group(path).restore(model)
    # Without a checkpoint training begins anew, which is right.
    return [position, *checkpoints.state(model)] if position else []


def read_drivers(inputs, path):
    run = DriverRun(inputs.network, AttributionConfig())
    # With a range, so that the parts stay.
    with run_parts(str(path), "global", lambda: run.describe(inputs.files), PointRange("0:1")) as parts:
        means, counts = run.run(inputs.files, parts)
    return [means.toarray(), counts]


def read_evaluation(path):
    found = bootstrap.read_points(str(path / "per_point.npz"))
    return [array for name in sorted(found) for array in (name, found[name].numerator, found[name].denominator)]


def read_estimator(path):
    found = classifiers.read(path)
    return [found.parameters, found.feature_names, found.labels.to_json()]


def same(ours, theirs) -> bool:
    return len(ours) == len(theirs) and all(np.array_equal(a, b) for a, b in zip(ours, theirs))


def check_mutations(kind: Kind, copy: pathlib.Path, count: int, seed: int) -> dict[str, int]:
    """Damages a copy again and again; returns how many tries were right and how many were refused."""
    shutil.copytree(kind.whole, copy)
    expected, generator, outcomes = kind.read(copy), random.Random(seed), {"right": 0, "refused": 0}
    begun_anew: list[Any] = []
    for number in range(count):
        path = file_damage.damage(generator, copy)
        said = f"seed {seed}, number {number}: {path}"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = kind.read(copy)
        except InputError as error:
            outcomes["refused"] += 1
            assert str(copy) in str(error), said
            assert len(str(error)) < 1500, said
        except BaseException as error:
            raise AssertionError(said) from error
        else:
            outcomes["right"] += 1
            assert same(found, expected) or found == begun_anew, said
        file_damage.restore(kind.whole, copy, path)
    assert same(kind.read(copy), expected)
    return outcomes


NAMES = ("dataset", "model", "texts", "checkpoint", "drivers", "evaluation", "estimator")


@pytest.mark.parametrize("name", NAMES)
def test_damage_is_named_or_harmless(kinds, tmp_path, name):
    outcomes = check_mutations(kinds[name], tmp_path / name, FAST, seed=1)
    assert outcomes["refused"] > FAST // 4


@pytest.mark.slow  # minutes
@pytest.mark.parametrize("name", NAMES)
def test_hundreds_of_times_damage_is_named_or_harmless(kinds, tmp_path, name, capsys):
    outcomes = check_mutations(kinds[name], tmp_path / name, SLOW, seed=2)
    with capsys.disabled():
        print(f"\n{name}: {SLOW} mutations, {outcomes['right']} harmless, {outcomes['refused']} named")


def test_the_test_itself_sees_a_wrong_result(kinds, tmp_path):
    """A reader that believes what it reads does not pass."""

    def believe(path):
        return [(path / "dataset.json").read_bytes() if (path / "dataset.json").exists() else b""]

    with pytest.raises(AssertionError, match=r"dataset\.json"):
        check_mutations(Kind(kinds["dataset"].whole, believe), tmp_path / "copy", 200, seed=1)


def test_the_weights_are_those_of_the_kind(kinds):
    """The kind "model" covers all weights."""
    network = Network.load(kinds["model"].whole)
    assert all(len(repetition.weights) == len(Weights._fields) for repetition in network.repetitions)
