"""Propensities against napkinXC's and the paper's formula by hand."""

import math

import numpy as np
import pytest
import scipy.sparse

from mach_tf.metrics import propensity


@pytest.mark.parametrize("name", sorted(propensity.CONSTANTS))
@pytest.mark.parametrize("points", [3, 100, 4880])
def test_agrees_with_napkinxc(name, points):
    napkinxc = pytest.importorskip("napkinxc.metrics")
    labels = scipy.sparse.random(points, 30, 0.2, "csr", random_state=0)
    labels.data[:] = 1
    a, b = propensity.CONSTANTS[name]
    ours = propensity.propensities(np.bincount(labels.indices, minlength=30), points, a, b)
    np.testing.assert_allclose(ours, napkinxc.Jain_et_al_propensity(labels, a, b), rtol=1e-12)


def test_by_hand():
    c = (math.log(1000) - 1) * 2.5**0.55
    expected = 1 / (1 + c * math.exp(-0.55 * math.log(7 + 1.5)))
    assert propensity.propensities(np.array([7]), 1000)[0] == pytest.approx(expected, rel=1e-14)


def test_frequent_labels_are_recorded_more_often():
    values = propensity.propensities(np.arange(1000), 1000)
    assert (np.diff(values) > 0).all()
    assert 0 < values[0] < values[-1] <= 1


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match="at least 3 training points"):
        propensity.propensities(np.ones(2), 2)
