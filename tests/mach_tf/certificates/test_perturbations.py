"""perturbations: a box holds what attacks make of a point, and refuses what cannot be."""

import numpy as np
import pytest

from mach_tf.attacks.gradient_attacks import project
from mach_tf.certificates.perturbations import PerturbationSet
from mach_tf.errors import InputError


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("epsilon", [0, 1e-9, 0.01, 0.3])
def test_the_box_holds_what_attacks_project_to(epsilon, clip):
    rng = np.random.default_rng(0)
    values = rng.random(1000).astype(np.float32)
    box = PerturbationSet(epsilon, clip_nonnegative=clip).box(values)
    for sign in (-1, 1):
        attacked = project(values + sign * np.float32(2 * epsilon), values, epsilon, clip).astype(np.float64)
        assert (np.abs(attacked - box.middle) <= box.half).all()
        assert (np.abs(attacked) <= box.largest).all()
    assert (box.half <= epsilon + 1e-6).all()
    assert clip <= (box.middle - box.half >= -1e-12).all()
    if not epsilon:
        np.testing.assert_array_equal(box.middle, values)
        assert not box.half.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((-1,), "epsilon"), ((np.nan,), "epsilon"), ((0.1, "some"), "support"), ((0.1, "dense", 3), "clip_nonnegative")],
)
def test_refusals(arguments, message):
    with pytest.raises(InputError, match=message):
        PerturbationSet(*arguments)


def test_values_that_are_negative_cannot_be_clipped():
    with pytest.raises(InputError, match="not negative"):
        PerturbationSet(0.1, clip_nonnegative=True).box(np.array([0.5, -0.5]))
