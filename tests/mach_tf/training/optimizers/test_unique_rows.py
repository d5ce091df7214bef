from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.training.optimizers.unique_rows import UniqueRows
from tests.helpers.row_gradients import initial, slices, train


class Momentum(UniqueRows, tf.keras.optimizers.legacy.SGD):
    """Keeps the number of rows that an update is asked for, None where only the graph's run tells."""

    def _resource_apply_sparse(self, grad, var, indices, apply_state=None):
        self.rows = indices.shape[0]
        return super()._resource_apply_sparse(grad, var, indices, apply_state)


@pytest.mark.parametrize(("unique", "rows"), [(True, 30), (False, None)])
def test_duplicates_are_looked_for_unless_there_are_none(unique, rows):
    optimizer = Momentum(0.1, momentum=0.9, unique_rows=unique)
    gradient = slices(30, 0, unique=False)
    after, _ = train(optimizer, [gradient])
    assert optimizer.rows == rows
    # A first step is plain descent, by the sum where rows are given twice.
    assert np.allclose(after, initial() - 0.1 * tf.convert_to_tensor(gradient), atol=1e-6) != unique
