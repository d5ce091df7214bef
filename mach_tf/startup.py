"""What a process must do before TensorFlow is imported: quiet its start-up and set the C allocator."""

from __future__ import annotations

import ctypes
import os
import platform
import warnings
from importlib import metadata
from typing import Optional

from mach_tf.errors import InputError

# <malloc.h> of glibc
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8
_KEEP_BYTES = 2**31 - 1


def prepare() -> None:
    """Readies the process for TensorFlow; call it before `import tensorflow`.

    Silences TensorFlow's start-up messages (the environment's own TF_CPP_MIN_LOG_LEVEL wins) and keeps freed memory
    in the process. Programs call this by themselves; a library user who trains calls it first.
    """
    # 3: at 2, TensorFlow's GPU build still prints an error for each CUDA factory registered twice. What really fails raises.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # tensorflow-addons announces its end of life at every import; setup.py pins the pair that works.
    warnings.filterwarnings("ignore", r"\s*TensorFlow Addons \(TFA\)", UserWarning)
    keep_freed_memory()


def keep_freed_memory() -> bool:
    """Makes glibc reuse large buffers instead of returning each to the kernel.

    Otherwise every training step page-faults its temporaries in again: an elementwise pass over 139 MB takes
    170 ms instead of 20 ms. The same as MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=2147483647 MALLOC_ARENA_MAX=1 in the environment.

    Returns:
      Whether the allocator took the settings; False where the C library is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _KEEP_BYTES), (_M_ARENA_MAX, 1))
    return all(libc.mallopt(parameter, value) == 1 for parameter, value in settings)


def check_versions() -> None:
    """Raises InputError unless TensorFlow and tensorflow-addons are the pair that works.

    pip lets tensorflow-addons stand beside TensorFlow 2.16 and later, where importing it fails obscurely.
    """
    tensorflow = installed_version("tensorflow") or installed_version("tensorflow-cpu")
    addons = installed_version("tensorflow-addons")
    if not (str(tensorflow).startswith("2.15.") and str(addons).startswith("0.23.")):
        raise InputError(
            f"mach_tf needs TensorFlow 2.15 with tensorflow-addons 0.23, which ends there (got {tensorflow} with {addons}). "
            "Do: pip install 'tensorflow~=2.15.1' 'tensorflow-addons~=0.23.0'"
        )


def installed_version(package: str) -> Optional[str]:
    """Of a package by its name on PyPI; None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
