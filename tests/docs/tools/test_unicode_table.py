from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from docs.tools import unicode_table
from mach_tf.text_spec import UNICODE_VERSION


def test_the_package_has_the_table_that_the_tool_makes():
    if unicodedata.unidata_version != UNICODE_VERSION:
        pytest.skip(f"this Python has Unicode {unicodedata.unidata_version}")
    made = unicode_table.make()
    with np.load(unicode_table._TABLE) as kept:
        assert sorted(kept.files) == sorted(made)
        for name in kept.files:
            np.testing.assert_array_equal(kept[name], made[name])


def test_another_version_of_unicode_makes_no_table(monkeypatch):
    monkeypatch.setattr(unicodedata, "unidata_version", "3.2.0")
    monkeypatch.setattr(np, "savez_compressed", None)
    with pytest.raises(SystemExit, match=r"This Python has Unicode 3\.2\.0"):
        unicode_table.main()
