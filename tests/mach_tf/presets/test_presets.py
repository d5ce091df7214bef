from __future__ import annotations

import os

import pytest

from mach_tf import presets
from mach_tf.errors import InputError


def test_the_presets_by_name():
    assert presets.names() == sorted(presets.names())
    assert {"demo", "bibtex", "eurlex57k", "delicious-clean"} <= set(presets.names())
    assert all(os.path.isfile(presets.path(name)) for name in presets.names())


def test_configs_is_the_same_folder():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
    assert os.path.realpath(os.path.join(root, "configs")) == os.path.dirname(os.path.realpath(presets.path("demo")))


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_reads_as_absl_reads_its_flagfile(name):
    with open(presets.path(name)) as file:
        lines = [line.rstrip("\n") for line in file if not line.startswith("#")]
    assert [f"--{setting}={value}" for setting, value in presets.read(name).items()] == lines


@pytest.mark.parametrize("name", ["nobody", "", "../errors", "eurlex57k.flags"])
def test_an_unknown_preset_is_refused_with_those_that_exist(name):
    for function in (presets.path, presets.read):
        with pytest.raises(InputError, match=r"preset must be one of amazon-670k, .*, wiki10-31k \(got "):
            function(name)


@pytest.mark.parametrize("line", ["--buckets", "buckets=3", "--nodropout"])
def test_a_line_that_is_no_setting_is_refused_with_its_place(tmp_path, monkeypatch, line):
    (tmp_path / "mine.flags").write_text(f"# comment\n\n{line}\n")
    monkeypatch.setattr(presets, "_DIRECTORY", str(tmp_path))
    with pytest.raises(InputError, match=r"mine\.flags:3 must be a comment or --name=value"):
        presets.read("mine")
