from __future__ import annotations

import pytest

from mach_tf import memory
from mach_tf.memory import available_memory, total_memory


@pytest.mark.parametrize(
    ("limit", "usage", "expected"), [("1000", "300", 700), ("max", "300", None), (None, None, None)]
)
def test_a_control_group_limits_the_memory(tmp_path, monkeypatch, limit, usage, expected):
    paths = []
    for name, text in (("limit", limit), ("usage", usage)):
        if text is not None:
            (tmp_path / name).write_text(text + "\n")
        paths.append((str(tmp_path / name),))
    monkeypatch.setattr(memory, "_CGROUP_LIMITS", paths[0])
    monkeypatch.setattr(memory, "_CGROUP_USAGES", paths[1])
    if expected is None:
        assert available_memory() > 1000
    else:
        assert available_memory() == expected


@pytest.mark.parametrize(("limit", "expected"), [("1000", 1000), ("max", None), (None, None)])
def test_a_control_group_limits_the_total_too(tmp_path, monkeypatch, limit, expected):
    if limit is not None:
        (tmp_path / "limit").write_text(limit + "\n")
    monkeypatch.setattr(memory, "_CGROUP_LIMITS", (str(tmp_path / "limit"),))
    assert total_memory() == (expected or memory.psutil.virtual_memory().total)
    assert total_memory() >= available_memory() or expected
