from __future__ import annotations

import io

import numpy as np
import pytest
from sklearn.datasets import load_svmlight_file

from mach_tf.data import libsvm
from mach_tf.data.libsvm import TextReader
from mach_tf.errors import InputError


def _write(path, *lines: str, end: str = "\n") -> str:
    path.write_bytes("".join(line + end for line in lines).encode())
    return str(path)


def _random_lines(points: int, features: int, labels: int) -> list[str]:
    random = np.random.default_rng(0)
    lines = []
    for _ in range(points):
        ids = random.permutation(features)[: random.integers(1, 30)]
        names = random.permutation(labels)[: random.integers(1, 5)]
        lines.append(
            f"{','.join(map(str, names))} {' '.join(f'{i}:{v:.6g}' for i, v in zip(ids, random.normal(size=len(ids))))}"
        )
    return lines


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_agrees_with_scikit_learn(tmp_path, end, size):
    lines = _random_lines(300, 200, 50)
    path = _write(tmp_path / "file", "300 200 50", *lines, end=end)
    with TextReader(path) as reader:
        parsed = [libsvm.parse(block) for block in reader.blocks(size)]
    points = libsvm.concatenate([part.points for part in parsed])
    ordered = [
        " ".join([line.split()[0], *sorted(line.split()[1:], key=lambda x: int(x.split(":")[0]))]) for line in lines
    ]
    features, labels = load_svmlight_file(
        io.BytesIO("\n".join(ordered).encode()), n_features=200, multilabel=True, zero_based=True, dtype=np.float64
    )
    np.testing.assert_array_equal(points.features(200).toarray(), features.astype(np.float32).toarray())
    assert np.split(points.label_ids, points.label_splits[1:-1])[7].tolist() == sorted(labels[7])
    assert points.label_ids.tolist() == [int(label) for row in labels for label in sorted(row)]
    assert np.concatenate([part.places for part in parsed]).tolist() == list(range(300))


def test_points_without_labels_or_features(tmp_path):
    path = _write(tmp_path / "file", "5 9 4", "3,1 5:2", " 4:1", "4:1 2:1", "2", "")
    header, points = libsvm.read_points(path)
    assert header == (5, 9, 4)
    assert points.row_splits.tolist() == [0, 1, 2, 4, 4, 4]
    assert points.label_splits.tolist() == [0, 2, 2, 2, 3, 3]
    assert points.feature_ids.tolist() == [5, 4, 2, 4] and points.label_ids.tolist() == [1, 3, 2]


@pytest.mark.parametrize(
    "header",
    ["1 2", "1 2 3 4", "a b c", "1 -2 3", "1.0 2 3", "1 2147483648 3", "9" * 50 + " 2 3", "\ufeff1 2 3", "١ 2 3", ""],
)
def test_a_header_that_is_not_three_numbers_is_refused(tmp_path, header):
    path = _write(tmp_path / "file", header, "0 0:1")
    with pytest.raises(InputError, match=f"{path}, line 1: the header must be 3 numbers"):
        TextReader(path)


@pytest.mark.parametrize("header", ["0 2 3", "1 0 3"])
def test_a_header_of_nothing_is_refused(tmp_path, header):
    with pytest.raises(InputError, match="line 1: a file must have at least one point and one feature"):
        TextReader(_write(tmp_path / "file", header))


@pytest.mark.parametrize(("says", "got"), [(2, "more"), (4, "3 points"), (1000, "3 points")])
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_point_count_that_differs_is_refused(tmp_path, says, got, size):
    path = _write(tmp_path / "file", f"{says} 9 4", *["1 2:3"] * 3)
    rule = rf"{path}, line 4: a file must have as many lines .*, {says} points \(got {got}\)\. Correct the header"
    with TextReader(path) as reader, pytest.raises(InputError, match=rule):
        list(reader.blocks(size))


@pytest.mark.parametrize("empty", [1, 2])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_empty_lines_at_the_end_are_named(tmp_path, empty, end):
    path = _write(tmp_path / "file", "2 9 4", "1 2:3", "1 2:3", *[""] * empty, end=end)
    with TextReader(path) as reader, pytest.raises(InputError) as raised:
        list(reader.blocks())
    assert f"(got {empty} empty line(s) more). Remove the empty lines at its end." in str(raised.value)


def test_an_empty_line_before_more_points_is_not_called_the_end(tmp_path):
    path = _write(tmp_path / "file", "2 9 4", "1 2:3", "1 2:3", "", "1 2:3")
    for size in (1, 1 << 20):
        with TextReader(path) as reader, pytest.raises(InputError, match=r"\(got more\)\. Correct the header"):
            list(reader.blocks(size))


@pytest.mark.parametrize(
    ("line", "rule", "shown"),
    [
        ("1 2:3 17", "a feature must be written id:value", "'17'"),
        ("x 2:3", "labels must be ids separated by commas", "'x'"),
        ("1,4 2:3", "a label id must be below the header's 4", "'4'"),
        ("1 9:3", "a feature id must be below the header's 9", "'9:3'"),
        ("1 -2:3", "an id must not be negative", "'-2:3'"),
        ("1 2:3 4:nan 5:1", "a value must be a decimal number, finite", "'4:nan'"),
        ("1 2:3 4:123456789012345678901234567890e30 5:1", "a value must be a decimal number, finite", "'4:1234"),
        ("1 2:3 0008:1e999 5:1", "a value must be a decimal number, finite", "'0008:1e999'"),
        ("0008:1e999", "a value must be a decimal number, finite", "'0008:1e999'"),
        ("1 2:3 2:4", "a feature must occur only once in a point", "feature 2 twice"),
        ("1 " + "z" * 1000, "a feature must be written id:value", "'zzzz"),
    ],
)
@pytest.mark.parametrize("before", [0, 3000])
def test_bad_lines_are_described(tmp_path, line, rule, shown, before):
    path = _write(tmp_path / "file", f"{before + 2} 9 4", *["1 2:3"] * before, line, "1 2:3")
    with pytest.raises(InputError) as raised:
        libsvm.read_points(path)
    message = str(raised.value)
    assert message.startswith(f"{path}, line {before + 2}: {rule}") and shown in message and len(message) < 300


def test_good_lines_beside_bad_ones_are_kept(tmp_path):
    path = _write(tmp_path / "file", "4 9 4", "1 2:3", "?", "3 4:1e400", "2 5:1")
    with TextReader(path) as reader:
        (parsed,) = [libsvm.parse(block) for block in reader.blocks()]
    assert parsed.places.tolist() == [0, 3] and parsed.points.label_ids.tolist() == [1, 2]
    assert [bad.line for bad in parsed.bad_lines] == [3, 4]


@pytest.mark.parametrize("size", [1, 64, 1 << 20])
def test_split_form_equals_the_joint_form(tmp_path, size):
    lines = _random_lines(300, 200, 50)
    joint = _write(tmp_path / "joint", "300 200 50", *lines)
    features = _write(tmp_path / "x", "300 200", *[line.split(" ", 1)[1] for line in lines])
    labels = _write(
        tmp_path / "y",
        "300 50",
        *[" ".join(f"{label}:1.0" for label in line.split(" ")[0].split(",")) for line in lines],
    )
    with TextReader(features, labels) as reader:
        parts = [libsvm.parse(block).points for block in reader.blocks(size)]
        assert len(reader.finish()) == 2
    expected = libsvm.read_points(joint)[1]
    found = libsvm.concatenate(parts)
    for name in ("row_splits", "feature_ids", "feature_values", "label_splits", "label_ids"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_the_file_of_features_alone_where_labels_are_optional(tmp_path, size):
    path = _write(tmp_path / "x", "3 9", "5:2 4:1", "", " 0:1")
    with TextReader(path, labels_optional=True) as reader:
        points = libsvm.concatenate([libsvm.parse(block).points for block in reader.blocks(size)])
    assert reader.header == (3, 9, 0) and not reader.with_labels
    assert points.row_splits.tolist() == [0, 2, 2, 3] and points.label_splits.tolist() == [0, 0, 0, 0]
    joint = _write(tmp_path / "joint", "1 9 4", "3 5:2")
    with TextReader(joint, labels_optional=True) as reader:
        assert reader.with_labels and libsvm.parse(next(reader.blocks())).points.label_ids.tolist() == [3]
    with pytest.raises(InputError, match="the header must be 3 numbers"):
        TextReader(path)


def test_labels_in_a_file_of_features_are_named(tmp_path):
    path = _write(tmp_path / "x", "1 9", "3 5:2")
    with (
        TextReader(path, labels_optional=True) as reader,
        pytest.raises(InputError, match=r"a feature must be written id:value, such as 12:0\.5 \(got '3'"),
    ):
        libsvm.parse(next(reader.blocks())).faultless()


@pytest.mark.parametrize(
    ("bad_feature", "bad_label", "kept"), [(True, True, [0, 3]), (True, False, [0, 2, 3]), (False, True, [0, 1, 3])]
)
def test_split_form_leaves_out_a_point_bad_on_either_side(tmp_path, bad_feature, bad_label, kept):
    features = _write(tmp_path / "x", "4 9", "1:1", "1:x" if bad_feature else "2:1", "3:1", "4:1")
    labels = _write(tmp_path / "y", "4 5", "0:1", "1:1", "2:1 2:1" if bad_label else "2:1", "3:1 4:0")
    with TextReader(features, labels) as reader:
        (parsed,) = [libsvm.parse(block) for block in reader.blocks()]
    assert parsed.places.tolist() == kept and parsed.points.label_ids.tolist() == kept
    assert parsed.points.feature_ids.tolist() == [i + 1 for i in kept] and len(parsed.points) == len(kept)
    bad = [(features, 3)] * bad_feature + [(labels, 4)] * bad_label
    assert [(line.path, line.line) for line in parsed.bad_lines] == bad


@pytest.mark.parametrize(
    ("x", "y", "rule"),
    [
        (["2 9", "1:1", "2:1"], ["3 5", "0:1", "0:1", "0:1"], "must have equally many points"),
        (["2 9", "1:1", "2:1"], ["2 5", "0:1"], "y, line 2: .* 2 points \\(got 1 points\\)"),
        (["2 9", "1:1", "2:1"], ["2 5", "0:1", "0:1", "0:1"], "y, line 4: .* 2 points \\(got more\\)"),
        (["2 9 5", "1:1", "2:1"], ["2 5", "0:1", "0:1"], "the header must be 2 numbers"),
    ],
)
def test_split_files_that_do_not_fit_are_refused(tmp_path, x, y, rule):
    with pytest.raises(InputError, match=rule):
        libsvm.read_points(_write(tmp_path / "x", *x), _write(tmp_path / "y", *y))
