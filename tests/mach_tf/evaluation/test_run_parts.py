"""run_parts: what is finished is not computed again, by the same run alone."""

import os

import numpy as np
import pytest
import scipy.sparse

from mach_tf import locks
from mach_tf.errors import InputError
from mach_tf.evaluation.run_parts import RunParts, content_hash, run_parts
from mach_tf.points import from_csr

RUN = {"model": ["a"], "block": 100, "epsilons": (0.1, 0.2)}


def open_parts(path, run=None):
    return run_parts(str(path), "certificates", lambda: RUN if run is None else run)


def interrupt(path, run=None):
    """A run that is interrupted after its first part."""
    with pytest.raises(KeyboardInterrupt), open_parts(path, run) as parts:
        parts.kept("0-100", lambda: {"hits": np.arange(3)})
        raise KeyboardInterrupt


def never():
    raise AssertionError("computed again")


def test_an_interrupted_run_continues_and_leaves_nothing(tmp_path):
    interrupt(tmp_path)
    with open_parts(tmp_path) as parts:
        np.testing.assert_array_equal(parts.kept("0-100", never)["hits"], [0, 1, 2])
        assert parts.kept("attacked", lambda: {"hits": np.ones(2)})["hits"].sum() == 2
    assert [name for name in os.listdir(tmp_path) if not name.endswith(".lock")] == []


def test_another_run_is_refused(tmp_path):
    interrupt(tmp_path)
    with (
        pytest.raises(InputError, match="unfinished certificates of another model"),
        open_parts(tmp_path, {**RUN, "block": 7}),
    ):
        pass
    with open_parts(tmp_path) as parts:
        parts.kept("0-100", never)


def test_a_run_that_finished_nothing_is_replaced(tmp_path):
    with pytest.raises(KeyboardInterrupt), open_parts(tmp_path):
        raise KeyboardInterrupt
    interrupt(tmp_path, {"block": 7})
    with open_parts(tmp_path, {"block": 7}) as parts:
        parts.kept("0-100", never)


def test_parts_without_a_description_are_refused(tmp_path):
    interrupt(tmp_path)
    os.remove(tmp_path / "certificates-run.json")
    with pytest.raises(InputError, match=r"no certificates-run\.json"), open_parts(tmp_path):
        pass


def test_a_damaged_part_is_named(tmp_path):
    interrupt(tmp_path)
    path = tmp_path / "certificates-part-0-100.npz"
    path.write_bytes(path.read_bytes()[:-30])
    with (
        pytest.raises(InputError, match=r"certificates-part-0-100\.npz must hold arrays.*Remove it"),
        open_parts(tmp_path) as parts,
    ):
        parts.kept("0-100", never)


def test_two_runs_do_not_share_a_directory(tmp_path):
    with open_parts(tmp_path), pytest.raises(InputError), open_parts(tmp_path):
        pass
    assert not locks.is_held(str(tmp_path / ".certificates.lock"))


def test_without_a_directory_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with run_parts(None, "certificates", never) as parts:
        assert parts.kept("0-100", lambda: {"hits": np.ones(1)})["hits"] == 1
    RunParts().clear()
    assert not os.listdir(tmp_path)


def test_kinds_of_runs_share_a_directory(tmp_path):
    interrupt(tmp_path)
    with run_parts(str(tmp_path), "robustness", lambda: {"other": 1}) as parts:
        parts.kept("0-100", lambda: {"hits": np.ones(1)})
    with open_parts(tmp_path) as parts:
        parts.kept("0-100", never)


def test_other_points_have_another_hash():
    first, second = (from_csr(scipy.sparse.csr_matrix(np.eye(3) * factor)) for factor in (1, 2))
    assert content_hash(first) == content_hash(first[range(3)]) != content_hash(second)
    assert content_hash(first) != content_hash(first[range(2)])
