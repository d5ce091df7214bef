"""`mach_tf.preprocess` from Python; what the program does with it stands in tests/preprocess."""

from __future__ import annotations

import json
import pathlib
import re

import pytest

import mach_tf
from mach_tf.data import records, verification
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import DatasetManifest
from tests.helpers import sample

LINES = ["1,2 3:0.5 4:1.5", " 0:2", "3 1:1", "0 2:-1 7:1"]


def _write(path, lines=LINES, header: str = "") -> str:
    path.write_text("".join(f"{line}\n" for line in [header or f"{len(lines)} 8 5", *lines]))
    return str(path)


def test_all_arguments(tmp_path, capsys, terminal):
    _write(tmp_path / "a1.txt", [*LINES, "oops"])
    _write(tmp_path / "a2.txt")
    test = pathlib.Path(_write(tmp_path / "b.txt", LINES[:2]))
    (tmp_path / "x.txt").write_text("2 8\n1:1\n2:1\n")
    (tmp_path / "y.txt").write_text("2 5\n0:1 4:1\n\n")
    (tmp_path / "features").write_text("".join(f"feature {i}\n" for i in range(8)))
    (tmp_path / "labels").write_text("".join(f"label {i}\n" for i in range(5)))
    out = tmp_path / "out"
    converted = mach_tf.preprocess(
        out,
        train=f"{tmp_path}/a*.txt",
        valid=(str(tmp_path / "x.txt"), tmp_path / "y.txt"),
        test=[test],
        feature_names=tmp_path / "features",
        label_names=str(tmp_path / "labels"),
        feature_hash_dim=4,
        hash_seed=7,
        signed_hash=True,
        feature_norm="none",
        on_bad_line="skip",
        points_per_shard=3,
        workers=2,
    )
    manifest = DatasetManifest.read(str(out))
    assert converted.manifest == manifest and list(verification.problems(str(out))) == []
    assert converted.output_dir == str(out) and [line.line for line in converted.skipped] == [6]
    assert manifest.feature_spec == FeatureSpec(4, 7, True, "none")
    assert {name: split.points for name, split in manifest.splits.items()} == {"train": 8, "valid": 2, "test": 2}
    assert manifest.read_feature_names(str(out)) == [f"feature {i}" for i in range(8)]
    assert manifest.read_label_names(str(out)) == [f"label {i}" for i in range(5)]
    assert records.read_points(str(out), manifest, "valid").label_ids.tolist() == [0, 4]
    shown = capsys.readouterr()
    assert not shown.out and "Preprocessing" in shown.err and "8.00/8" not in shown.err


def test_nothing_is_printed_without_progress(tmp_path, capsys):
    train = _write(tmp_path / "a.txt")
    mach_tf.preprocess(str(tmp_path / "out"), train=train, valid_fraction=0.5, split_seed=1, progress=False)
    shown = capsys.readouterr()
    assert not shown.out and not shown.err
    manifest = DatasetManifest.read(str(tmp_path / "out"))
    assert manifest.splits["train"].points + manifest.splits["valid"].points == 4
    json.dumps(mach_tf.preprocess(tmp_path / "out", train=train, overwrite=True, progress=False).to_json())


def test_text_and_matrices_make_the_same_dataset(tmp_path):
    points = sample.random_points(50)
    lines = []
    for i in range(50):
        row, tags = (slice(splits[i], splits[i + 1]) for splits in (points.row_splits, points.label_splits))
        pairs = zip(points.feature_ids[row].tolist(), points.feature_values[row].tolist())
        lines.append(f"{','.join(map(str, points.label_ids[tags]))} {' '.join(f'{j}:{v!r}' for j, v in pairs)}")
    train = _write(tmp_path / "a.txt", lines, "50 500 40")
    converted = mach_tf.preprocess(tmp_path / "a", train=train, valid_fraction=0.3, progress=False)
    matrices = points.features(500), points.labels(40)
    manifest = mach_tf.write_dataset(*matrices, str(tmp_path / "b"), valid_fraction=0.3, spec=FeatureSpec())
    assert converted.manifest.fingerprint == manifest.fingerprint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": None}, "At least one of train, valid, test must name a file (got none)."),
        ({"train": []}, "The train split must have at least one file (got an empty list). Leave it out."),
        ({"train": "none*"}, "train must name a file or a glob that matches one (got 'none*'). Check the path."),
        (
            {"test": ("a", "none")},
            "test_labels must name a file or a glob that matches one (got 'none'). Check the path.",
        ),
        ({"test": ("a", ["a", "a"])}, "test_features and test_labels must name equally many files (got 1 and 2)."),
        (
            {"train": ("a", "a", "a")},
            "train must be paths or pairs (features, labels) (got a tuple of 3). Put several files",
        ),
        ({"train": 3}, "train must be a path, a glob, or a list of them (got 3)."),
        ({"train": {"a"}}, "train must be a path, a glob, or a list of them (got {'a'})."),
        ({"feature_hash_dim": -1}, "feature_hash_dim must be 0 or more (got -1)."),
        ({"feature_norm": "l1"}, "feature_norm must be one of l2, none (got 'l1')."),
        ({"on_bad_line": "ignore"}, "on_bad_line must be one of raise, skip (got 'ignore')."),
        ({"workers": 0}, "workers must be at least 1 (got 0)."),
        (
            {"workers": 2, "runner": "DirectRunner"},
            "workers must be left out with a runner: they are threads of this process",
        ),
        ({"beam_options": "--x"}, "beam_options must come with a runner, which they configure (got '--x' alone)."),
        ({"points_per_shard": 0}, "points_per_shard must be at least 1"),
        ({"valid_fraction": 1.5}, "valid_fraction must be in [0, 1)"),
        ({"label_names": "a"}, "a must name the 5 labels, one per line (got 6 lines). No dataset was made."),
        (
            {"label_names": "none"},
            "No such file or directory: 'none'. Check the path, its permissions and the free space.",
        ),
        (
            {"train": "bad"},
            "bad, line 3: an id must not be negative (got '-3:1'). Correct it, or leave such lines out: on_bad",
        ),
    ],
)
def test_refusals_speak_of_arguments_and_leave_nothing(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    _write(tmp_path / "a", [*LINES, " 1:1"])
    _write(tmp_path / "bad", ["1 2:3", "1 -3:1"])
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        mach_tf.preprocess("out", **{"train": "a", **arguments}, progress=False)
    assert "--" not in str(caught.value).replace("'--x'", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "bad"]


def test_a_failure_says_that_the_old_dataset_is_as_it_was(tmp_path):
    train, out = _write(tmp_path / "a"), str(tmp_path / "out")
    mach_tf.preprocess(out, train=train, progress=False)
    with pytest.raises(InputError, match=f"must not hold a dataset .*The dataset at {out} is as it was"):
        mach_tf.preprocess(out, train=train, progress=False)
    _write(tmp_path / "a", ["x"])
    with pytest.raises(InputError, match=f"a, line 2: .*The dataset at {out} is as it was"):
        mach_tf.preprocess(out, train=train, overwrite=True, progress=False)
    assert DatasetManifest.read(out).splits["train"].points == 4
