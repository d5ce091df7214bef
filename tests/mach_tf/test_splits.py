from __future__ import annotations

import pytest

from mach_tf.errors import InputError
from mach_tf.splits import Shard, Source, Split, check_splits

SHARD = Shard("train-00000-of-00001.tfrecord", 10, 1000, "0" * 64)


def split(points=10, features=20, raw_features=30, labels=5, shards=(SHARD,), sources=()):
    return Split(points, features, raw_features, labels, list(shards), list(sources))


def test_what_a_writer_makes_passes():
    split().check()
    split(0, 0, 0, 0, []).check()
    split(sources=[Source("-", 0, "")]).check()


@pytest.mark.parametrize(
    "bad, rule",
    [
        (split(points=11), r"points of its shards \(got 11\)"),
        (split(features=1001), r"features must be in \[0, 1000\] \(got 1001\)"),
        (split(features=-1), "features must be in"),
        (split(shards=[Shard("train", 63, 1000, "0" * 64)]), r"points must be in \[0, 62\] \(got 63\)"),
        (split(shards=[Shard("a/b", 10, 1000, "0" * 64)]), "plain file names"),
        (split(shards=[Shard("a", 10, 1000, "0" * 63)]), "64 hexadecimal digits"),
        (split(shards=[Shard("a", 10, 10**40, "0" * 64)]), "bytes must be in"),
        (split(sources=[Source("a", -1, "")]), "bytes must be in"),
    ],
)
def test_the_impossible_is_refused(bad, rule):
    with pytest.raises(InputError, match=rule):
        bad.check()


def test_all_splits_are_known_and_possible():
    check_splits({"train": split(), "test": split()}, "d/dataset.json")
    with pytest.raises(
        InputError, match=r"^d/dataset\.json: split 'extra' must be known, one of .*preprocess again\.$"
    ):
        check_splits({"extra": split()}, "d/dataset.json")
    with pytest.raises(InputError, match=r"^d/dataset\.json, test: .*points of its shards.*preprocess again\.$"):
        check_splits({"test": split(points=11)}, "d/dataset.json")
