from __future__ import annotations

import ast
import os
import pathlib
import subprocess
import sys
import warnings

import numba
import pytest

from mach_tf import kernels
from mach_tf.kernels import KernelCache, KernelCacheWarning, announced, jit

ROOT = pathlib.Path(kernels.__file__).parent


def twice(x):
    return x + x


def failing(self, *_):
    raise OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def cache_folder(monkeypatch, tmp_path):
    kernels._warn.cache_clear()
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    return tmp_path


def test_a_kernel_is_compiled_once_and_then_loaded(cache_folder, capsys):
    for said in (True, False):
        with announced(), announced():
            assert jit()(twice)(21) == 42
        assert capsys.readouterr().err.count("Compiling kernels") == said
    assert [path.suffix for path in sorted(cache_folder.rglob("*.nb?"))] == [".nbc", ".nbi"]


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("content", [b"", b"damaged", None], ids=["empty", "bytes", "cut"])
def test_damaged_cache_files_are_replaced(cache_folder, suffix, content, capsys):
    jit()(twice)(1)
    (path,) = cache_folder.rglob(f"*.{suffix}")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    assert jit()(twice)(21) == 42
    with announced():
        assert jit()(twice)(4) == 8
    assert not capsys.readouterr().err


@pytest.mark.parametrize("function", ["__init__", "save_overload"])
def test_without_a_cache_kernels_are_compiled_with_one_warning(monkeypatch, function):
    monkeypatch.setattr(f"numba.core.caching.FunctionCache.{function}", failing)
    with pytest.warns(KernelCacheWarning, match=r"No space left.*NUMBA_CACHE_DIR to a folder") as caught:
        assert [jit()(twice)(x) for x in (1, 2)] == [2, 4]
    assert len(caught) == 1


def test_a_function_that_is_not_called_warns_of_nothing(monkeypatch):
    monkeypatch.setattr("numba.core.caching.FunctionCache.__init__", failing)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jit(nogil=True)(twice)


def test_a_compilation_is_announced_only_within_the_block(capsys):
    with announced():
        pass
    with announced(shown=False):
        jit()(twice)(1)
    assert not capsys.readouterr().err


def test_the_cache_can_rest(cache_folder):
    cache = KernelCache(twice)
    cache.disable()
    cache.save_overload(None, None)
    cache.enable()
    cache.flush()
    assert cache.cache_path and cache.cache_path.startswith(str(cache_folder))


def test_every_kernel_of_the_library_is_compiled_here():
    for path in ROOT.rglob("*.py"):
        if path.name != "kernels.py":
            for node in ast.walk(ast.parse(path.read_text())):
                assert not (isinstance(node, ast.Attribute) and node.attr in ("njit", "jit")), path


def test_a_program_starts_where_no_cache_can_be_written():
    environment = {
        **os.environ,
        "HOME": "/proc/no-home",
        "NUMBA_CACHE_DIR": "/proc/no-cache",
        "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator",
        "PYTHONPATH": str(ROOT.parent),
    }
    command = [sys.executable, "-m", "preprocess.to_tfrecord", "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "mach-preprocess" in done.stdout
    assert not done.stderr


def test_work_is_divided_into_some_tasks_per_thread():
    threads = numba.get_num_threads()
    assert [kernels.tasks(count, 4) for count in (0, 1, 10**6)] == [1, 1, 4 * threads]
