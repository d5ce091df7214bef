"""The original formulation trains: every repetition's loss starts where chance puts it, and falls."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import original_step

TINY = {"columns": 40, "hidden": 8, "buckets": 6, "points": 5}


@pytest.mark.parametrize("group", [1, 3])
def test_losses_start_at_chance_and_fall(group):
    generator = np.random.default_rng(0)
    batch = {
        "feature_ids": np.sort([generator.choice(40, 7, replace=False) for _ in range(5)], axis=1),
        "feature_values": generator.random((5, 7), np.float32),
        "label_ids": generator.integers(0, 20, (5, 2)),
    }
    step = original_step.step_function(TINY, group, [batch])
    first = step()
    for _ in range(150):
        last = step()
    # With weights near 0 every probability is near 1/2.
    assert len(first) == group and np.allclose(first, np.log(2), atol=0.1)
    assert (np.array(last) < np.array(first) - 0.1).all()
