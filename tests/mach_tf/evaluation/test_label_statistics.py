"""Propensities and frequencies of the labels, and that a dataset without training points has none."""

from __future__ import annotations

import numpy as np
import pytest

import mach_tf
from mach_tf.evaluation.label_statistics import label_statistics, log_weights
from mach_tf.evaluation.robustness_comparison import compare_robustness
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import DatasetManifest
from mach_tf.metrics.breakdown import label_groups
from mach_tf.metrics.propensity import propensities
from tests.helpers import world as worlds


@pytest.fixture(scope="module")
def test_only(evaluated, tmp_path_factory):
    """The dataset directory of the test split on its own, as a new test set comes."""
    folder = tmp_path_factory.mktemp("new")
    worlds.write_text(str(folder / "test.txt"), *evaluated.test)
    mach_tf.preprocess(
        folder / "set", test=str(folder / "test.txt"), feature_hash_dim=FeatureSpec(40).dim, progress=False
    )
    return str(folder / "set")


def test_they_are_those_of_the_train_split(evaluated):
    dataset = DatasetManifest.read(evaluated.dataset_dir)
    counts = dataset.label_counts(evaluated.dataset_dir)
    found = label_statistics(dataset, counts, 0.6, 2.6)
    np.testing.assert_array_equal(found.propensities, propensities(counts, 40, 0.6, 2.6))
    np.testing.assert_array_equal(found.groups, label_groups(counts))
    weights = np.exp(log_weights("psp", dataset, counts, 0.6, 2.6))
    np.testing.assert_allclose(weights * found.propensities, 1)
    assert log_weights("precision", dataset, counts) is None


def test_without_training_points_there_are_none(test_only):
    dataset = DatasetManifest.read(test_only)
    counts = dataset.label_counts(test_only)
    assert label_statistics(dataset, counts) == (None, None) and log_weights("psp", dataset, counts) is None


def test_a_new_test_set_is_evaluated_without_what_needs_training_counts(evaluated, test_only, tmp_path, capsys):
    options = {"bootstrap": 10, "attacks": ["fgsm"], "epsilons": [0, 0.1]}
    whole = mach_tf.evaluate(evaluated.model_dir, evaluated.dataset_dir, **options)
    alone = mach_tf.evaluate(evaluated.model_dir, test_only, output_dir=str(tmp_path), **options)
    assert alone.metrics == {name: value for name, value in whole.metrics.items() if not name.startswith("PS")}
    assert dict(alone.attacks.entries[0].metrics) == alone.metrics
    assert alone.propensity is None and not alone.by_frequency and alone.to_json()["by_frequency"] == {}
    assert "PSP@k, PSnDCG@k and the table by label frequency are left out: they need the label counts" in str(alone)
    assert "PSP@5" not in str(alone) and "PSP@5" in str(whole) and "left out" not in str(whole)
    earlier = str(tmp_path / "metrics.json")
    again = mach_tf.evaluate(evaluated.model_dir, test_only, bootstrap=0, compare=earlier)
    assert again.comparison.differences["P@1"].difference == 0


def test_a_comparison_under_attack_has_no_frequencies_either(evaluated, test_only):
    found = compare_robustness([evaluated.model_dir], test_only, epsilons=[0], bootstrap=0)
    (entry,) = found.models[evaluated.model_dir]
    assert entry.by_frequency is None
