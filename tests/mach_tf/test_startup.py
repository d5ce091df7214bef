from __future__ import annotations

import logging
import os
import subprocess
import sys
import types
from importlib import metadata

import pytest

import mach_tf
from mach_tf import startup
from mach_tf.errors import InputError

# Page faults of ten rounds of a 64 MB buffer: with glibc's defaults each round faults its 16,384 pages in again.
_FAULTS = """
import resource, sys
if sys.argv[1] == "keep":
    from mach_tf import startup
    assert startup.keep_freed_memory()
elif sys.argv[1] == "import":
    import mach_tf
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
@pytest.mark.parametrize("mode", ["keep", "import"])
def test_freed_memory_is_reused(mode):
    assert _faults(mode) < _faults("default") / 10


@pytest.mark.parametrize(("first", "warned"), [("", False), ("import tensorflow; ", True)])
def test_importing_after_tensorflow_says_what_it_costs(first, warned):
    script = f"{first}import mach_tf, os; print(os.environ['TF_CPP_MIN_LOG_LEVEL'])"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3")
    assert ("1.6 times" in done.stderr and "Import mach_tf before TensorFlow: " in done.stderr) == warned


def test_the_users_own_log_level_wins(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    startup.prepare()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


@pytest.mark.parametrize(("level", "quiet"), [(None, True), ("3", True), ("0", False), ("2", False)])
def test_the_import_of_tensorflow_is_quiet_unless_more_than_failures_is_asked_for(monkeypatch, level, quiet):
    asked = []
    monkeypatch.setattr(startup.quiet_import, "hold_back", asked.append)
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    if level:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    startup.prepare()
    assert asked == ["tensorflow"] * quiet


def _install(monkeypatch, **versions):
    def installed(name):
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "version", installed)


def _on_python(monkeypatch, *release):
    monkeypatch.setattr(sys, "version_info", (*release, 0, "final", 0))


@pytest.mark.parametrize(
    ("tensorflow", "addons"),
    [("2.14.0", "0.23.0"), ("2.16.1", "0.23.0"), (None, "0.23.0"), ("2.15.1", "0.20.0"), ("2.15.1", None)],
)
def test_another_pair_is_refused(monkeypatch, tensorflow, addons):
    _on_python(monkeypatch, 3, 11)
    versions = {"tensorflow": tensorflow, "tensorflow-addons": addons}
    _install(monkeypatch, **{name: version for name, version in versions.items() if version})
    with pytest.raises(InputError, match=rf"needs TensorFlow 2\.15.*got {tensorflow} with {addons}.*pip install"):
        startup.check_versions()


@pytest.mark.parametrize(
    ("python", "message"),
    [
        (
            (3, 11),
            "On Python 3.11 mach_tf needs TensorFlow 2.15 with tensorflow-addons 0.23 (got 2.18.0 with None). "
            "Do: pip install 'tensorflow~=2.15.1' 'tensorflow-addons~=0.23.0' 'numpy<2'",
        ),
        (
            (3, 12),
            "On Python 3.12 mach_tf needs TensorFlow 2.19, 2.20 or 2.21 with tf-keras of the same release (got 2.18.0 with 2.18.0). "
            "Do: pip install 'tensorflow~=2.19.1' 'tf-keras~=2.19.0'",
        ),
        (
            (3, 13),
            "On Python 3.13 mach_tf needs TensorFlow 2.20 or 2.21 with tf-keras of the same release (got 2.18.0 with 2.18.0). "
            "Do: pip install 'tensorflow>=2.20,<2.22' 'tf-keras>=2.20,<2.22' 'tensorboard>=2.20,<2.22'",
        ),
    ],
)
def test_the_message_names_the_pair_of_the_python_at_hand(monkeypatch, python, message):
    _on_python(monkeypatch, *python)
    _install(monkeypatch, tensorflow="2.18.0", **{"tf-keras": "2.18.0"})
    with pytest.raises(InputError) as raised:
        startup.check_versions()
    assert str(raised.value) == message


def test_the_cpu_package_is_accepted(monkeypatch):
    _on_python(monkeypatch, 3, 11)
    _install(monkeypatch, **{"tensorflow-cpu": "2.15.1", "tensorflow-addons": "0.23.0"})
    startup.check_versions()
    assert startup.installed_version("tensorflow") is None


def test_tensorboard_is_asked_for_where_it_is_needed(monkeypatch):
    _on_python(monkeypatch, 3, 12)
    _install(monkeypatch, tensorflow="2.21.0", **{"tf-keras": "2.21.0"})
    startup.check_versions()
    with pytest.raises(InputError, match=r"needs the package tensorboard .*pip install tensorboard"):
        startup.check_versions(tensorboard=True)


@pytest.mark.parametrize("asked", [None, "0", "1"])
def test_keras_2_is_chosen_where_tf_keras_is_installed_and_only_there(monkeypatch, asked):
    for installed, chosen in (({"tf-keras": "2.21.0"}, "1"), ({}, None)):
        monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
        if asked:
            monkeypatch.setenv("TF_USE_LEGACY_KERAS", asked)
        _install(monkeypatch, **installed)
        startup.prepare()
        assert os.environ.get("TF_USE_LEGACY_KERAS") == chosen


def test_this_installation_is_accepted():
    startup.check_versions()


def test_messages_of_no_use_are_left_out(caplog):
    startup.prepare()
    logger = logging.getLogger("tensorflow")
    caplog.set_level(logging.INFO, "tensorflow")
    # As TensorFlow 2.15 and Keras 2.15 word them.
    logger.info("Using MirroredStrategy with devices %r", ("/device:CPU:0",))
    logger.info("Assets written to: %s", "model/assets")
    logger.warning(
        "Callback method `on_train_batch_end` is slow compared to the batch time (batch time: 0.01s). Check it."
    )
    logger.warning("Something else")
    assert caplog.messages == ["Something else"]


@pytest.mark.parametrize(("level", "refused"), [(0, False), (1, False), (2, True)])
def test_python_without_docstrings_is_refused(monkeypatch, level, refused):
    monkeypatch.setattr(startup, "sys", types.SimpleNamespace(flags=types.SimpleNamespace(optimize=level)))
    if not refused:
        startup.check_docstrings()
        return
    with pytest.raises(InputError, match="needs the docstrings that python -OO"):
        startup.check_docstrings()
    with pytest.raises(InputError, match="docstrings"):
        mach_tf.fit  # noqa: B018
    assert mach_tf.write_dataset
