from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from mach_tf.errors import InputError
from mach_tf.fitted import parameters
from mach_tf.sklearn import MachClassifier


def given(**changes):
    return MachClassifier(**changes).get_params()


def test_auto_is_left_to_fit():
    parameters.check(given())
    assert parameters.keywords(given(random_state=3)) == {"seed": 3, "strategy": "mirrored", "progress": False}


def test_what_is_given_goes_to_fit():
    values = given(
        buckets=np.int64(20), dropout=0.0, epochs=3, verbose=1, strategy="one_device", random_state=np.int32(4)
    )
    parameters.check(values)
    assert parameters.keywords(values) == {
        "buckets": 20,
        "dropout": 0.0,
        "epochs": 3,
        "seed": 4,
        "strategy": "one_device",
        "progress": True,
    }


@pytest.mark.parametrize(
    ("ranker", "estimator", "expected"),
    [
        ("auto", "logit_mean", {}),
        ("auto", "mean", {"ranker": False}),
        (True, "mean", {"ranker": True}),
        (np.bool_(False), "logit_mean", {"ranker": False}),
    ],
)
def test_a_ranker_is_left_to_fit_where_it_counts(ranker, estimator, expected):
    values = given(ranker=ranker, estimator=estimator, task="multiclass")
    parameters.check(values)
    found = parameters.keywords(values)
    assert {name: found[name] for name in ("ranker", "task") if name in found} == {**expected, "task": "multiclass"}
    assert type(found.get("ranker", True)) is bool


def test_a_generator_gives_another_seed_each_time_and_the_same_again():
    generator = np.random.RandomState(0)
    seeds = [parameters.keywords(given(random_state=generator))["seed"] for _ in range(3)]
    generator = np.random.RandomState(0)
    assert seeds == [parameters.keywords(given(random_state=generator))["seed"] for _ in range(3)]
    assert len(set(seeds)) == 3
    assert parameters.keywords(given())["seed"] != parameters.keywords(given())["seed"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("buckets", "many", r"^buckets must be 'auto' or a whole number \(got 'many'\)\.$"),
        ("buckets", None, r"^buckets must be 'auto' or a whole number \(got None\)\.$"),
        ("repetitions", 2.5, r"^repetitions must be 'auto' or a whole number \(got 2\.5\)\.$"),
        ("feature_hash_dim", True, r"^feature_hash_dim must be 'auto' or a whole number \(got True\)\.$"),
        ("ranker", "yes", r"^ranker must be 'auto', True or False \(got 'yes'\)\.$"),
        ("ranker", 1, r"^ranker must be 'auto', True or False \(got 1\)\.$"),
        ("feature_norm", "l1", r"^feature_norm must be one of l2, none \(got 'l1'\)\.$"),
        ("threshold", 1.5, r"^threshold must be in \[0, 1\] \(got 1\.5\)\.$"),
        ("threshold", float("nan"), r"^threshold must be in \[0, 1\] \(got nan\)\.$"),
        ("threshold", "auto", r"^threshold must be in \[0, 1\] \(got 'auto'\)\.$"),
        ("estimator", "max", r"^estimator must be one of logit_mean, mean, min, median \(got 'max'\)\.$"),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(name, value, message):
    with pytest.raises(InputError, match=message):
        parameters.check(given(**{name: value}))


def test_a_random_state_that_is_none_is_refused():
    with pytest.raises(ValueError, match="'abc' cannot be used to seed"):
        parameters.keywords(given(random_state="abc"))
