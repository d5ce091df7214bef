from __future__ import annotations

import collections
import os

import numpy as np

from preprocess import python_files

SPLITS = ("train", "valid", "test")


def test_splits_are_80_10_10():
    counts = collections.Counter(python_files.split_of(f"{i:064x}", seed=3) for i in range(20_000))
    for split, share in zip(SPLITS, (0.8, 0.1, 0.1)):
        # Five standard deviations of a binomial.
        assert abs(counts[split] - 20_000 * share) < 5 * np.sqrt(20_000 * share * (1 - share))


def test_the_interpreter_is_the_default():
    directories = python_files.interpreter_directories()
    found = [path for directory in directories for path in python_files.python_files(directory)]
    assert len(found) == len(set(found)) and any(path.endswith("numpy/__init__.py") for path in found)
    assert collections.__file__ in found


def test_each_content_is_taken_once(tmp_path):
    for name, content in (("a.py", "x"), ("b.py", "x"), ("c/d.py", "y"), ("c/e.txt", "z"), ("site-packages/f.py", "w")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    found, repeated = python_files.distinct_files([str(tmp_path)], 0)
    assert [file.name for file in found] == [f"{tmp_path.name}/a.py", f"{tmp_path.name}/c/d.py"] and repeated == 1
    assert [file.path for file in found] == [str(tmp_path / "a.py"), str(tmp_path / "c/d.py")]


def test_pipes_and_links_to_nowhere_are_left_out_and_strange_names_are_shown(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "link.py").symlink_to(tmp_path / "nowhere")
    with open(os.fsencode(tmp_path) + b"/\xff\n.py", "w") as file:
        file.write("x")
    (found,), _ = python_files.distinct_files([str(tmp_path)], 0)
    assert found.name == f"{tmp_path.name}/\\xff\\n.py"
