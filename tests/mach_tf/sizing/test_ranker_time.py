"""The estimated time of a ranker against measured processor seconds, and how it grows."""

import pytest

from mach_tf.ranker import choice, classifiers
from mach_tf.sizing import ranker_time
from mach_tf.sizing.machine import Machine
from mach_tf.sizing.memory_plan import PROCESS_BYTES

EURLEX = (45_000, 4271, 103.43, 5.07)
TIBKAT = (90_452, 41_218, 70.39, 2.85)
AMAZON = (490_449, 670_091, 75.7, 5.45)


@pytest.mark.parametrize(
    ("sizes", "seconds"),
    [((4421, 159, 68.30, 2.39), 1.2), ((5580, 7791, 81.84, 3.03), 3.05), (EURLEX, 23.1)],
    ids=["bibtex", "tib-core-text", "eurlex57k"],
)
def test_measured_trainings_are_met(sizes, seconds):
    assert 1 / 1.5 < ranker_time.processor_seconds(*sizes) / seconds < 1.5


@pytest.mark.parametrize(
    ("sizes", "megabytes"),
    [(EURLEX, 882), (TIBKAT, 1001), (AMAZON, 3104)],
    ids=["eurlex57k", "tibkat-gnd", "amazon-670k"],
)
def test_measured_peaks_of_processes_that_train_nothing_else_are_met(sizes, megabytes):
    assert 1 / 1.2 < (PROCESS_BYTES + ranker_time.memory_bytes(*sizes)) / (megabytes * 1e6) < 1.2


def test_the_ranker_searches_and_tries_as_many():
    assert ranker_time._CANDIDATES == classifiers._CANDIDATES
    assert len(choice.PENALTIES) == ranker_time._PENALTIES
    assert ranker_time._TRIED_POINTS == choice._TRAINED


def test_it_grows_with_points_times_labels_up_to_the_limit_of_a_search():
    half, whole, many, all_labels = (
        ranker_time.processor_seconds(500_000, labels, 100.0, 5.0) for labels in (60_000, 120_000, 600_000, 1_200_000)
    )
    assert 1.7 < whole / half < 2 and whole == many == all_labels


def test_faster_processors_take_less_time():
    slow, fast = (ranker_time.ranker_seconds(*EURLEX, Machine(0, flops, 1e10)) for flops in (1e11, 4e11))
    assert slow == pytest.approx(4 * fast) == ranker_time.processor_seconds(*EURLEX)
