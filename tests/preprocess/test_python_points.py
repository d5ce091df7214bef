from __future__ import annotations

import pytest

from preprocess.python_points import read_source

SOURCE = b"""
from __future__ import annotations
import os, numpy as np
import xml.etree.ElementTree as ET
from os.path import join as path_join, basename
from .sibling import helper
from . import other
from glob import *

@decorate
class Reader(np.ndarray):
    limit: int = 3
    async def fetch(self, first, *rest, key=None, **options):
        global total
        try:
            return path_join(first, sep=self.limit)
        except OSError as error:
            raise
    def fetch_all(self):
        import json.decoder
        return [item.name for item in self], f"{helper}"
"""


def test_identifiers_stand_once_in_the_order_of_their_first_use():
    file = read_source(SOURCE)
    assert file is not None
    assert file.text == (
        "decorate Reader np ndarray limit int fetch self first rest key options path_join sep error OSError fetch_all item name "
        "helper"
    )


def test_attributes_follow_what_they_are_of():
    file = read_source(b"import a\nf(x.y, key=z).g[h.i](\n    j\n).k = a.b.c(d).e\n")
    assert file is not None and file.text == "f x y key z g h i j k a b c d e"


def test_imports_are_absolute_modules_and_names():
    file = read_source(SOURCE)
    assert file is not None
    assert file.imports == [
        "glob", "json.decoder", "numpy", "os", "os.path", "os.path.basename", "os.path.join", "xml.etree.ElementTree"
    ]  # fmt: skip


def test_an_import_alone_gives_no_identifiers():
    file = read_source(b"import numpy as np\nfrom a.b import c as d\n")
    assert file is not None and not file.text and file.imports == ["a.b", "a.b.c", "numpy"]


@pytest.mark.parametrize(
    "source",
    [
        b"print 'Python 2'",
        b"a = 1\0",
        b"\xff\xfe",
        b"# -*- coding: no-such-encoding -*-\nx = 1",
        b"x = " + b"-" * 50_000 + b"1",
    ],
    ids=["syntax", "null", "not UTF-8", "encoding", "nested too deep"],
)
def test_what_is_not_valid_python_is_none(source):
    assert read_source(source) is None


def test_the_declared_encoding_is_obeyed():
    file = read_source("# -*- coding: latin-1 -*-\nétage = 1".encode("latin-1"))
    assert file is not None and file.text == "étage"


def test_nothing_is_executed(tmp_path):
    marker = tmp_path / "executed"
    file = read_source(f"open({str(marker)!r}, 'w')".encode())
    assert file is not None and not marker.exists()
