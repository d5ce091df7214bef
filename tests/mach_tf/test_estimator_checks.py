"""scikit-learn's own checks of an estimator: quick ones on small models, all of them on the default settings."""

from __future__ import annotations

import inspect

import pytest

pytest.importorskip("sklearn")

from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from mach_tf.sklearn import MachClassifier

# Each check that is expected to fail, and why.
FAILS = {
    "check_dtype_object": "What is no number in X is refused with an InputError, a ValueError, that names its row and column; "
    "the check wants the TypeError of float({}).",
}
# Most of the time is spent in building graphs, which hardly depends on the size of the model.
SMALL = MachClassifier(
    repetitions=2, epochs=5, hidden_units=64, adversarial_weight=0, strategy="one_device", random_state=0
)


def checks(estimator):
    if "expected_failed_checks" in inspect.signature(parametrize_with_checks).parameters:
        return parametrize_with_checks([estimator], expected_failed_checks=lambda _: FAILS)
    return parametrize_with_checks([estimator])  # before scikit-learn 1.6: see _run


def _run(estimator, check):
    name = getattr(check, "func", check).__name__
    if name in FAILS and "expected_failed_checks" not in inspect.signature(parametrize_with_checks).parameters:
        pytest.xfail(FAILS[name])
    check(estimator)


@checks(SMALL)
def test_small_models_pass_the_checks(estimator, check):
    _run(estimator, check)


@pytest.mark.parametrize("name", ["check_dataframe_column_names_consistency", "check_classifier_multioutput"])
def test_small_models_pass_checks_that_are_not_among_those_for_every_estimator(name):
    if "dataframe" in name:
        pytest.importorskip("pandas")
    getattr(estimator_checks, name)("MachClassifier", SMALL)


@pytest.mark.slow
@checks(MachClassifier())
def test_the_default_settings_pass_the_checks(estimator, check):
    _run(estimator, check)
