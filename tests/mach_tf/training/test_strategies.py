from __future__ import annotations

import pytest
import tensorflow as tf

from mach_tf.training import strategies


@pytest.mark.parametrize(("name", "replicas"), [("mirrored", 2), ("one_device", 1)])
def test_replicas(name, replicas):
    """The tests run with two virtual CPU devices."""
    strategy = strategies.create(name)
    assert strategy.num_replicas_in_sync == strategies.local_replicas(strategy) == replicas


def test_a_single_cpu_reads_without_the_iterator_for_several_devices():
    assert strategies.input_options(strategies.create("mirrored")) is None
    single = strategies.create("one_device")
    data = single.distribute_datasets_from_function(
        lambda _: tf.data.Dataset.range(3), strategies.input_options(single)
    )
    assert isinstance(iter(data)._iterators[0]._iterator, tf.data.Iterator)
    assert [int(value) for value in data] == [0, 1, 2]


def test_a_process_of_its_own_agrees_with_itself():
    def requested():
        return True

    assert strategies.agreed(strategies.create("mirrored"), requested) is requested
