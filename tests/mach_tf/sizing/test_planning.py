from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

from mach_tf.buckets import BucketSpec
from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from mach_tf.sizing import memory_plan, planning, ranker_time, training_time
from mach_tf.sizing.memory_plan import Shapes
from mach_tf.training_config import TrainingConfig

PROBLEM = planning.Problem(labels=5000, columns=2000, points=10_000, features=20.0, labels_per_point=3.0)
MACHINE = planning.Machine(memory=4 * 10**9, flops=1e11, bandwidth=1e10)
CONFIG = TrainingConfig(hidden_units=64, batch_size=128, epochs=3)


@pytest.mark.parametrize(("buckets", "repetitions"), itertools.product([5, 20], [1, 2, 3]))
def test_pair_collision_is_what_bucket_tables_show(buckets, repetitions):
    labels, tables = 200, 100
    pairs = labels * (labels - 1) // 2
    found = 0
    for seed in range(tables):
        table = BucketSpec(buckets, repetitions, seed=seed).table(labels)
        keys = np.ravel_multi_index(tuple(table), (buckets,) * repetitions)
        sizes = np.bincount(keys)
        found += int((sizes * (sizes - 1) // 2).sum())
    expected = planning.pair_collision(buckets, repetitions) * pairs * tables
    assert expected == pytest.approx(pairs * tables / buckets**repetitions)
    assert abs(found - expected) < 6 * math.sqrt(expected) * (1 + 3 / repetitions)


def test_the_bound_over_all_pairs_holds_in_simulation():
    labels, buckets, repetitions, tables = 30, 20, 3, 400
    some = 0
    for seed in range(tables):
        table = BucketSpec(buckets, repetitions, seed=seed).table(labels)
        some += len(np.unique(table, axis=1).T) < labels
    assert 0 < some / tables <= planning.any_pair_collision(labels, buckets, repetitions) < 1


def test_repetitions_needed_of_the_paper():
    # 2 ln(670091 / 0.1) / ln(2000) = 31.436 / 7.601 = 4.136
    assert planning.repetitions_needed(670_091, 2000, 0.01) == 5
    # 2 ln(100) / ln(10,000) = 1
    assert planning.repetitions_needed(100, 10_000, 1.0) == 1


@pytest.mark.parametrize(
    ("labels", "buckets", "delta"), itertools.product([159, 670_091], [32, 2000], [0.5, 0.01, 1e-6])
)
def test_repetitions_needed_is_the_fewest_whose_bound_is_delta(labels, buckets, delta):
    needed = planning.repetitions_needed(labels, buckets, delta)
    assert planning.any_pair_collision(labels, buckets, needed) <= delta
    assert needed == 1 or planning.any_pair_collision(labels, buckets, needed - 1) > delta


@pytest.mark.parametrize(("buckets", "repetitions"), [(10, 1), (10, 3), (20, 4), (8, 5)])
def test_confusable_labels_in_simulation(buckets, repetitions):
    labels, own, tables = 300, 3, 400
    generator = np.random.default_rng(buckets * repetitions)
    counts = []
    for _ in range(tables):
        table = generator.integers(buckets, size=(repetitions, labels))
        hit = (table[:, own:, None] == table[:, None, :own]).any(axis=2)
        counts.append((hit.sum(axis=0) * 2 >= repetitions).sum() * labels / (labels - own))
    expected = planning.confusable_labels(labels, own, buckets, repetitions)
    assert abs(np.mean(counts) - expected) < 5 * np.std(counts) / math.sqrt(tables)


def test_a_plan_by_hand():
    plan = planning.make_plan(PROBLEM, MACHINE, CONFIG, buckets=100, repetitions=6)
    shapes = Shapes(2000, 100, 20.0, labels=5000)
    parameters = 6 * (2000 * 64 + 64 + 64 * 100 + 100)
    assert plan.parameters == parameters
    assert plan.training_bytes == memory_plan.plan(CONFIG, shapes, 1).total
    assert plan.side_by_side == 6
    assert plan.serving_bytes == memory_plan.PROCESS_BYTES + 4 * parameters + 6 * (2 * 4 * 5000 + 8 * 101)
    step = training_time.step_seconds(CONFIG, shapes, MACHINE)
    assert plan.step_seconds == step
    assert plan.training_seconds == training_time.training_seconds(CONFIG, 10_000, 6, 1, step)


def test_repetitions_in_several_groups_take_more_steps():
    tight = dataclasses.replace(MACHINE, memory=memory_plan.plan(CONFIG, Shapes(2000, 100, 20.0, labels=5000), 2).total)
    one, three = (planning.make_plan(PROBLEM, machine, CONFIG, 100, 6) for machine in (MACHINE, tight))
    assert three.side_by_side == 2
    assert three.training_seconds - one.training_seconds == pytest.approx(2 * 3 * 79 * training_time.STEP_SECONDS)


def test_no_repetition_fits_in_too_little_memory():
    machine = dataclasses.replace(MACHINE, memory=10**8)
    assert planning.make_plan(PROBLEM, machine, CONFIG, 100, 6).side_by_side == 0


@pytest.mark.parametrize(
    ("memory", "delta", "seconds"),
    itertools.product([1 * 10**9, 4 * 10**9], [1e-9, 0.01, 1.0], [1.0, 60.0, 1e9]),
)
def test_recommend_against_a_search(memory, delta, seconds):
    machine = dataclasses.replace(MACHINE, memory=memory)
    plans = planning.make_plans(PROBLEM, machine, CONFIG, [10, 100, 1000, 4000], [1, 2, 4, 8, 32])
    allowed = []
    for plan in plans:
        fits = plan.training_bytes <= memory and plan.serving_bytes <= memory and plan.training_seconds <= seconds
        apart = plan.buckets**-plan.repetitions * PROBLEM.labels**2 <= delta and plan.confusable <= delta
        if fits and apart and plan.buckets * plan.repetitions <= 16_384:
            allowed.append((plan.training_seconds, plan))
    best = min(allowed, key=lambda pair: pair[0])[1] if allowed else None
    assert planning.recommend(plans, PROBLEM, machine, delta, seconds) == best


@pytest.mark.parametrize(
    ("labels", "labels_per_point", "columns", "points", "buckets", "repetitions"),
    [
        (159, 2.4, 1836, 4880, 100, 8),
        (4271, 5.1, 18_407, 45_000, 500, 8),
        (41_218, 2.9, 105_964, 90_452, 500, 8),
        (670_091, 5.5, 50_000, 490_449, 2000, 8),
    ],
)
def test_recommended_for_known_data(labels, labels_per_point, columns, points, buckets, repetitions):
    problem = planning.Problem(labels, columns, points, 76.0, labels_per_point)
    plans = planning.make_plans(problem, MACHINE, TrainingConfig(), *planning.candidates(labels))
    best = planning.recommend(plans, problem, dataclasses.replace(MACHINE, memory=24 << 30), 0.01, 24 * 3600)
    assert (best.buckets, best.repetitions) == (buckets, repetitions)


@pytest.mark.parametrize("labels", [2, 3, 159, 30_938, 670_091, 10**8])
def test_candidates_are_worth_a_look(labels):
    buckets, repetitions = planning.candidates(labels)
    assert buckets and repetitions and buckets == sorted(set(buckets))
    assert all(2 <= b <= max(labels, 2) for b in buckets)
    assert 2000 in buckets or labels < 4000 or labels > 4_000_000


def test_the_problem_of_a_dataset(dataset):
    manifest = DatasetManifest.read(dataset)
    train = manifest.split("train")
    expected = planning.Problem(
        manifest.labels, manifest.columns, train.points, train.features / train.points, train.labels / train.points
    )
    assert planning.Problem.of(manifest) == expected
    with pytest.raises(InputError, match=r"at least 2 labels \(got 1\)"):
        planning.Problem.of(dataclasses.replace(manifest, labels=1))


@pytest.mark.parametrize(
    ("memory", "delta", "buckets", "repetitions"),
    [
        (4 * 10**9, 1e4, 10, 4),  # every plan's figures count as good enough: the fastest
        (4 * 10**9, 1e-9, 100, 8),  # only this one separates all pairs
        (1, 1e-9, 10, 4),  # none fits: the smallest
    ],
)
def test_the_nearest_plan(memory, delta, buckets, repetitions):
    machine = dataclasses.replace(MACHINE, memory=memory)
    plans = planning.make_plans(PROBLEM, machine, CONFIG, [10, 100], [4, 8])
    found = planning.nearest(plans, machine, delta)
    assert (found.buckets, found.repetitions) == (buckets, repetitions)


def test_a_rankers_time_is_in_the_estimate():
    without, ranked = (planning.make_plan(PROBLEM, MACHINE, CONFIG, 100, 6, ranker) for ranker in (False, True))
    sizes = PROBLEM.points, PROBLEM.labels, PROBLEM.features, PROBLEM.labels_per_point
    added = ranked.training_seconds - without.training_seconds
    assert added == pytest.approx(ranker_time.ranker_seconds(*sizes, MACHINE)) and added > 0
    assert planning.make_plans(PROBLEM, MACHINE, CONFIG, [100], [6], True) == [ranked]
