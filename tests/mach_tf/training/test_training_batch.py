from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.training.held_out import HALF
from mach_tf.training.training_batch import bucket_targets, replica_batches


def ragged_points(points, features=40, labels=12, seed=0):
    """Random points as records.batches returns them; some without features, some without labels."""
    rng = np.random.default_rng(seed)
    ids = [np.sort(rng.choice(features, rng.integers(0, 6), False)) for _ in range(points)]
    label_ids = [np.sort(rng.choice(labels, rng.integers(0, 4), False)) for _ in range(points)]
    splits = np.cumsum([0, *map(len, ids)])
    flat_ids, values = np.concatenate([*ids, []]).astype(np.int64), rng.normal(size=splits[-1]).astype(np.float32)
    label_splits = np.cumsum([0, *map(len, label_ids)])
    of = tf.RaggedTensor.from_row_splits
    return {
        "feature_ids": of(flat_ids, splits),
        "feature_values": of(values, splits),
        "label_ids": of(np.concatenate([*label_ids, []]).astype(np.int64), label_splits),
    }


@pytest.mark.parametrize("points", [1, 5, 8])
@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_the_pieces_make_up_the_batch(points, replicas):
    table = np.random.default_rng(1).integers(0, 4, (2, 12)).astype(np.int32)
    halves = np.arange(points) % 3 - 1
    batch = {**ragged_points(points), HALF: tf.constant(halves)}
    pieces = list(replica_batches(tf.data.Dataset.from_tensors(batch), table, replicas))
    assert len(pieces) == replicas
    np.testing.assert_array_equal(np.concatenate([piece.halves for piece in pieces]), halves)
    ids, values, labels, at = [], [], [], 0
    for piece in pieces:
        assert (int(piece.first_point), int(piece.global_points)) == (at, points)
        rows, splits = piece.rows.numpy(), piece.points.row_splits.numpy()
        assert len(set(rows)) == len(rows)
        assert set(piece.points.feature_ids.numpy()) == set(range(len(rows)))
        np.testing.assert_array_equal(piece.entries.values, np.argsort(piece.points.feature_ids, kind="stable"))
        np.testing.assert_array_equal(
            tf.gather(piece.points.feature_ids, piece.entries.values), piece.entries.value_rowids()
        )
        ids += [
            list(part) for part in np.split(rows[piece.points.feature_ids.numpy()], splits[1:-1]) if len(splits) > 1
        ]
        values.append(piece.points.feature_values.numpy())
        labels += [(at + int(p), *map(int, b)) for p, b in zip(piece.target_points, piece.target_buckets.numpy())]
        at += len(splits) - 1
    assert at == points
    assert ids == batch["feature_ids"].to_list()
    np.testing.assert_array_equal(np.concatenate(values), batch["feature_values"].values)
    expected = [(i, *table[:, k]) for i, row in enumerate(batch["label_ids"].to_list()) for k in row]
    assert labels == expected


def test_a_worker_gives_its_own_pieces():
    table = np.zeros((1, 12), np.int32)
    data = tf.data.Dataset.from_tensors(ragged_points(7))
    every, own = list(replica_batches(data, table, 3)), list(replica_batches(data, table, 3, range(1, 3)))
    assert len(own) == 2
    for a, b in zip(every[1:], own):
        for ours, theirs in zip(*(tf.nest.flatten(piece, expand_composites=True) for piece in (a, b))):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("points", [1, 40])
def test_rows_are_filled_up(points):
    table, data = np.zeros((2, 12), np.int32), tf.data.Dataset.from_tensors(ragged_points(points, features=400))
    (plain,), (filled,) = (list(replica_batches(data, table, 1, columns=columns)) for columns in (None, 400))
    unique, more = len(plain.rows), len(filled.rows) - len(plain.rows)
    assert more > 0 if points > 1 else more == 0
    np.testing.assert_array_equal(filled.rows, [*plain.rows.numpy(), *[400] * more])
    np.testing.assert_array_equal(filled.entries.row_lengths(), [*plain.entries.row_lengths().numpy(), *[0] * more])
    np.testing.assert_array_equal(filled.entries.values, plain.entries.values)
    np.testing.assert_array_equal(filled.points.feature_ids, plain.points.feature_ids)
    assert unique == len(set(plain.rows.numpy()))


def test_targets_are_one_where_a_label_falls():
    table = np.random.default_rng(1).integers(0, 4, (2, 12)).astype(np.int32)
    points = ragged_points(6)
    (batch,) = replica_batches(tf.data.Dataset.from_tensors(points), table, 1)
    expected = np.zeros((2, 6, 4), np.float32)
    for point, labels in enumerate(points["label_ids"].to_list()):
        for repetition in range(2):
            expected[repetition, point, table[repetition, labels]] = 1
    assert 0 < expected.sum() < np.size(table[:, points["label_ids"].values])  # some labels share a bucket
    np.testing.assert_array_equal(bucket_targets(batch, 4), expected)
