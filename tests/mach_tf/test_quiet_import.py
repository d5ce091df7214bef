from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys

import pytest

from mach_tf import quiet_import

LOUD = "import os, sys\nos.write(2, b'from C++\\n')\nprint('from Python', file=sys.__stderr__)\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes a package `loud`, of some text, whose import is quiet."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.delitem(sys.modules, "loud", raising=False)
    quiet_import.hold_back("loud")

    def write(text):
        (tmp_path / "loud.py").write_text(text)
        importlib.invalidate_caches()

    yield write
    sys.modules.pop("loud", None)


def test_an_import_that_succeeds_shows_nothing(package, capfd):
    package(LOUD)
    module = importlib.import_module("loud")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr() == ("", "afterwards\n")
    # Nothing of the detour is left at the module.
    assert module.__spec__.loader is module.__loader__
    assert module.__loader__.exec_module.__func__ is type(module.__loader__).exec_module


def test_an_import_that_fails_shows_everything_and_may_be_tried_again(package, capfd):
    package(LOUD + "raise OSError('no device')\n")
    for _ in range(2):
        with pytest.raises(OSError, match="no device"):
            importlib.import_module("loud")
        assert capfd.readouterr().err == "from C++\nfrom Python\n"


@pytest.mark.parametrize("death", ["os.abort()", "os.kill(os.getpid(), 9)", "os._exit(3)"])
def test_a_process_that_dies_in_the_import_shows_everything(tmp_path, death):
    (tmp_path / "loud.py").write_text(LOUD + death)
    script = "from mach_tf import quiet_import; quiet_import.hold_back('loud'); import loud"
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode != 0
    assert done.stderr == "from C++\nfrom Python\n"


@pytest.mark.parametrize("missing", ["shell", "memory file"])
def test_what_cannot_be_held_back_is_shown_at_once(package, capfd, monkeypatch, missing):
    if missing == "shell":
        monkeypatch.setattr(quiet_import, "_SHELL", "/nowhere/sh")
    else:
        monkeypatch.delattr(os, "memfd_create")
    package(LOUD)
    importlib.import_module("loud")
    assert capfd.readouterr().err == "from C++\nfrom Python\n"


def test_a_closed_standard_error_stream_stays_closed(tmp_path):
    (tmp_path / "loud.py").write_text("")
    script = (
        "import os; os.close(2); from mach_tf import quiet_import; quiet_import.hold_back('loud'); import loud\n"
        "try: os.fstat(2)\n"
        "except OSError: print('closed')"
    )
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, check=True, env={**os.environ, "PYTHONPATH": paths}
    )
    assert done.stdout == b"closed\n"


def test_no_descriptor_is_left_open(package):
    package(LOUD)
    before = os.listdir("/proc/self/fd")
    importlib.import_module("loud")
    assert os.listdir("/proc/self/fd") == before


def test_looking_for_the_package_does_not_import_it(package, capfd):
    package(LOUD)
    assert importlib.util.find_spec("loud").origin.endswith("loud.py")
    assert "loud" not in sys.modules
    importlib.import_module("loud")
    assert capfd.readouterr().err == ""


def test_a_package_that_is_not_there_is_reported_as_ever(package):
    with pytest.raises(ModuleNotFoundError, match="No module named 'loud'"):
        importlib.import_module("loud")


def test_it_is_asked_for_once(package):
    before = list(sys.meta_path)
    quiet_import.hold_back("loud")
    quiet_import.hold_back("os")
    assert sys.meta_path == before
