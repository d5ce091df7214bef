"""LazyAdam for gradients whose row indices are already unique."""

from __future__ import annotations

import tensorflow_addons as tfa


class UniqueRowsLazyAdam(tfa.optimizers.LazyAdam):
    """tensorflow-addons' LazyAdam, which touches only the rows that have a gradient, without its pass to find duplicates.

    Args:
      unique_indices: whether each gradient's indices are unique; several replicas' concatenated ones are not.
    """

    def __init__(self, learning_rate, unique_indices: bool = True, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self._unique_indices = unique_indices

    def _resource_apply_sparse_duplicate_indices(self, grad, handle, indices, **kwargs):
        if self._unique_indices:
            return self._resource_apply_sparse(grad, handle, indices, **kwargs)
        return super()._resource_apply_sparse_duplicate_indices(grad, handle, indices, **kwargs)
