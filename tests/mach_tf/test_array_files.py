from __future__ import annotations

import io
import random
import struct

import numpy as np
import pytest

from mach_tf import array_files
from mach_tf.errors import InputError
from tests.helpers import mutations

ARRAY = np.arange(40)


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def read(path, shape=(40,)):
    return array_files.read_array(str(path), shape, np.int64, "40 numbers", "Make it again.")


def test_arrays_come_back(tmp_path):
    (tmp_path / "a.npy").write_bytes(npy(ARRAY))
    np.testing.assert_array_equal(read(tmp_path / "a.npy"), ARRAY)
    np.savez(tmp_path / "a.npz", a=ARRAY, b=ARRAY[:2] / 3)
    found = array_files.read_archive(str(tmp_path / "a.npz"), "Make it again.")
    assert list(found) == ["a", "b"] and found["b"].dtype == np.float64


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no array",
        npy(ARRAY)[:-1],
        npy(ARRAY) + b"x",
        npy(ARRAY[:39]),
        npy(ARRAY.astype(np.int32)),
        npy(ARRAY.reshape(8, 5)),
        npy(np.array([print], object), allow_pickle=True),
        npy(ARRAY).replace(b"(40,), }", b"(40,)**9}"),
        npy(ARRAY).replace(b"\x93NUMPY\x01", b"\x93NUMPY\x07"),
    ],
)
def test_another_content_is_refused(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.npy must hold 40 numbers, int64.*Make it again\.$"):
        read(tmp_path / "a.npy")


def test_no_memory_is_taken_for_a_size_that_the_file_does_not_have(tmp_path):
    (tmp_path / "a.npy").write_bytes(npy(ARRAY).replace(b"(40,), }            ", b"(4000000000000,), } "))
    with pytest.raises(InputError, match="got 320"):
        read(tmp_path / "a.npy", (4 * 10**12,))


@pytest.mark.parametrize("compressed", [False, True])
def test_mutations_of_an_archive_are_right_or_named(tmp_path, compressed):
    path, generator = tmp_path / "a.npz", random.Random(0)
    (np.savez_compressed if compressed else np.savez)(path, a=ARRAY)
    good = path.read_bytes()
    for _ in range(150):
        path.write_bytes(
            generator.choice((mutations.flip_bytes, mutations.truncate, mutations.repeat_slice))(generator, good)
        )
        try:
            found = array_files.read_archive(str(path), "Make it again.")
        except InputError as error:
            assert "must hold arrays" in str(error)
        else:
            assert all(np.array_equal(array, ARRAY) for array in found.values())


def test_an_archive_whose_directory_was_shortened_is_refused(tmp_path):
    """zipfile reads as many bytes of the directory as its end announces."""
    path = tmp_path / "a.npz"
    np.savez(path, a=ARRAY, b=ARRAY)
    data = bytearray(path.read_bytes())
    size, offset = struct.unpack_from("<LL", data, len(data) - 10)
    entry = data.find(b"PK\1\2", offset + 4)
    first = entry - offset
    shortened = data[:entry] + data[-22:]
    struct.pack_into("<L", shortened, len(shortened) - 10, first)
    assert size > first
    path.write_bytes(shortened)
    with np.load(path) as arrays:
        assert arrays.files == ["a"], "NumPy misses nothing"
    with pytest.raises(InputError, match="its directory has 1 of 2 entries"):
        array_files.read_archive(str(path), "")


def test_an_array_is_no_archive(tmp_path):
    (tmp_path / "a.npz").write_bytes(npy(ARRAY))
    with pytest.raises(InputError, match="must hold arrays"):
        array_files.read_archive(str(tmp_path / "a.npz"), "")
