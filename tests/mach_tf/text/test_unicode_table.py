from __future__ import annotations

import sys
import unicodedata

import numpy as np
import pytest

from mach_tf.errors import InputError
from mach_tf.text import unicode_table
from mach_tf.text.unicode_table import CLASS_SHIFT, CODE_POINT, PAGE, SEPARATOR, read_unicode_table
from tests.helpers.reference_text import normalise


def test_every_assigned_character_becomes_what_python_makes_of_it():
    table = read_unicode_table()
    for code_point in range(sys.maxunicode + 1):
        c = chr(code_point)
        if unicodedata.category(c) == "Cn":
            continue
        symbol = table.pages[table.page_of[code_point >> 8] * PAGE + code_point % PAGE]
        symbols = [symbol]
        if symbol < 0:
            symbols = table.sequences[table.sequence_splits[-1 - symbol] : table.sequence_splits[-symbol]]
        expected = [
            ord(x) | unicodedata.combining(x) << CLASS_SHIFT if unicodedata.category(x)[0] in "LMN" else SEPARATOR
            for x in normalise(c)
        ]
        assert list(symbols) == expected or {*symbols, *expected} == {SEPARATOR}, hex(code_point)


def test_the_normal_form_of_a_normal_form_is_itself():
    table = read_unicode_table()
    symbols = np.unique(np.concatenate([table.pages[table.pages >= 0], table.sequences])) & CODE_POINT
    own = table.pages[table.page_of[symbols >> 8] * PAGE + symbols % PAGE]
    np.testing.assert_array_equal(own & CODE_POINT, symbols)


def test_the_table_of_another_version_of_unicode_is_refused(monkeypatch):
    monkeypatch.setattr(unicode_table, "UNICODE_VERSION", "1.0.0")
    with pytest.raises(InputError, match=r"must be of Unicode 1\.0\.0"):
        read_unicode_table.__wrapped__()
