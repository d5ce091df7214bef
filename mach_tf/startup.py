"""Preparation of a process before TensorFlow is imported: chooses its Keras, quiets its start-up and sets the C allocator.

`import mach_tf` calls `prepare`, so a Python user who imports mach_tf before TensorFlow has nothing to do.
"""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import sys
import warnings
from importlib import metadata
from typing import Optional

from mach_tf import quiet_import, stacks
from mach_tf.errors import InputError

# TensorFlow's packages on PyPI
_TENSORFLOW = ("tensorflow", "tensorflow-cpu")
# <malloc.h> of glibc
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8
_KEEP_BYTES = 2**31 - 1
# In a notebook TensorFlow logs the first two for every training; Keras logs the third where steps take milliseconds.
_OF_NO_USE = ("Using MirroredStrategy", "Assets written to", "is slow compared to the batch time")


class LateImportWarning(UserWarning):
    """TensorFlow was imported before mach_tf, so its allocator settings may come too late."""


def prepare() -> None:
    """Prepares the process for TensorFlow; it takes full effect before `import tensorflow`.

    Chooses Keras 2, silences TensorFlow's start-up messages (a TF_CPP_MIN_LOG_LEVEL of the environment wins) and keeps freed
    memory in the process.
    """
    choose_keras()
    # At 2, TensorFlow's GPU build still prints an error for each CUDA factory registered twice. Real failures raise.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # From 2.19 on, the GPU build logs a few lines during its import at any level. Whoever asks for more than failures sees them.
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] not in ("0", "1", "2"):
        quiet_import.hold_back("tensorflow")
    # tensorflow-addons announces its end of life at every import; setup.py pins the pair that works.
    warnings.filterwarnings("ignore", r"\s*TensorFlow Addons \(TFA\)", UserWarning)
    logging.getLogger("tensorflow").addFilter(_is_of_use)
    keep_freed_memory()


def warn_if_late() -> None:
    """Warns, as LateImportWarning, if TensorFlow is imported already; called by `import mach_tf`."""
    if "tensorflow" in sys.modules:
        warnings.warn(
            "Import mach_tf before TensorFlow: if TensorFlow has run an operation by now, its threads keep their own "
            "memory arenas and return every large buffer to the kernel: a training step then takes up to 1.6 times the "
            "processor time (measured at the reference setting without oneDNN).",
            LateImportWarning,
            stacklevel=3,
        )


def keep_freed_memory() -> bool:
    """Makes glibc reuse large buffers instead of returning each to the kernel.

    Otherwise every training step page-faults its temporaries in again: an elementwise pass over 139 MB takes 170 ms
    instead of 20 ms. MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=2147483647 MALLOC_ARENA_MAX=1 in the environment do the same.

    Returns:
      Whether the allocator accepted the settings; False if the C library is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _KEEP_BYTES), (_M_ARENA_MAX, 1))
    return all(libc.mallopt(parameter, value) == 1 for parameter, value in settings)


def return_freed_memory() -> None:
    """Returns the freed memory that the process keeps to the kernel, once: after a step that needed more than what follows."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def choose_keras() -> None:
    """Makes `tf.keras` the Keras 2 of tf-keras where that is installed, and TensorFlow's own where it is not.

    Whatever the environment asks for: mach_tf does not train with Keras 3, and without tf-keras TensorFlow 2.15 answers the
    request for it with a RecursionError.
    """
    if installed_version("tf-keras"):
        os.environ[stacks.LEGACY_KERAS] = "1"
    else:
        os.environ.pop(stacks.LEGACY_KERAS, None)


def check_versions(tensorboard: bool = False) -> None:
    """Checks that TensorFlow and the package beside it are a pair that works on this Python.

    pip installs tensorflow-addons beside TensorFlow 2.16 and later, where importing it fails with an obscure error.

    Args:
      tensorboard: whether TensorBoard is needed too; TensorFlow 2.21 no longer brings it.

    Raises:
      InputError: they are not, or TensorBoard is missing; the message says what to install.
    """
    check_docstrings()
    python = sys.version_info[:2]
    stack = stacks.of_python(python)
    tensorflow = next(filter(None, map(installed_version, _TENSORFLOW)), None)
    companion = installed_version(stack.companion)
    if not stack.accepts(tensorflow, companion):
        wanted = " ".join(f"'{requirement}'" for requirement in stack.requirements)
        raise InputError(
            f"On Python {python[0]}.{python[1]} mach_tf needs {stack} (got {tensorflow} with {companion}). "
            f"Do: pip install {wanted}"
        )
    if tensorboard and not installed_version("tensorboard"):
        raise InputError(
            "What is written for TensorBoard needs the package tensorboard (got None). Do: pip install tensorboard"
        )


def check_docstrings() -> None:
    """Raises InputError under `python -OO`, where the import of TensorFlow ends in an obscure error."""
    if sys.flags.optimize > 1:
        raise InputError(
            "TensorFlow needs the docstrings that python -OO (or PYTHONOPTIMIZE=2) leaves out. Start Python with -O or without."
        )


def installed_version(package: str) -> Optional[str]:
    """Returns the version of a package by its name on PyPI, or None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _is_of_use(record: logging.LogRecord) -> bool:
    """Returns whether a message of TensorFlow's logger helps a user."""
    return not any(text in str(record.msg) for text in _OF_NO_USE)
