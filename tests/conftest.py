"""Two virtual CPU devices for every test, so that what holds for one replica can be shown for two."""

from __future__ import annotations

from mach_tf import startup

startup.prepare()

import tensorflow as tf  # noqa: E402

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

pytest_plugins = ["tests.helpers.fixtures"]
