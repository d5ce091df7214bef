"""Attributions of a network's label scores in hashed features: along paths from one baseline, or averaged over several."""

from __future__ import annotations

import functools
from typing import Optional

import numpy as np
import scipy.sparse

from mach_tf.choices import EXPECTED_GRADIENTS
from mach_tf.explanations.integrated_gradients import attribution, expected_gradients, paths
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.integrated_gradients.paths import Pairs, PathIntegrals, Paths
from mach_tf.network import Network


def integrate(
    network: Network,
    ends: scipy.sparse.csr_matrix,
    pairs: Pairs,
    config: AttributionConfig,
    baseline: Optional[scipy.sparse.csr_matrix] = None,
    point_ids: Optional[np.ndarray] = None,
) -> tuple[Paths, PathIntegrals]:
    """Returns the paths that end at hashed points, and the integrals along them.

    Args:
      network: the model.
      ends: the n points, CSR [n, D].
      pairs: the labels to explain for each of the n points.
      config: the method and the estimator.
      baseline: where the paths begin, CSR [n or 1, D], or all m points that expected gradients average over, CSR [m, D]; None for zero.
      point_ids: int64 [n], the points' numbers in messages; by default their positions.

    Raises:
      InputError: the attributions of a pair do not add up.
    """
    along = functools.partial(
        attribution.integrate,
        network.repetitions,
        network.bucket_table,
        pairs=pairs,
        config=config,
        point_ids=point_ids,
        ranker=network.ranker_of(config.estimator),
    )
    if config.method == EXPECTED_GRADIENTS:
        return expected_gradients.integrate(along, baseline, ends, pairs)
    whole = paths.from_zero(ends) if baseline is None else paths.between(baseline, ends)
    return whole, along(whole)
