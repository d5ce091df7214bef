from __future__ import annotations

import os

import numpy as np
import pytest

from mach_tf.data import conversion, libsvm, records, verification
from mach_tf.data.conversion import Options
from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import DatasetManifest
from tests.helpers import sample


def _text(path, points, features: int = 500, labels: int = 40) -> TextInput:
    """Writes points as text, as an obvious loop does."""
    lines = [f"{len(points)} {features} {labels}"]
    for i in range(len(points)):
        row = slice(points.row_splits[i], points.row_splits[i + 1])
        tags = points.label_ids[points.label_splits[i] : points.label_splits[i + 1]]
        pairs = [f"{j}:{v!r}" for j, v in zip(points.feature_ids[row].tolist(), points.feature_values[row].tolist())]
        lines.append(",".join(map(str, tags.tolist())) + " " + " ".join(pairs))
    path.write_text("\n".join(lines) + "\n")
    return TextInput(str(path))


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(libsvm.TextReader.blocks, "__defaults__", (700,))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_points_keep_their_order_for_any_number_of_workers(tmp_path, small_blocks, workers):
    first, second, test = (sample.random_points(n, seed=n) for n in (300, 100, 50))
    inputs = {
        "train": [_text(tmp_path / "a", first), _text(tmp_path / "b", second)],
        "test": [_text(tmp_path / "c", test)],
    }
    options = Options(FeatureSpec(100), workers=workers, points_per_shard=64)
    done = []
    converted = conversion.convert(inputs, str(tmp_path / "out"), options, lambda *new: done.append(new))
    manifest = DatasetManifest.read(str(tmp_path / "out"))
    assert manifest == converted.manifest and list(verification.problems(str(tmp_path / "out"))) == []
    expected = FeatureSpec(100).apply(libsvm.concatenate([first, second]))
    sample.assert_same(records.read_points(str(tmp_path / "out"), manifest, "train"), expected)
    sample.assert_same(records.read_points(str(tmp_path / "out"), manifest, "test"), FeatureSpec(100).apply(test))
    assert [shard.points for shard in manifest.splits["train"].shards] == [64] * 6 + [16]
    size = sum(os.path.getsize(tmp_path / name) for name in "abc")
    assert np.sum(done, axis=0).tolist() == [450, size] and converted.text_bytes == size
    assert [source.bytes for source in manifest.splits["train"].sources] == [
        os.path.getsize(tmp_path / n) for n in "ab"
    ]


@pytest.mark.parametrize("workers", [1, 3])
def test_the_part_held_back_does_not_depend_on_workers_and_blocks(tmp_path, monkeypatch, workers):
    points = sample.random_points(400)
    inputs = {"train": [_text(tmp_path / "a", points)]}
    options = Options(valid_fraction=0.25, split_seed=3, workers=1)
    whole = conversion.convert(inputs, str(tmp_path / "whole"), options).manifest
    monkeypatch.setattr(libsvm.TextReader.blocks, "__defaults__", (500,))
    options = Options(valid_fraction=0.25, split_seed=3, workers=workers)
    pieces = conversion.convert(inputs, str(tmp_path / "pieces"), options).manifest
    assert pieces.fingerprint == whole.fingerprint
    assert 60 < pieces.splits["valid"].points < 140
    assert pieces.splits["valid"].points + pieces.splits["train"].points == 400


def test_several_files_hold_back_different_places(tmp_path):
    """The same file twice: a point's lot is that of its place in the split, not in its file."""
    points = sample.random_points(200)
    inputs = {"train": [_text(tmp_path / "a", points)] * 2}
    options = Options(FeatureSpec(0, norm="none"), valid_fraction=0.5)
    manifest = conversion.convert(inputs, str(tmp_path / "out"), options).manifest
    from mach_tf.data.dataset import held_back

    back = held_back(np.arange(400), 0.5, 0)
    expected = libsvm.concatenate([points, points])[back]
    sample.assert_same(records.read_points(str(tmp_path / "out"), manifest, "valid"), expected)


@pytest.mark.parametrize("workers", [1, 3])
def test_bad_lines_are_skipped_and_listed_in_order(tmp_path, small_blocks, workers):
    points = sample.random_points(300)
    file = _text(tmp_path / "a", points)
    lines = (tmp_path / "a").read_text().split("\n")
    bad = [5, 6, 150, 299]
    for line in bad:
        lines[line + 1] = f"bad {line}"
    (tmp_path / "a").write_text("\n".join(lines))
    options = Options(FeatureSpec(0, norm="none"), workers=workers, skip_bad_lines=True)
    converted = conversion.convert({"train": [file]}, str(tmp_path / "out"), options)
    assert [line.line for line in converted.skipped] == [line + 2 for line in bad]
    listed = (tmp_path / "out" / "skipped.txt").read_text().splitlines()
    assert listed == [str(line) for line in converted.skipped] and f"{tmp_path}/a, line 7: " in listed[0]
    keep = ~np.isin(np.arange(300), bad)
    sample.assert_same(records.read_points(str(tmp_path / "out"), converted.manifest, "train"), points[keep])
    with pytest.raises(InputError, match=r"a, line 7: .*leave such lines out: on_bad_line=skip\."):
        conversion.convert({"train": [file]}, str(tmp_path / "other"), Options(workers=workers))
    assert not (tmp_path / "other").exists()


def test_a_split_without_a_good_line_is_refused(tmp_path):
    (tmp_path / "a").write_text("2 5 3\nx\ny\n")
    with pytest.raises(InputError, match="train split must have at least one point"):
        conversion.convert(
            {"train": [TextInput(str(tmp_path / "a"))]}, str(tmp_path / "out"), Options(skip_bad_lines=True)
        )


@pytest.mark.parametrize(
    ("splits", "changes", "rule"),
    [
        (["train", "valid"], {"valid_fraction": 0.5}, "valid_fraction must be"),
        (["test"], {"valid_fraction": 0.5}, "valid_fraction must be 0 without training files to hold points back from"),
        (["train"], {"feature_names": "names"}, "names must name the 500 features"),
        (["train"], {"label_names": "names"}, "names must name the 40 labels"),
    ],
)
def test_refusals_come_before_the_work(tmp_path, monkeypatch, splits, changes, rule):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names").write_text("a\nb\n")
    file = _text(tmp_path / "a", sample.random_points(20))
    monkeypatch.setattr(conversion.dataset, "make_chunk", None)
    with pytest.raises(InputError, match=rule):
        conversion.convert({split: [file] for split in splits}, str(tmp_path / "out"), Options(**changes))


def test_a_pipe_is_refused_before_it_is_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"pipe must be a regular file, because it is read more than once"):
        conversion.convert({"train": [TextInput(str(tmp_path / "pipe"))]}, str(tmp_path / "out"), Options())
    assert not (tmp_path / "out").exists()


def test_a_part_held_back_without_points_is_refused(tmp_path):
    inputs = {"train": [_text(tmp_path / "a", sample.random_points(20))]}
    with pytest.raises(InputError, match="valid split must have at least one point"):
        conversion.convert(inputs, str(tmp_path / "out"), Options(valid_fraction=1e-6))
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("workers", [1, 2])
def test_points_that_cannot_be_hashed_are_named_by_file_and_lines(tmp_path, workers):
    (tmp_path / "a").write_text("4 9 2\n0 1:1 2:1\n0 1:1 2:1\n0 1:3e38 2:3e38\n0 1:1\n")
    inputs = {"train": [TextInput(str(tmp_path / "a"))]}
    with pytest.raises(InputError, match=r"a, lines 2 to 5: Raw features that share"):
        conversion.convert(inputs, str(tmp_path / "out"), Options(FeatureSpec(1), workers=workers))


def test_headers_that_differ_are_refused(tmp_path):
    points = sample.random_points(20)
    inputs = {"train": [_text(tmp_path / "a", points)], "test": [_text(tmp_path / "b", points, labels=41)]}
    with pytest.raises(InputError, match=r"All headers must have .* \(500, 40\), .* has \(500, 41\)"):
        conversion.convert(inputs, str(tmp_path / "out"), Options())


@pytest.mark.parametrize("workers", [1, 2])
def test_a_source_that_changes_while_it_is_read(tmp_path, small_blocks, workers):
    file = _text(tmp_path / "a", sample.random_points(300))

    def touch(points: int, bytes_read: int) -> None:
        os.utime(tmp_path / "a", ns=(1, 1))

    with pytest.raises(InputError, match="a changed while it was read"):
        conversion.convert({"train": [file]}, str(tmp_path / "out"), Options(workers=workers), touch)
    assert os.listdir(tmp_path) == ["a"]


def test_a_source_whose_header_changes_before_it_is_read(tmp_path, monkeypatch):
    file = _text(tmp_path / "a", sample.random_points(20))
    opened = conversion.dataset.open_dataset

    def replace_first(*args, **options):
        _text(tmp_path / "a", sample.random_points(20), features=900)
        return opened(*args, **options)

    monkeypatch.setattr(conversion.dataset, "open_dataset", replace_first)
    with pytest.raises(InputError, match="a changed since its header was read"):
        conversion.convert({"train": [file]}, str(tmp_path / "out"), Options())
    assert os.listdir(tmp_path) == ["a"]
