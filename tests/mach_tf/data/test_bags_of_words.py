"""What `convert` adds to the conversions themselves, which have tests of their own; test_preprocessing.py runs it whole."""

from __future__ import annotations

import sys

import pytest

from mach_tf.data import bags_of_words
from mach_tf.data.conversion import Options
from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError


def test_a_runner_without_apache_beam_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.delitem(sys.modules, "mach_tf.data.beam_conversion", raising=False)
    with pytest.raises(InputError, match=r"runner=DirectRunner needs Apache Beam .*pip install 'mach-tf\[beam\]'"):
        bags_of_words.convert({"train": [TextInput("a")]}, str(tmp_path / "out"), Options(), "DirectRunner")
