"""Shares the attribution of each hashed feature among the raw features that hash to it.

Hashing is linear: a hashed value is the sum of the parts of the raw features that collide in it, x_h = sum_i p_i, where
p_i is the raw value times its sign, divided by the point's norm. The attribution of a hashed feature is its change
x_h - x'_h times its gradient averaged over the path. It is shared in proportion to the parts, so raw feature i gets its own
part of the change times that gradient. Two raw features that cancel each other exactly both get 0.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np

from mach_tf.explanations.integrated_gradients.paths import Pairs, PathIntegrals, Paths
from mach_tf.hashing import FeatureSpec
from mach_tf.points import Points, concatenate


class Shares(NamedTuple):
    """The shares of raw features in the attributions of n points' hashed features.

    Attributes:
      row_splits: int64 [n + 1]; point i has the entries row_splits[i]:row_splits[i + 1].
      raw_ids: int64 [entries], ascending within a point; -1 for a hashed feature that only the baseline has, if its raw
        features are not known.
      hashed_ids: int64 [entries].
      values: float32 [entries], the raw values in the point; 0 if the point lacks the feature.
      shared: bool [entries], whether another raw feature has a part in the hashed feature too.
      path_entries: int64 [entries], the position of the hashed feature in the paths; -1 if its parts cancelled.
      weights: float64 [entries]; the attribution is the weight times the averaged gradient.
    """

    row_splits: np.ndarray
    raw_ids: np.ndarray
    hashed_ids: np.ndarray
    values: np.ndarray
    shared: np.ndarray
    path_entries: np.ndarray
    weights: np.ndarray


class RawAttributions(NamedTuple):
    """Attributions of (point, label) pairs for raw features.

    Attributes:
      splits: int64 [pairs + 1]; pair p has the entries splits[p]:splits[p + 1].
      share_entries: int64 [entries], the position of each entry's feature in Shares.
      attributions: float64 [entries].
    """

    splits: np.ndarray
    share_entries: np.ndarray
    attributions: np.ndarray


def shares(spec: FeatureSpec, points: Points, paths: Paths, baseline: Optional[Points] = None) -> Shares:
    """Splits every point's path into the parts of raw features.

    Args:
      spec: how features were hashed.
      points: n raw points.
      paths: the n paths that end at them, in hashed features.
      baseline: the raw points at which the paths begin, n or 1. None if they begin at zero or at a vector that is known only
        in hashed features: then the change of a hashed feature is shared among the point's raw features by their parts of
        its value, and a feature that only the baseline has stays one hashed feature.
    """
    parts = _parts(spec, points)
    if baseline is not None:
        start = _parts(spec, concatenate([baseline] * len(points)) if len(baseline) == 1 else baseline)
        parts = _merge(_join(parts, start._replace(values=np.zeros_like(start.values), parts=-start.parts)))
    path_rows = paths.rows()
    entries = _lookup(_key(path_rows, paths.feature_ids), _key(parts.rows, parts.hashed_ids))
    present = entries >= 0
    weights = np.where(present, parts.parts, 0.0)
    if baseline is None:
        known = np.bincount(entries[present], weights=weights[present], minlength=len(paths.feature_ids))
        # With a zero baseline the ratio is 1, except for the rounding of hashed values to float32.
        ratio = np.divide(paths.difference, known, out=np.zeros(len(known)), where=known != 0)
        weights[present] *= ratio[entries[present]]
        orphans = np.flatnonzero(known == 0)
        ids = paths.feature_ids[orphans]
        raw_ids = np.full_like(ids, -1) if spec.dim else ids
        nothing = np.zeros(len(ids))
        parts = _join(parts, _Parts(path_rows[orphans], raw_ids, ids, nothing.astype(np.float32), nothing))
        entries = np.concatenate([entries, orphans])
        weights = np.concatenate([weights, paths.difference[orphans]])
    order = np.lexsort((parts.hashed_ids, parts.raw_ids, parts.rows))
    parts = _Parts(*(array[order] for array in parts))
    _, group, counts = np.unique(_key(parts.rows, parts.hashed_ids), return_inverse=True, return_counts=True)
    row_splits = np.searchsorted(parts.rows, np.arange(len(points) + 1)).astype(np.int64)
    return Shares(
        row_splits,
        parts.raw_ids,
        parts.hashed_ids,
        parts.values,
        (counts > 1)[group],
        entries[order],
        weights[order],
    )


def share(shares: Shares, integrals: PathIntegrals, paths: Paths, pairs: Pairs) -> RawAttributions:
    """Returns the attributions of raw features for every pair.

    Args:
      shares: of the n points, from `shares`.
      integrals: of the pairs along the paths.
      paths: the n paths.
      pairs: the labels explained for each of the n points.
    """
    points = pairs.points()
    lengths = np.diff(shares.row_splits)[points]
    splits = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    entries = np.arange(splits[-1]) + np.repeat(shares.row_splits[points] - splits[:-1], lengths)
    # A pair's gradients are in the order of the features on its point's path.
    offset = np.repeat(integrals.splits[:-1] - paths.row_splits[points], lengths)
    path_entries = shares.path_entries[entries]
    present = path_entries >= 0
    attributions = np.zeros(len(entries))
    attributions[present] = shares.weights[entries[present]] * integrals.gradients[(path_entries + offset)[present]]
    return RawAttributions(splits, entries, attributions)


class _Parts(NamedTuple):
    """One entry for each raw feature of each point; `parts` are its parts of the hashed values, float64."""

    rows: np.ndarray
    raw_ids: np.ndarray
    hashed_ids: np.ndarray
    values: np.ndarray
    parts: np.ndarray


def _parts(spec: FeatureSpec, points: Points) -> _Parts:
    rows = points.rows()
    hashed_ids = spec.ids(points.feature_ids)
    parts = points.feature_values.astype(np.float64) * spec.signs(points.feature_ids)
    if spec.norm == "l2":
        key, group = np.unique(_key(rows, hashed_ids), return_inverse=True)
        squares = np.bincount(key >> 32, weights=np.bincount(group, weights=parts) ** 2, minlength=len(points))
        parts = parts / np.sqrt(np.where(squares > 0, squares, 1.0))[rows]
    return _Parts(rows, points.feature_ids, hashed_ids, points.feature_values, parts)


def _join(one: _Parts, other: _Parts) -> _Parts:
    return _Parts(*(np.concatenate(pair) for pair in zip(one, other)))


def _merge(parts: _Parts) -> _Parts:
    """Adds up the entries that belong to one raw feature in one row."""
    _, first, group = np.unique(_key(parts.rows, parts.raw_ids), return_index=True, return_inverse=True)
    values, sums = (np.bincount(group, weights=array) for array in (parts.values, parts.parts))
    return _Parts(parts.rows[first], parts.raw_ids[first], parts.hashed_ids[first], values.astype(np.float32), sums)


def _key(rows: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Packs a row and an id into one int64; ids are below 2^31, and -1 sorts before them all."""
    return (rows.astype(np.int64) << 32) + ids


def _lookup(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Returns the position of each wanted key among the ascending keys, int64; -1 if it is not among them."""
    found = np.searchsorted(keys, wanted)
    inside = found < len(keys)
    inside[inside] = keys[found[inside]] == wanted[inside]
    return np.where(inside, found, -1)
