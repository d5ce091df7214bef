"""Reads shards with tf.data, as batches for training or as points in memory; defines their schema."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Sequence
from typing import Callable, Optional

import numpy as np
import tensorflow as tf

from mach_tf.data import damage
from mach_tf.data.examples import FEATURE_IDS, FEATURE_VALUES, LABEL_IDS
from mach_tf.data.record_content import SCHEMA, assert_valid
from mach_tf.manifest import DatasetManifest
from mach_tf.points import Points, concatenate
from mach_tf.seeds import Purpose, derive

SHUFFLE_BUFFER = 16_384
_INTERLEAVED = 4  # shards that are read side by side
_RUN = 64  # consecutive points of one shard


def parse_examples(serialized: tf.Tensor, columns: int, labels: int) -> dict[str, tf.RaggedTensor]:
    """Parses serialized tf.train.Example messages and checks their content.

    Args:
      serialized: string [n].
      columns: D.
      labels: K.

    Returns:
      "feature_ids" int64, "feature_values" float32 (with the same row_splits) and "label_ids" int64, each a ragged
      tensor [n, None] with int64 row_splits. What breaks a rule of the content raises InvalidArgumentError.
    """
    parsed = tf.io.parse_example(serialized, SCHEMA)
    with tf.control_dependencies(assert_valid(parsed, columns, labels)):
        # One set of row_splits for both: they were found to be equal.
        parsed[FEATURE_VALUES] = parsed[FEATURE_IDS].with_flat_values(tf.identity(parsed[FEATURE_VALUES].flat_values))
    return parsed


def batches(
    directory: str,
    manifest: DatasetManifest,
    split: str,
    batch_size: int,
    *,
    shuffle_seed: Optional[int] = None,
    epoch: int = 0,
    shuffle_buffer: int = SHUFFLE_BUFFER,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Returns one epoch of a split in batches.

    Args:
      directory: the dataset directory.
      manifest: its manifest.
      split: "train", "valid" or "test".
      batch_size: points per batch; the last batch may be smaller.
      shuffle_seed: None keeps the order of the files. Otherwise shards are read in random order, some side by side, and points
        are drawn at random from a buffer. The order depends on seed and epoch alone.
      epoch: number of the epoch; used only with a seed.
      shuffle_buffer: number of points in the buffer.
      drop_remainder: whether to leave out a smaller last batch.

    Returns:
      A dataset of what `parse_examples` returns. Read it under `damage.named` to learn which record is damaged, or
      which shard has more or fewer points than announced.
    """
    paths, points = _paths(directory, manifest, split), manifest.split(split).points
    if shuffle_seed is None:
        return _batched(manifest, _counted(tf.data.TFRecordDataset(paths), points), batch_size, drop_remainder)
    seed = derive(shuffle_seed, epoch, Purpose.SHUFFLE)
    shuffled = _shuffled(paths, points, _order(seed, len(paths)), seed, shuffle_buffer)
    return _batched(manifest, shuffled, batch_size, drop_remainder)


def epochs(
    directory: str,
    manifest: DatasetManifest,
    split: str,
    batch_size: int,
    *,
    shuffle_seed: int,
    numbers: Sequence[int],
    each: Callable[[tf.Tensor, tf.data.Dataset], tf.data.Dataset],
) -> tf.data.Dataset:
    """Reads several epochs of a split, one after the other, in one dataset.

    TensorFlow traces a dataset's functions each time it is made: for small data that takes longer than training on it, so
    it must not be made for every epoch.

    Args:
      directory: the dataset directory.
      manifest: its manifest.
      split: "train", "valid" or "test".
      batch_size: points per batch; the last of an epoch may be smaller.
      shuffle_seed: as for `batches`.
      numbers: the epochs.
      each: takes the position in `numbers`, int64 [], and the batches of that epoch; returns what to make of them.

    Returns:
      What `each` returns for all epochs, in order; with the batches of `batches`, bit for bit.
    """
    paths, points = _paths(directory, manifest, split), manifest.split(split).points
    seeds = [derive(shuffle_seed, number, Purpose.SHUFFLE) for number in numbers]
    orders = [_order(seed, len(paths)) for seed in seeds]

    # There is nothing to convert, nor in what it calls, and converting takes half a second.
    @tf.autograph.experimental.do_not_convert
    def of_epoch(position: tf.Tensor, order: tf.Tensor, seed: tf.Tensor) -> tf.data.Dataset:
        return each(
            position, _batched(manifest, _shuffled(paths, points, order, seed, SHUFFLE_BUFFER), batch_size, False)
        )

    start = tf.data.Dataset.from_tensor_slices((np.arange(len(seeds)), np.array(orders), np.array(seeds, np.int64)))
    return start.flat_map(of_epoch).with_options(_untuned())


def _paths(directory: str, manifest: DatasetManifest, split: str) -> list[str]:
    return [os.path.join(directory, shard.file) for shard in manifest.split(split).shards]


def _order(seed: int, shards: int) -> np.ndarray:
    return np.random.RandomState(seed).permutation(shards)


def _shuffled(paths: list[str], points: int, order: np.ndarray, seed: int, shuffle_buffer: int) -> tf.data.Dataset:
    """Serialized points of an epoch; `order` and `seed` may be tensors."""
    # In one thread: parallel calls cost more than they gain, 17 instead of 11 microseconds of CPU per point.
    ordered = tf.data.Dataset.from_tensor_slices(tf.gather(paths, order)).interleave(
        tf.data.TFRecordDataset, cycle_length=_INTERLEAVED, block_length=_RUN
    )
    # Counted before they are shuffled: the buffer asks for the end before it gives its last points, so that one point too many is
    # found although training asks for no more points than were announced.
    return _counted(ordered, points).shuffle(shuffle_buffer, seed=seed, reshuffle_each_iteration=False)


def _counted(serialized: tf.data.Dataset, points: int) -> tf.data.Dataset:
    """Fails with tf.errors.FailedPreconditionError unless the dataset has that many points; see `damage.named`."""
    return serialized.apply(tf.data.experimental.assert_cardinality(points))


def _batched(
    manifest: DatasetManifest, records: tf.data.Dataset, batch_size: int, drop_remainder: bool
) -> tf.data.Dataset:
    def parse(serialized: tf.Tensor) -> dict[str, tf.RaggedTensor]:
        return parse_examples(serialized, manifest.columns, manifest.labels)

    return (
        records.with_options(_untuned())
        .batch(batch_size, drop_remainder=drop_remainder)
        .map(parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def _untuned() -> tf.data.Options:
    # An iterator that is abandoned waits for the next round of autotuning, and the rounds become rarer. Without autotuning
    # AUTOTUNE is the number of processors.
    untuned = tf.data.Options()
    untuned.autotune.enabled = False
    return untuned


def iterate_points(
    directory: str, manifest: DatasetManifest, split: str, chunk: int = 8192
) -> Generator[Points, None, None]:
    """Yields the hashed points of a split in the order of the files, `chunk` at a time.

    Raises:
      InputError: a record is damaged, or there are more or fewer points than announced; the message names the shard.
    """
    with damage.named(directory, manifest, split):
        for batch in batches(directory, manifest, split, chunk):
            yield _to_points(batch)


def read_points(directory: str, manifest: DatasetManifest, split: str, limit: Optional[int] = None) -> Points:
    """Reads the hashed points of a split, or the first `limit`, into memory; raises what `iterate_points` raises."""
    wanted = manifest.split(split).points if limit is None else min(limit, manifest.split(split).points)
    parts, have = [], 0
    with contextlib.closing(iterate_points(directory, manifest, split)) as chunks:
        for part in chunks:
            parts.append(part[: wanted - have])
            have += len(parts[-1])
            if have >= wanted:
                break
    return concatenate(parts)


def sample_points(directory: str, manifest: DatasetManifest, split: str, count: int) -> Points:
    """Reads `count` points evenly spread over a split, as files are often sorted; all points if it has fewer.

    Reads the whole split, and raises what `iterate_points` raises.
    """
    total = manifest.split(split).points
    count = min(count, total)
    wanted = np.zeros(total, bool)
    wanted[np.arange(count) * total // max(count, 1)] = True
    parts, begin = [], 0
    for part in iterate_points(directory, manifest, split):
        parts.append(part[wanted[begin : begin + len(part)]])
        begin += len(part)
    return concatenate(parts)


def _to_points(batch: dict[str, tf.RaggedTensor]) -> Points:
    features, values, labels = batch[FEATURE_IDS], batch[FEATURE_VALUES], batch[LABEL_IDS]
    return Points(
        features.row_splits.numpy(),
        features.flat_values.numpy(),
        values.flat_values.numpy(),
        labels.row_splits.numpy(),
        labels.flat_values.numpy(),
    )
