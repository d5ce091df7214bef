from __future__ import annotations

import numpy as np
import pytest

from mach_tf.data import textparser


def scan(text: bytes, features: int = 1000, labels: int = 1000, with_labels: bool = True):
    return textparser.scan(np.frombuffer(text, np.uint8), features, labels, with_labels)


def value_of(literal: str) -> np.float32:
    """The value as parsed, with the open ones rounded by Python."""
    text = f"0:{literal}\n".encode()
    _, _, values, _, _, faults, _, open_items = scan(text)
    assert not faults[0], literal
    for place, begin, end in open_items:
        values[place] = np.float32(float(text[begin:end]))
    return values[0]


def _random_literals(count: int) -> list[str]:
    random = np.random.default_rng(0)
    literals = []
    for _ in range(count):
        digits = "".join(map(str, random.integers(0, 10, random.integers(1, 24))))
        dot = random.integers(0, len(digits) + 1)
        exponent = random.choice(["", f"e{random.integers(-45, 20)}", f"E+{random.integers(0, 5)}"])
        literals.append(random.choice(["", "-", "+"]) + digits[:dot] + "." + digits[dot:] + exponent)
    return literals


@pytest.mark.parametrize("repeat", [1, 3])
def test_values_round_as_python_rounds(repeat):
    for literal in _random_literals(4000 * repeat):
        with np.errstate(over="ignore"):
            expected = np.float32(float(literal))
        if np.isfinite(expected):
            assert value_of(literal) == expected, literal


def test_values_next_to_the_middle_of_two_floats():
    # The middle itself, and a hair beside it: the digits beyond the 17th decide.
    for base in (1.0, 0.1, 3.3, 1e-3, 12345.678):
        low = np.float32(base)
        high = np.nextafter(low, np.float32(np.inf))
        middle = (float(low) + float(high)) / 2
        for literal in (
            f"{middle:.17g}",
            f"{middle:.18f}",
            f"{np.nextafter(middle, 0):.17g}",
            f"{np.nextafter(middle, 9e9):.17g}",
        ):
            assert value_of(literal) == np.float32(float(literal)), literal


def test_usual_values_are_never_left_open():
    random = np.random.default_rng(1)
    text = "".join(f" 0:{value!r}\n" for value in random.random(1000)).encode()
    assert len(scan(text)[-1]) < 5  # one in 2^29 / 4 would be due, were they not of 17 digits


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"1,x 2:3", textparser.NOT_A_LABEL),
        (b"1, 2:3", textparser.NOT_A_LABEL),
        (b",1 2:3", textparser.NOT_A_LABEL),
        (b"1,2:3", textparser.NOT_A_LABEL),
        (b"1.5 2:3", textparser.NOT_A_LABEL),
        (b"\xd9\xa1 2:3", textparser.NOT_A_LABEL),
        (b"1 2", textparser.NOT_A_PAIR),
        (b"1 2;3", textparser.NOT_A_PAIR),
        (b"1 :3", textparser.NOT_A_PAIR),
        (b"1 2 :3", textparser.NOT_A_PAIR),
        (b"1 a:3", textparser.NOT_A_PAIR),
        (b"1 2:3 4\r5:1", textparser.NOT_A_PAIR),
        (b"-1 2:3", textparser.NEGATIVE_ID),
        (b"1 -2:3", textparser.NEGATIVE_ID),
        (b"-2:3", textparser.NEGATIVE_ID),
        (b"1 50:3", textparser.FEATURE_OUT_OF_RANGE),
        (b"1 18446744073709551617:3", textparser.FEATURE_OUT_OF_RANGE),
        (b"9 2:3", textparser.LABEL_OUT_OF_RANGE),
        (b"4294967297 2:3", textparser.LABEL_OUT_OF_RANGE),
        (b"1 2:nan", textparser.NOT_FINITE),
        (b"1 2:inf", textparser.NOT_FINITE),
        (b"1 2:4000000000000000000e20", textparser.NOT_FINITE),
        (b"1 2:", textparser.NOT_FINITE),
        (b"1 2:.", textparser.NOT_FINITE),
        (b"1 2:1e", textparser.NOT_FINITE),
        (b"1 2:1_0", textparser.NOT_FINITE),
        (b"1 2:0x1", textparser.NOT_FINITE),
        (b"1 2:1:2", textparser.NOT_FINITE),
    ],
)
def test_faults(line, fault):
    good = b"1 2:3\n"
    rows, ids, values, label_splits, label_ids, faults, fault_at, _ = scan(good + line + b"\n" + good, 50, 9)
    assert faults.tolist() == [0, fault, 0]
    assert len(good) <= fault_at[1] < len(good) + len(line)
    assert rows.tolist() == [0, 1, 1, 2] and label_splits.tolist() == [0, 1, 1, 2]
    assert ids.tolist() == [2, 2] and values.tolist() == [3, 3] and label_ids.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("line", "labels", "features"),
    [
        (b"", [], {}),
        (b" ", [], {}),
        (b"3", [3], {}),
        (b"3,1\t", [1, 3], {}),
        (b"3,1,3 7:1", [1, 3], {7: 1}),
        (b" 7:1 5:2", [], {5: 2, 7: 1}),
        (b"7:1   5:2  ", [], {5: 2, 7: 1}),
        (b"0 7:1\t5:-2.5e-1\r", [0], {5: -0.25, 7: 1}),
        (b"0 007:1 5:0 6:-0.0 8:1e-60", [0], {7: 1}),
        (b"0 00000000000000000000000007:.5 1:5.", [0], {1: 5, 7: 0.5}),
    ],
)
def test_settled_rows(line, labels, features):
    text = line + b"\n" + line + b"\n"
    *rows, faults, fault_at, open_items = scan(text)
    for place, begin, end in open_items:
        rows[2][place] = float(text[begin:end])
    splits, ids, values, label_splits, label_ids, kept = textparser.settle(*rows, faults, fault_at)
    assert kept.tolist() == [0, 1]
    assert ids.tolist() == list(features) * 2
    assert values.tolist() == list(features.values()) * 2
    assert splits.tolist() == [0, len(features), 2 * len(features)]
    assert label_ids.tolist() == labels * 2
    assert label_splits.tolist() == [0, len(labels), 2 * len(labels)]


@pytest.mark.parametrize("line", [b"1 5:1 7:2 5:1", b"1 5:0 5:1", b"5:1 5:1"])
def test_a_feature_twice_is_a_fault(line):
    *rows, faults, fault_at, _ = scan(b"2 9:1\n" + line + b"\n4 9:1 3:2\n")
    splits, ids, _, _, label_ids, kept = textparser.settle(*rows, faults, fault_at)
    assert faults.tolist() == [0, textparser.DUPLICATE, 0] and fault_at[1] == 5
    assert kept.tolist() == [0, 2] and splits.tolist() == [0, 1, 3]
    assert ids.tolist() == [9, 3, 9] and label_ids.tolist() == [2, 4]


@pytest.mark.parametrize("size", [2, 3, 50, 1000, 30_000])
def test_rows_of_any_length_are_sorted(size):
    random = np.random.default_rng(size)
    ids, labels = random.permutation(size), random.permutation(size)
    text = (",".join(map(str, labels)) + " " + " ".join(f"{i}:{i + 1}" for i in ids) + "\n").encode()
    *rows, faults, fault_at, _ = scan(text, size, size)
    _, found, values, _, found_labels, _ = textparser.settle(*rows, faults, fault_at)
    np.testing.assert_array_equal(found, np.arange(size))
    np.testing.assert_array_equal(values, np.arange(size) + 1)
    np.testing.assert_array_equal(found_labels, np.arange(size))
