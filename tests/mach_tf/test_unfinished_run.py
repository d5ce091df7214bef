"""The files of an unfinished run: whose parts they are, what is no part, and what is left when they are removed."""

import os
import re

import pytest

from mach_tf.errors import InputError
from mach_tf.unfinished_run import UnfinishedRun

RUN = {"model": ["a"], "block": 100}
NO_PARTS = ("sums-part-x.npz", "sums-part-1.npz.txt", "other-part-1.npz", "a sums-part-1.npz")


def run_in(path):
    for name in NO_PARTS:
        (path / name).touch()
    return UnfinishedRun(str(path), re.compile(r"sums-part-\d+\.npz"), "sums.json")


def add_parts(path, *numbers):
    for number in numbers:
        (path / f"sums-part-{number}.npz").touch()


def test_parts_are_of_the_run_that_was_described_first(tmp_path):
    run = run_in(tmp_path)
    assert run.is_of(RUN, "run")
    add_parts(tmp_path, 2, 1)
    assert run.parts() == ["sums-part-1.npz", "sums-part-2.npz"]
    assert run.is_of(dict(RUN), "run") and not run.is_of({**RUN, "block": 7}, "run")
    assert run.is_of(RUN, "run")


def test_what_is_no_part_neither_counts_nor_goes(tmp_path):
    run = run_in(tmp_path)
    assert run.parts() == [] and run.is_of(RUN, "run")
    add_parts(tmp_path, 1)
    run.clear()
    assert sorted(os.listdir(tmp_path)) == sorted(NO_PARTS)
    run.clear()


def test_the_description_is_the_last_to_go(tmp_path, monkeypatch):
    run, removed = run_in(tmp_path), []
    run.is_of(RUN, "run")
    add_parts(tmp_path, 1, 2)
    monkeypatch.setattr(os, "remove", removed.append)
    run.clear()
    assert [os.path.basename(path) for path in removed] == ["sums-part-1.npz", "sums-part-2.npz", "sums.json"]


def test_parts_without_a_description_are_refused(tmp_path):
    run = run_in(tmp_path)
    add_parts(tmp_path, 3)
    with pytest.raises(InputError, match=r"holds sums-part-3\.npz, but no sums\.json that says"):
        run.is_of(RUN, "run")
    assert not os.path.exists(run.path)


def test_a_damaged_description_is_named(tmp_path):
    run = run_in(tmp_path)
    (tmp_path / "sums.json").write_text("{")
    with pytest.raises(InputError, match=r"sums\.json"):
        run.is_of(RUN, "run of sums")
