from __future__ import annotations

import dataclasses
import itertools
import json

import pytest

from mach_tf.sizing import machine, planning, ranker_time, recommendation
from mach_tf.sizing.memory_plan import PROCESS_BYTES
from mach_tf.training_config import TrainingConfig


def _settings(points, labels=1000, labels_per_point=3.0, **given):
    return recommendation.settings(planning.Problem(labels, 5000, points, 50.0, labels_per_point), **given)


def _steps(points, **given):
    """The steps of so many epochs, in the batches that a dataset of this size has with LaProp."""
    batch_size = given.get("batch_size") or _settings(points, optimizer="laprop")["batch_size"]
    return _settings(points, **given)["epochs"] * points / batch_size


@pytest.mark.parametrize(("points", "labels"), itertools.product([1, 100, 12_000, 500_000, 20_000_000], [2, 700_000]))
def test_a_training_can_be_configured_so(points, labels):
    found = _settings(points, labels)
    config = TrainingConfig(**found)
    assert config.batch_size <= points
    assert config.epsilon == TrainingConfig.epsilon and config.is_adversarial, "what no rule is about stays as it is"


@pytest.mark.parametrize("points", [45_000, 50_000, 59_999, 60_000, 100_000])
@pytest.mark.parametrize(("optimizer", "steps"), [(None, 850), ("rowwise", 850), ("laprop", 1000)])
def test_between_the_bounds_steps_are_what_stays_the_same(points, optimizer, steps):
    assert _steps(points, optimizer=optimizer) == pytest.approx(steps, rel=0.12)
    assert _steps(points, optimizer=optimizer, batch_size=512) == pytest.approx(steps, rel=0.12)


@pytest.mark.parametrize(("points", "epochs"), [(1, 16), (15_000, 16), (10**6, 4)])
def test_epochs_are_bounded(points, epochs):
    assert _settings(points)["epochs"] == epochs


@pytest.mark.parametrize(("points", "optimizer"), [(3_999, "laprop"), (4_000, "rowwise"), (10**6, "rowwise")])
def test_few_points_are_trained_with_laprop(points, optimizer):
    assert _settings(points)["optimizer"] == optimizer


@pytest.mark.parametrize("points", [1_000, 10_000, 50_000])
@pytest.mark.parametrize("optimizer", ["rowwise", "laprop", "lazy_adam", "adam"])
def test_a_given_optimizer_stays_and_has_its_own_rate_and_epochs(points, optimizer):
    found, laprop = _settings(points, optimizer=optimizer), _settings(points, optimizer="laprop")
    assert found["optimizer"] == optimizer
    fast = optimizer == "rowwise" and points == 50_000
    changed = {name for name in found if found[name] != laprop[name]} - {"optimizer"}
    assert changed == ({"learning_rate", "epochs", "batch_size"} if fast else set())
    problem = planning.Problem(1000, 5000, points, 50.0, 3.0)
    planned = recommendation.recommend(problem, machine.nominal(8 << 30), {"optimizer": optimizer}).config
    assert planned == TrainingConfig(**found)


@pytest.mark.parametrize(
    ("points", "labels", "given", "batch_size"),
    [
        (19_999, 1000, {}, 256),
        (20_000, 1000, {}, 512),
        (59_999, 1000, {}, 512),
        (20_000, 7501, {}, 256),  # below 8 points per label
        (60_000, 70_000, {}, 512),
        (20_000, 1000, {"optimizer": "laprop"}, 256),
        (20_000, 1000, {"batch_size": 128}, 128),
    ],
)
def test_rowwise_takes_large_batches_in_as_many_epochs(points, labels, given, batch_size):
    assert _settings(points, labels, **given)["batch_size"] == batch_size


def test_a_given_batch_size_stays_and_counts():
    assert _settings(4000, batch_size=1000) == {**_settings(4000), "batch_size": 1000}, "16 epochs are the most"
    assert _settings(55_000, batch_size=512)["epochs"] == 2 * _settings(55_000, batch_size=256)["epochs"]


@pytest.mark.parametrize(
    ("points", "labels", "labels_per_point", "dropout", "learning_rate", "optimizer_epsilon"),
    [
        (4_207, 159, 2.4, 0.3, 0.02, 1e-3),  # Bibtex
        (45_000, 4_271, 5.1, 0.3, 0.03, 1e-4),  # EURLEX57K
        (90_452, 41_218, 2.9, 0.0, 0.01, 3e-5),  # TIBKAT-GND: 6.4 points a label
        (8_000, 1000, 1.0, 0.3, 0.02, 1e-3),
        (7_999, 1000, 1.0, 0.0, 0.01, 3e-5),
        (19_999, 9, 1.0, 0.3, 0.02, 1e-3),
        (20_000, 9, 1.0, 0.3, 0.03, 1e-4),
    ],
)
def test_thin_labels_and_few_points(points, labels, labels_per_point, dropout, learning_rate, optimizer_epsilon):
    found = _settings(points, labels, labels_per_point)
    expected = [dropout, learning_rate, optimizer_epsilon]
    assert [found[name] for name in ("dropout", "learning_rate", "optimizer_epsilon")] == expected


@pytest.mark.parametrize(
    ("points", "labels", "labels_per_point", "given", "changed"),
    [
        (19_999, 1000, 3.0, {}, {}),
        (20_000, 1000, 3.0, {}, {"hidden_units": 256, "dropout": 0.1}),
        (45_000, 4_271, 5.1, {}, {"hidden_units": 256, "dropout": 0.1}),  # EURLEX57K
        (45_000, 4_271, 5.1, {"optimizer": "laprop"}, {}),
        (59_999, 41_218, 2.9, {}, {"hidden_units": 256}),
        (90_452, 41_218, 2.9, {}, {"hidden_units": 256, "epochs": 4}),  # TIBKAT-GND
        (90_452, 41_218, 2.9, {"batch_size": 1024}, {"hidden_units": 256, "epochs": 8}),
    ],
)
def test_beside_a_ranker_many_points_have_a_smaller_ensemble(points, labels, labels_per_point, given, changed):
    alone = _settings(points, labels, labels_per_point, **given)
    assert _settings(points, labels, labels_per_point, **given, beside_ranker=True) == {**alone, **changed}


@pytest.mark.parametrize(
    ("labels", "given", "ranker", "hidden_units"),
    [
        (4_271, {"adversarial_weight": 0.0}, None, 256),
        (4_271, {"adversarial_weight": 0.0}, True, 256),
        (4_271, {"adversarial_weight": 0.0}, False, 512),
        (4_271, {}, None, 512),
        (4_271, {"adversarial_weight": 0.0, "hidden_units": 512}, None, 512),
        (1_000, {"adversarial_weight": 0.0}, None, 512),  # so many points per label that no ranker is trained
    ],
)
def test_a_smaller_ensemble_is_for_clean_training_with_a_ranker(labels, given, ranker, hidden_units):
    problem = planning.Problem(labels, 18_407, 45_000, 103.4, 5.1)
    found = recommendation.recommend(problem, machine.nominal(8 << 30), given, ranker=ranker)
    assert found.config.hidden_units == hidden_units
    assert found.ranker is (ranker is not False and labels == 4_271)
    assert found.flags()[-1] == f"--ranker={found.ranker}"


@pytest.mark.parametrize(
    ("labels", "labels_per_point", "buckets", "repetitions"),
    [(2, 1, 50, 4), (3, 1, 50, 4), (5, 3, 50, 8), (20, 2, 50, 8), (50, 2, 50, 8)],
)
def test_few_labels_get_buckets_enough_to_be_told_apart_by_few_repetitions(
    labels, labels_per_point, buckets, repetitions
):
    problem = planning.Problem(labels, 10, 100, 10.0, labels_per_point)
    best = recommendation.recommend(problem, machine.nominal(8 << 30)).best
    assert (best.buckets, best.repetitions) == (buckets, repetitions)
    assert recommendation.is_for_few_labels(buckets, labels)
    assert (
        recommendation.recommend(problem, machine.nominal(8 << 30), buckets=[7], repetitions=[3]).nearest.buckets == 7
    )


@pytest.mark.parametrize(("buckets", "labels"), [(7, 5), (100, 20), (50, 51), (20, 5000)])
def test_other_numbers_of_buckets_are_not_those_of_few_labels(buckets, labels):
    assert not recommendation.is_for_few_labels(buckets, labels)


@pytest.mark.parametrize(("points", "batch_size"), [(5, 5), (8, 8), (100, 8), (320, 20), (4096, 256), (60_000, 512)])
def test_small_data_are_trained_in_small_batches(points, batch_size):
    assert _settings(points)["batch_size"] == batch_size


PROBLEM = planning.Problem(labels=5000, columns=2000, points=10_000, features=20.0, labels_per_point=3.0)
MACHINE = machine.Machine(memory=4 * 10**9, flops=1e11, bandwidth=1e10)


def test_a_recommendation_is_the_best_of_its_plans_under_the_rules_settings():
    found = recommendation.recommend(PROBLEM, MACHINE)
    assert found.config == TrainingConfig(**recommendation.settings(PROBLEM))
    expected = planning.make_plans(PROBLEM, MACHINE, found.config, *planning.candidates(5000), ranker=True)
    assert found.plans == tuple(expected)
    assert found.best == planning.recommend(expected, PROBLEM, MACHINE, 0.01, float("inf")) == found.nearest


def test_what_is_given_is_not_left_to_the_rules():
    given = {"hidden_units": 7, "batch_size": 1000, "epochs": 3}
    found = recommendation.recommend(PROBLEM, MACHINE, given, [300], [5, 6])
    assert found.config == TrainingConfig(**{**recommendation.settings(PROBLEM, 1000), **given})
    assert [(plan.buckets, plan.repetitions) for plan in found.plans] == [(300, 5), (300, 6)]


def test_where_no_plan_meets_the_rules_there_is_a_nearest():
    found = recommendation.recommend(PROBLEM, MACHINE, seconds=1e-9)
    assert found.best is None
    assert found.nearest == planning.nearest(found.plans, MACHINE, 0.01) in found.plans


def test_all_of_it_is_json():
    found = recommendation.recommend(PROBLEM, MACHINE, seconds=1e-9)
    read = json.loads(json.dumps(found.to_json()))
    assert read["best"] is None and read["problem"]["labels"] == 5000 and read["machine"]["memory"] == 4 * 10**9
    assert read["plans"] == [dataclasses.asdict(plan) for plan in found.plans]


def test_it_prints_the_plans_the_machine_and_the_choice():
    found = recommendation.recommend(PROBLEM, machine.nominal(4 * 10**9))
    lines = str(found).splitlines()
    assert len(lines) == 2 + len(found.plans) + 5
    assert lines[-5:-3] == ["", "Machine: 4.0 GB of memory, 100 Gflop/s, 10.0 GB/s."]
    assert lines[-3] == f"Recommended: {' '.join(found.flags())}"
    assert lines[-2].startswith("The ranker takes about ")
    assert lines[-1].startswith("To distinguish all pairs of labels with probability 0.99, B = ")
    assumed = dataclasses.replace(found, problem=dataclasses.replace(PROBLEM, assumed=True))
    assert str(assumed).splitlines()[-4] == "Assumed: 20 features and 3 labels per point."


def test_where_no_plan_fits_it_says_what_to_change():
    lines = str(recommendation.recommend(PROBLEM, machine.nominal(1))).splitlines()
    assert lines[-1].startswith("None of these fits the memory") and "Recommended" not in lines[-2]


@pytest.mark.parametrize("optimizer", ["rowwise", "laprop"])
def test_rowwise_is_advised_only_to_plans_without_it(optimizer):
    found = recommendation.recommend(PROBLEM, machine.nominal(1 << 20), {"optimizer": optimizer})
    assert found.best is None
    assert ("--optimizer=rowwise" in str(found).splitlines()[-1]) is (optimizer == "laprop")


def trains_ranker(task="multilabel", memory=16e9, **sizes):
    few = dataclasses.replace(PROBLEM, points=570_000, labels=26_000, labels_per_point=2.5)
    problem, config = dataclasses.replace(few, **sizes), TrainingConfig(task=task)
    return recommendation.trains_ranker(problem, config, machine.nominal(int(memory)))


def test_rankers_are_for_labels_of_few_points():
    assert trains_ranker() and not trains_ranker(points=12_920, labels=983, labels_per_point=19.0)
    assert not trains_ranker(task="multiclass")


def test_rankers_are_for_what_fits_the_memory_and_for_sizes_that_were_tried():
    amazon = {"labels": 670_091, "features": 75.7, "labels_per_point": 5.45}
    assert trains_ranker(points=490_449, **amazon) and not trains_ranker(points=600_000, **amazon)
    assert not trains_ranker(points=40_000, **amazon, memory=1e9)


def test_a_plan_says_what_its_ranker_takes():
    found = recommendation.recommend(PROBLEM, MACHINE)
    line = next(line for line in str(found).splitlines() if line.startswith("The ranker takes about "))
    seconds = ranker_time.ranker_seconds(*PROBLEM.ranker_sizes, MACHINE)
    assert found.ranker and f" {seconds:,.0f} s of these hours, after the repetitions. " in line
    assert f" {found.best.ranker_bytes / 1e9:,.1f} GB of memory" in line
    alone = recommendation.recommend(PROBLEM, MACHINE, {"task": "multiclass"})
    assert not alone.ranker and "The ranker takes" not in str(alone)


def test_a_plan_leaves_room_for_its_ranker():
    """After the repetitions, whose memory the process keeps."""
    amazon = planning.Problem(670_091, 50_000, 490_449, 75.7, 5.45)
    beside = ranker_time.memory_bytes(*amazon.ranker_sizes)
    for memory in (2e9 + beside, 24e9):
        found = recommendation.recommend(amazon, dataclasses.replace(MACHINE, memory=int(memory)))
        best = found.best
        assert found.ranker and best.training_bytes + beside <= best.ranker_bytes <= memory
        assert best.side_by_side == best.repetitions or memory < 24e9
        assert (f"--group_size={best.side_by_side}" in found.flags()) == (best.side_by_side < best.repetitions)
    # A plan without enough buckets fits beside its ranker, and the best one alone.
    few = planning.Problem(100_000, 50_000, 100_000, 20.0, 1.0)
    alone = recommendation.recommend(few, dataclasses.replace(MACHINE, memory=1_500_000_000))
    assert recommendation.trains_ranker(few, alone.config, MACHINE) and alone.best and not alone.ranker
    tight = recommendation.recommend(amazon, dataclasses.replace(MACHINE, memory=int(PROCESS_BYTES + beside)))
    assert tight.best and not tight.ranker and tight.best.ranker_bytes == 0
