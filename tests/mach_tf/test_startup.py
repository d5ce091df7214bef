from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata

import pytest

from mach_tf import startup

# Page faults of ten rounds of a 64 MB buffer: with glibc's defaults each round faults its 16,384 pages in again.
_FAULTS = """
import resource, sys
from mach_tf import startup
if sys.argv[1] == "keep":
    assert startup.keep_freed_memory()
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
def round():
    block = libc.malloc(ctypes.c_size_t(64 << 20))
    ctypes.memset(block, 1, 64 << 20)
    libc.free(block)
round()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    round()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(mode):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    output = subprocess.run([sys.executable, "-c", _FAULTS, mode], check=True, stdout=subprocess.PIPE, env=environment)
    return int(output.stdout)


@pytest.mark.skipif(not startup.keep_freed_memory(), reason="the C library is not glibc")
def test_freed_memory_is_reused():
    assert _faults("keep") < _faults("default") / 10


def test_the_users_own_log_level_wins(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    startup.prepare()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


@pytest.mark.parametrize("version", ["2.14.0", "2.16.1", None])
def test_another_tensorflow_is_refused(monkeypatch, version):
    def installed(name):
        if version is None or name == "tensorflow-cpu":
            raise metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(metadata, "version", installed)
    with pytest.raises(ImportError, match=rf"needs TensorFlow 2\.15.*got {version}.*pip install"):
        startup.check_versions()


def test_this_installation_is_accepted():
    startup.check_versions()
