from __future__ import annotations

import hashlib

import numpy as np
import pytest

from mach_tf.data.row_numbers import RowNumbers
from mach_tf.errors import InputError
from mach_tf.splits import Source


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n"])
@pytest.mark.parametrize("column", range(3))
def test_each_column_is_a_split(tmp_path, column, end):
    rng = np.random.default_rng(0)
    splits = np.array([rng.permutation(50)[:30] for _ in range(3)])
    path = tmp_path / "rows"
    path.write_text(end.join("\t ".join(map(str, line + 1)) for line in splits.T))
    rows, source = RowNumbers(str(path), column).read(50)
    assert rows.tolist() == sorted(splits[column]) and rows.dtype == np.int64
    content = path.read_bytes()
    assert source == Source(str(path), len(content), hashlib.sha256(content).hexdigest(), column)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2\n3\n", r"rows, line 2: a line must hold 2 row numbers, .* \(got '3'\)"),
        ("1\n\n2\n", "rows, line 2: a line must hold 1 row numbers"),
        ("1\n-2\n", "rows, line 2: a line must hold 1 row numbers"),
        ("1\n2.0\n", "rows, line 2: a line must hold 1 row numbers"),
        ("1\n" + "9" * 19 + "\n", "rows, line 2: a line must hold 1 row numbers"),
        ("3\n0\n", r"rows, line 2: a row number must be from 1 to 9, the points of the data \(got 0\)"),
        ("3\n10\n", r"rows, line 2: a row number must be from 1 to 9, .* \(got 10\)"),
        ("3\n4\n3\n", r"rows: column 0 must name each row once \(got 3 twice\)"),
        ("".join(f"{i % 9 + 1}\n" for i in range(10)), "rows, line 10: a split must have at most as many rows"),
        ("", "empty file"),
    ],
)
def test_bad_files_are_refused(tmp_path, text, message):
    (tmp_path / "rows").write_text(text)
    with pytest.raises(InputError, match=message):
        RowNumbers(str(tmp_path / "rows")).read(9)


def test_a_column_that_is_not_there(tmp_path):
    (tmp_path / "rows").write_text("1 2\n2 1\n")
    with pytest.raises(InputError, match=r"split_number must be below 2, the number of splits in .*rows \(got 2\)"):
        RowNumbers(str(tmp_path / "rows"), 2).read(9)
