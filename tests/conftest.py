"""Two virtual CPU devices for every test, so that what holds for one replica can be shown for two."""

from __future__ import annotations

from mach_tf import startup

startup.prepare()

import pytest  # noqa: E402
import tensorflow as tf  # noqa: E402

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

pytest_plugins = ["tests.helpers.fixtures"]

# scikit-learn's checks that train a dozen models and more: minutes, where all the others take seconds.
_LONG_CHECKS = (
    "check_estimator_sparse_array",
    "check_estimator_sparse_matrix",
    "check_estimators_dtypes",
    "check_classifiers_train",
    "check_classifiers_classes",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the long checks, which scikit-learn parametrizes without marks, as slow."""
    for item in items:
        if item.name.startswith("test_small_models_pass_the_checks") and any(
            name in item.name for name in _LONG_CHECKS
        ):
            item.add_marker(pytest.mark.slow)
