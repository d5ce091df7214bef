"""Spoiled files by the thousand: the fast parser reads what the reference parser reads, or refuses with one clear message."""

from __future__ import annotations

import faulthandler
import random

import numpy as np
import pytest

from mach_tf.data import conversion, dataset, libsvm, records
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.points import Points
from tests.helpers import mutations, reference_parser

SEED = 20
RAW = FeatureSpec(dim=0, norm="none")


@pytest.fixture(autouse=True)
def _no_hang():
    """Ends the process with a stack trace when a test hangs, in compiled code too."""
    faulthandler.dump_traceback_later(900, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


def _assert_equal(points: Points, expected: list[reference_parser.Point], example: bytes) -> None:
    labels = np.split(points.label_ids, points.label_splits[1:-1])
    ids = np.split(points.feature_ids, points.row_splits[1:-1])
    values = np.split(points.feature_values, points.row_splits[1:-1])
    assert len(points) == len(expected), example
    for row, point in enumerate(expected):
        assert labels[row].tolist() == point.labels, example
        assert ids[row].tolist() == list(point.features), example
        # Bit by bit: a rounding that is off by one unit is a disagreement.
        got, wanted = values[row], np.array(list(point.features.values()), np.float32)
        assert got.view(np.uint32).tolist() == wanted.view(np.uint32).tolist(), (got, wanted, example)


def _check_reading(paths: list[str], expected: reference_parser.Read | None, block_bytes: int, example: bytes) -> None:
    """Reads in blocks, leaving bad lines out, as `to_tfrecord --on_bad_line=skip` does, and whole, as it does without."""
    parsed: list[libsvm.Parsed] = []
    try:
        with libsvm.TextReader(*paths) as reader:
            parsed += [libsvm.parse(block) for block in reader.blocks(block_bytes)]
            reader.finish()
    except InputError as error:
        assert expected is None, (str(error), example)
        assert any(path in str(error) for path in paths), error
        assert len(str(error)) < 500 + sum(map(len, paths)), error
        return
    assert expected is not None, example
    assert tuple(reader.header) == expected.header, example
    assert sorted({bad.line for block in parsed for bad in block.bad_lines}) == expected.bad_lines, example
    good = [place for place, point in enumerate(expected.points) if point is not None]
    assert np.concatenate([block.places for block in parsed]).tolist() == good, example
    points = libsvm.concatenate([block.points for block in parsed])
    _assert_equal(points, [point for point in expected.points if point is not None], example)

    if expected.bad_lines:
        with pytest.raises(InputError, match=f", line {expected.bad_lines[0]}: "):
            libsvm.read_points(*paths)
    else:
        libsvm.read_points(*paths)


def _check_conversion(path: str, expected: reference_parser.Read | None, output_dir: str, example: bytes) -> bool:
    """Makes a dataset, bad lines left out, and compares what its shards hold; returns whether there is one."""
    kept = [] if expected is None else [point for point in expected.points if point is not None]
    options = conversion.Options(RAW, skip_bad_lines=True, points_per_shard=7)
    try:
        converted = conversion.convert({"train": [libsvm.TextInput(path)]}, output_dir, options)
    except InputError as error:
        complete = any(point.labels for point in kept) and any(point.features for point in kept)
        assert not complete or not 1 <= expected.header[2] <= dataset.MAX_LABELS, (str(error), example)
        return False
    assert expected is not None, example
    assert [bad.line for bad in converted.skipped] == expected.bad_lines, example
    _assert_equal(records.read_points(output_dir, converted.manifest, "train"), kept, example)
    return True


def _reference(read, *data: bytes) -> reference_parser.Read | None:
    try:
        return read(*data)
    except reference_parser.Refused:
        return None


def _fuzz(tmp_path, rounds: int, seed: int) -> None:
    rng = random.Random(seed)
    whole = refused = bad_lines = 0
    path = tmp_path / "spoiled.txt"
    for _ in range(rounds):
        data = mutations.spoil(rng, mutations.good_file(rng, rng.choice((1, 2, 5, 20))))
        path.write_bytes(data)
        expected = _reference(reference_parser.read, data)
        refused += expected is None
        bad_lines += expected is not None and bool(expected.bad_lines)
        whole += expected is not None and not expected.bad_lines
        _check_reading([str(path)], expected, rng.choice((1, 10, 100, libsvm.BLOCK_BYTES)), data)
    # The mutations must test all three outcomes, or they test nothing.
    assert min(whole, refused, bad_lines) > rounds / 10, (whole, refused, bad_lines)


def _fuzz_split_form(tmp_path, rounds: int, seed: int) -> None:
    rng = random.Random(seed)
    paths = [tmp_path / "features.txt", tmp_path / "labels.txt"]
    for _ in range(rounds):
        data = list(mutations.good_split_form(rng, rng.choice((1, 3, 12))))
        spoiled = rng.randrange(2)
        data[spoiled] = mutations.spoil(rng, data[spoiled])
        for place, content in zip(paths, data):
            place.write_bytes(content)
        expected = _reference(reference_parser.read_split_form, *data)
        _check_reading(
            [str(p) for p in paths], expected, rng.choice((1, 10, 100, libsvm.BLOCK_BYTES)), b" | ".join(data)
        )


def _fuzz_conversion(tmp_path, rounds: int, seed: int) -> None:
    rng = random.Random(seed)
    made = 0
    for attempt in range(rounds):
        data = mutations.spoil(rng, mutations.good_file(rng, 20))
        path = tmp_path / f"{attempt}.txt"
        path.write_bytes(data)
        expected = _reference(reference_parser.read, data)
        output_dir = tmp_path / f"dataset-{attempt}"
        if _check_conversion(str(path), expected, str(output_dir), data):
            made += 1
        else:
            assert not output_dir.exists()
    assert rounds / 10 < made < rounds


def test_good_files_are_good():
    rng = random.Random(SEED)
    for _ in range(50):
        assert not reference_parser.read(mutations.good_file(rng, 10)).bad_lines
        assert not reference_parser.read_split_form(*mutations.good_split_form(rng, 10)).bad_lines


def test_spoiled_files(tmp_path):
    _fuzz(tmp_path, 400, SEED)


def test_spoiled_split_form(tmp_path):
    _fuzz_split_form(tmp_path, 150, SEED)


def test_spoiled_files_become_datasets_or_errors(tmp_path):
    _fuzz_conversion(tmp_path, 40, SEED)


def test_numbers_halfway_between_two_floats(tmp_path):
    rng = random.Random(SEED)
    count = 3000
    data = f"{count} 1 1\n".encode() + b"".join(
        b" 0:%s\n" % mutations.halfway_number(rng).encode() for _ in range(count)
    )
    path = tmp_path / "halfway.txt"
    path.write_bytes(data)
    _check_reading([str(path)], reference_parser.read(data), libsvm.BLOCK_BYTES, b"halfway numbers")


@pytest.mark.slow
def test_thousands_of_spoiled_files(tmp_path):
    _fuzz(tmp_path, 6000, SEED + 1)
    _fuzz_split_form(tmp_path, 1500, SEED + 1)


@pytest.mark.slow
def test_hundreds_of_spoiled_files_become_datasets_or_errors(tmp_path):
    _fuzz_conversion(tmp_path, 600, SEED + 1)


@pytest.mark.parametrize("fault", [b"", b" 7:1"], ids=["good", "duplicate"])
def test_a_line_of_ten_megabytes(tmp_path, fault):
    count = 400_000
    line = b" ".join(b"%d:1.234567890123456%d" % (i, i % 10) for i in range(count)) + fault
    assert len(line) > 10_000_000
    data = b"3 %d 1\n 5:1\n%s\n 6:1\n" % (count, line)
    path = tmp_path / "long.txt"
    path.write_bytes(data)
    _check_reading([str(path)], reference_parser.read(data), 1 << 16, b"a long line")
