"""Our training step in all its variants: nested tapes that share nothing compute the losses of the shared pass."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import our_step
from benchmarks.settings import TINY


@pytest.fixture
def batches():
    generator = np.random.default_rng(0)

    def ids(high, count):
        return np.sort([generator.choice(high, count, replace=False) for _ in range(TINY["points"])], axis=1)

    values = np.full((TINY["points"], TINY["features"]), TINY["features"] ** -0.5, np.float32)
    return [
        {"feature_ids": ids(TINY["columns"], TINY["features"]), "feature_values": values, "label_ids": ids(30, 5)}
        for _ in range(3)
    ]


def test_variants_c_and_d_are_the_same_step(batches):
    shared, nested = (our_step.step_function(TINY, 2, batches, variant) for variant in "cd")
    for _ in range(3):
        ours, theirs = shared(), nested()
        for name in ("clean_loss", "adversarial_loss"):
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4)


@pytest.mark.parametrize(
    ("variant", "names"),
    [
        ("b", {"clean_loss"}),
        ("alone", {"clean_loss"}),
        ("f", {"clean_loss"}),
        ("dense", {"clean_loss", "adversarial_loss"}),
    ],
)
def test_each_variant_trains(batches, variant, names):
    step = our_step.step_function(TINY, 2, batches[:1], variant)
    first = step()
    for _ in range(30):
        last = step()
    assert set(first) == names
    assert (last["clean_loss"] < first["clean_loss"]).all()
