"""run_parts: what is finished is not computed again, by the same run alone."""

import os

import numpy as np
import pytest
import scipy.sparse

from mach_tf import locks
from mach_tf.errors import InputError
from mach_tf.point_range import PointRange
from mach_tf.points import from_csr
from mach_tf.run_parts import RunParts, content_hash, run_parts

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


def of_blocks(parts, computed):
    return parts.of_blocks(
        "", 95, 10, "test", lambda rows, bar: computed.append(rows) or {"first": np.array(rows.start)}
    )


@pytest.mark.parametrize("ranges", [["0/2", "1/2"], ["50:95", "0:50"], ["0:60", "40:95"], ["0:20", "60:95"]])
def test_ranges_and_what_they_left_out_make_the_whole(tmp_path, ranges):
    computed = []
    for text in ranges:
        with run_parts(str(tmp_path), "sums", lambda: RUN, PointRange(text)) as parts:
            of_blocks(parts, computed)
    with run_parts(str(tmp_path), "sums", lambda: RUN) as parts:
        found = [int(block["first"]) for block in of_blocks(parts, computed)]
    assert found == [*range(0, 95, 10)]
    assert sorted(rows.start for rows in computed) == found, "each block is computed once"
    assert [name for name in os.listdir(tmp_path) if not name.endswith(".lock")] == []


def test_ranges_share_a_directory_but_not_with_the_whole(tmp_path):
    def opened(text):
        return run_parts(str(tmp_path), "sums", lambda: RUN, text and PointRange(text))

    with opened("0/2"), opened("1/2"), pytest.raises(InputError, match="in use by another process"), opened(None):
        pass
    with opened(None), pytest.raises(InputError, match=rf"in use by process {os.getpid()}"), opened("0/2"):
        pass
    with opened(None):
        pass
    assert os.listdir(tmp_path) == []


def test_a_part_of_another_run_is_named(tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    interrupt(ours)
    interrupt(theirs, {**RUN, "model": ["b"], "settings": {"k": 1}})
    name = "certificates-part-0-100.npz"
    os.replace(theirs / name, ours / name)
    with pytest.raises(InputError, match=rf"{name} is a part of another run.*differ: model, settings\. Remove it"):
        with open_parts(ours) as parts:
            parts.kept("0-100", never)


def test_a_part_that_does_not_say_what_it_is_of_is_refused(tmp_path):
    interrupt(tmp_path)
    for run in ({}, {"run": np.frombuffer(b"{", np.uint8)}, {"run": np.arange(3)}):
        np.savez(tmp_path / "certificates-part-0-100.npz", hits=np.arange(3), **run)
        with pytest.raises(InputError, match="must say what run it is a part of"), open_parts(tmp_path) as parts:
            parts.kept("0-100", never)


def test_what_differs_is_named(tmp_path):
    interrupt(tmp_path, {**RUN, "settings": {"k": 1, "seed": 0}})
    with pytest.raises(InputError, match=r"these differ: block, settings\.k\)"):
        with open_parts(tmp_path, {**RUN, "block": 7, "settings": {"k": 2, "seed": 0}}):
            pass
