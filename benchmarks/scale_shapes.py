"""The sizes of published data sets, and the laws that planted data of the same shape are drawn from.

Points, labels, features, labels per point and training points per label are those of the table of the Extreme Classification Repository
(Bhatia et al., 2016). Where that table counts test points too, points per label here is points x labels per point / labels. The
repository publishes no mean number of features per point; these are approximate. Of quantiles, one is published: 100,000 of
Amazon-670K's 670,000 labels have more than five training points (Babbar and Schölkopf, 2017), and the law of that shape is fitted to it.
The other laws are assumptions.
"""

from __future__ import annotations

import dataclasses
from typing import Optional


@dataclasses.dataclass(frozen=True)
class Shape:
    """The size of a data set and the law of its label frequencies.

    Attributes:
      points: the number of training points.
      test_points: the number of test points.
      features: D, the number of raw features.
      labels: K.
      features_per_point: the mean number of features per point.
      labels_per_point: the mean number of labels per point.
      exponent: the frequency of the label of rank r falls as 1 / (r + offset)^exponent; not 1.
      offset: see there.
      cluster: the mean number of labels that share features.
      spread: the standard deviation of the logarithm of the number of labels per point.
      more_than_five: the published share of labels with more than five training points; None if there is none.
    """

    points: int
    test_points: int
    features: int
    labels: int
    features_per_point: float
    labels_per_point: float
    exponent: float
    offset: float
    cluster: int
    spread: float
    more_than_five: Optional[float] = None

    @property
    def points_per_label(self) -> float:
        """The mean number of training points per label."""
        return self.points * self.labels_per_point / self.labels


SHAPES = {
    "wiki10-31k": Shape(14_146, 6_616, 101_938, 30_938, 673.0, 18.64, 0.8, 3.0, 120, 0.3),
    "delicious-200k": Shape(196_606, 100_095, 782_585, 205_443, 301.0, 75.54, 0.9, 10.0, 500, 0.6),
    "amazon-670k": Shape(490_449, 153_025, 135_909, 670_091, 75.7, 5.45, 0.98, 20.0, 32, 0.3, 0.149),
    "wikipedia-500k": Shape(1_813_391, 783_743, 2_381_304, 501_070, 385.0, 4.77, 0.8, 30.0, 32, 0.6),
    "amazon-3m": Shape(1_717_899, 742_507, 337_067, 2_812_281, 49.0, 36.17, 0.6, 30.0, 200, 0.6),
}
