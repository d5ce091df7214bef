from __future__ import annotations

import json
import os

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf import presets
from mach_tf.buckets import BucketSpec
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import DatasetManifest, ModelManifest
from mach_tf.sizing import machine, planning, recommendation
from mach_tf.training import settings
from mach_tf.training_config import TrainingConfig


@pytest.fixture
def manifest(dataset):
    return DatasetManifest.read(dataset)


def resolve(manifest, model_dir="nowhere", plan="auto", **given):
    return settings.resolve(manifest, str(model_dir), plan, given)


def test_without_a_plan_the_defaults_are_those_of_train_main(manifest):
    found = resolve(manifest, plan=None)
    assert found == (TrainingConfig(), BucketSpec(2000, 8), False, ())


def test_a_plan_follows_the_rules_of_sizing(manifest):
    found = resolve(manifest)
    expected = recommendation.recommend(planning.Problem.of(manifest), machine.nominal(1 << 40)).nearest
    assert (found.bucket_spec.buckets, found.bucket_spec.repetitions) == (expected.buckets, expected.repetitions)
    assert found.config == TrainingConfig(**recommendation.settings(planning.Problem.of(manifest)))
    assert resolve(manifest) == found


@pytest.mark.parametrize(("ranker", "hidden_units"), [(None, 256), (True, 256), (False, 512)])
def test_a_plan_without_a_ranker_has_no_smaller_ensemble(manifest, monkeypatch, ranker, hidden_units):
    many = planning.Problem(4_271, 18_407, 45_000, 103.4, 5.1)
    monkeypatch.setattr(settings.Problem, "of", lambda _: many)
    monkeypatch.setattr(settings, "total_memory", lambda: 8 << 30)
    given = {} if ranker is None else {"ranker": ranker}
    found = resolve(manifest, adversarial_weight=0.0, **given)
    assert found.config.hidden_units == hidden_units and found.ranker is (ranker is not False)


def test_what_is_given_wins_over_the_plan(manifest):
    found = resolve(manifest, buckets=11, repetitions=3, label_hash="universal", epochs=2, seed=5, dropout=0.25)
    assert found.bucket_spec == BucketSpec(11, 3, "universal", seed=5)
    assert (found.config.epochs, found.config.dropout, found.config.seed) == (2, 0.25, 5)
    assert found.config.learning_rate == resolve(manifest).config.learning_rate
    only_one = resolve(manifest, repetitions=5).bucket_spec
    assert only_one.repetitions == 5 and only_one.buckets == resolve(manifest).bucket_spec.buckets


def test_numbers_of_numpy_are_recorded_as_pythons(manifest):
    found = resolve(
        manifest, buckets=np.int64(11), repetitions=np.int32(3), epochs=np.int64(2), epsilon=np.float32(0.5)
    )
    json.dumps([found.config.__dict__, found.bucket_spec.__dict__])


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_gives_its_settings(manifest, name):
    found, texts = resolve(manifest, plan=name), presets.read(name)
    values = {
        **found.config.__dict__,
        "buckets": found.bucket_spec.buckets,
        "repetitions": found.bucket_spec.repetitions,
    }
    assert found.ranker == (texts.pop("ranker", "False") == "True")
    for setting in set(texts) - {"dataset_dir", "model_dir"}:
        assert values[setting] == type(values[setting])(texts[setting])
    assert resolve(manifest, plan=name, epochs=77).config.epochs == 77


def test_an_unknown_preset_or_setting_is_refused(manifest):
    with pytest.raises(InputError, match="plan must be None, 'auto' or one of amazon-670k"):
        resolve(manifest, plan="mine")
    with pytest.raises(
        TypeError, match=r"^fit\(\) got an unexpected keyword argument 'epoch'; did you mean 'epochs'\?$"
    ):
        resolve(manifest, epoch=3)


def test_a_preset_that_holds_something_else_is_refused(tmp_path, monkeypatch):
    (tmp_path / "mine.flags").write_text("--mixed_precision=True\n--epochs=3\n--dataset_dir=data\n")
    monkeypatch.setattr(presets, "_DIRECTORY", str(tmp_path))
    assert settings.read_preset("mine") == {"mixed_precision": True, "epochs": 3}
    (tmp_path / "mine.flags").write_text("--group_size=2\n")
    with pytest.raises(InputError, match=r"mine\.flags must hold settings of fit only \(got group_size\)"):
        settings.read_preset("mine")


def test_model_json_supplies_what_is_not_given(manifest, tmp_path):
    config, spec = TrainingConfig(hidden_units=7, epochs=9, seed=3), BucketSpec(13, 5, "universal", 3)
    ModelManifest(manifest.features, manifest.labels, manifest.feature_spec, spec, config, "", {}, {}).write(
        str(tmp_path)
    )
    for plan in ("auto", None):
        assert resolve(manifest, tmp_path, plan) == (config, spec, False, ())
    given = resolve(manifest, tmp_path, epochs=4, buckets=6)
    assert given.config.epochs == 4 and given.config.hidden_units == 7
    assert given.bucket_spec == BucketSpec(6, 5, "universal", 3)
    preset = resolve(manifest, tmp_path, "bibtex")
    assert preset.config.hidden_units == 128 and preset.config.seed == 3 and preset.bucket_spec.buckets == 100


@pytest.mark.parametrize(("labels", "density"), [(30, 0.7), (40, 0.9), (60, 0.7)])
def test_where_no_plan_meets_the_rules_the_nearest_is_taken_with_a_warning(tmp_path, labels, density):
    rng = np.random.default_rng(0)
    matrices = [scipy.sparse.random(40, n, d, "csr", np.float32, rng) for n, d in ((10, 0.5), (labels, density))]
    manifest = mach_tf.write_dataset(*matrices, str(tmp_path / "data"), spec=FeatureSpec(dim=0))
    found = resolve(manifest)
    (warning,) = found.warnings
    assert (
        f"buckets={found.bucket_spec.buckets} and repetitions={found.bucket_spec.repetitions} come nearest" in warning
    )
    assert not resolve(manifest, buckets=2, repetitions=4).warnings, "who chooses both is not warned of the choice"


def test_a_single_label_needs_no_plan_but_is_refused_one(tmp_path):
    matrices = [scipy.sparse.random(9, n, 0.9, "csr", np.float32, np.random.default_rng(0)) for n in (5, 1)]
    manifest = mach_tf.write_dataset(*matrices, str(tmp_path / "data"), spec=FeatureSpec(dim=0))
    with pytest.raises(InputError, match="A plan needs a dataset of at least 2 labels"):
        resolve(manifest)
    assert resolve(manifest, plan=None, buckets=2, repetitions=1).bucket_spec == BucketSpec(2, 1)


def test_little_memory_gives_the_smallest_plan(manifest, monkeypatch):
    monkeypatch.setattr(settings, "total_memory", lambda: 1 << 20)
    found = resolve(manifest)
    plans = recommendation.recommend(planning.Problem.of(manifest), machine.nominal(1 << 20)).plans
    assert found.bucket_spec.buckets == min(plan.buckets for plan in plans) and found.warnings
    assert not os.path.exists("nowhere")


def test_a_misspelt_preset_is_told_the_closest(manifest):
    with pytest.raises(InputError, match=r"\(got 'bibtx'\)\. Did you mean 'bibtex'\?$"):
        resolve(manifest, plan="bibtx")


@pytest.mark.parametrize("plan", ["auto", None])
@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"buckets": 1}, r"buckets must be an integer of at least 2 \(got 1\)"),
        ({"buckets": 10.7}, r"buckets must be an integer of at least 2 \(got 10\.7\)"),
        ({"repetitions": 0}, r"repetitions must be an integer of at least 1 \(got 0\)"),
    ],
)
def test_impossible_numbers_of_buckets_and_repetitions_are_refused(dataset, tmp_path, plan, given, rule):
    with pytest.raises(InputError, match=rule):
        settings.resolve(DatasetManifest.read(dataset), str(tmp_path), plan, given)
