"""Where computations run: on this machine's CPU, unless a GPU is at hand."""

from __future__ import annotations

import types

import tensorflow as tf

from mach_tf import devices


def test_the_device_of_a_variable():
    with tf.device("CPU:0"):
        assert not devices.on_gpu(tf.Variable(0.0))
    assert devices.on_gpu(types.SimpleNamespace(device="/job:localhost/replica:0/task:0/device:GPU:1"))


def test_the_device_of_operations():
    assert devices.default_is_gpu() == ("GPU" in tf.zeros([2]).device)
