"""What a ranker adds to the label scores of one point while it moves in its box: a hidden unit per label, relu(w_l . x).

The score of label l counts its unit with weight 1. For quick bounds of all labels, the interval of each unit is enough. For single
labels, their units are appended to those of the ensemble, so that every relaxation takes the worst perturbation of both together.

The deployed products are float32 sums of n terms, where n is the number of a label's weights in columns of the point; adding one to the
ensemble's score is one more rounding: |computed - relu(w_l . x)| <= gamma_{n+1} sum_i |w_li| |x_i|, as for a hidden unit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse

from mach_tf.certificates import rounding
from mach_tf.certificates.hidden_units import HiddenUnits
from mach_tf.certificates.perturbations import Box


class RankerUnits(NamedTuple):
    """The units of all K labels; those of a model without a ranker are 0 throughout.

    Attributes:
      kernel: float32 CSR [n, K], the weights in the columns of the point's entries.
      centre, lower, upper: float64 [K], the pre-activation w_l . x in the middle of the box, and its bounds in the box: exact, apart from
        outward rounding.
      magnitude: float64 [K], sum of |x| |w| over the entries.
      errors: float64 [K], by how much what is added in float32 may differ from relu(w_l . x).
    """

    kernel: scipy.sparse.csr_matrix
    centre: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    magnitude: np.ndarray
    errors: np.ndarray

    def leads(self, label: int) -> np.ndarray:
        """Returns lower bounds of what the ranker adds to a label's lead over every label, float64 [K], by intervals."""
        lowest = np.maximum(self.lower[label], 0) - self.errors[label]
        return lowest - (np.maximum(self.upper, 0) + self.errors)

    def active(self, labels: np.ndarray) -> np.ndarray:
        """Returns which labels have a unit that can be active in the box, int64, ascending, each once."""
        labels = np.unique(labels)
        return labels[self.upper[labels] > 0]

    def appended(self, units: HiddenUnits, labels: np.ndarray) -> HiddenUnits:
        """Returns the hidden units of the ensemble and, after them, those of some labels."""
        if not len(labels):
            return units
        return units._replace(
            kernel=np.concatenate([units.kernel, self.kernel[:, labels].toarray()], axis=1),
            centre=np.append(units.centre, self.centre[labels]),
            lower=np.append(units.lower, self.lower[labels]),
            upper=np.append(units.upper, self.upper[labels]),
            magnitude=np.append(units.magnitude, self.magnitude[labels]),
        )


def ranker_units(kernel: scipy.sparse.csr_matrix, box: Box) -> RankerUnits:
    """Bounds the units of all labels.

    Args:
      kernel: float32 CSR [n, K], the weights in the columns of the point's entries.
      box: the values that the entries may take.
    """
    wide = kernel.astype(np.float64)
    sizes = abs(wide)
    terms = np.bincount(kernel.indices, minlength=kernel.shape[1])
    most = int(terms.max(initial=0))
    magnitude = (1 + 2.0**-20) * (box.largest @ sizes)
    centre, radius = box.middle @ wide, box.half @ sizes
    outward = 2 * rounding.gamma(most + 8) * magnitude
    lower, upper = centre - radius - outward, centre + radius + outward
    largest = (float(box.largest.max(initial=0)), float(sizes.data.max(initial=0)))
    errors = rounding.hidden_error(most, magnitude, *largest)
    # A product that is never above 0, also when it is rounded, adds nothing.
    errors = np.where((terms > 0) & (upper + errors > 0), errors, 0)
    return RankerUnits(kernel, centre, lower, upper, magnitude, errors)
