"""What a process must do before TensorFlow is imported: quiet its start-up and set the C allocator."""

from __future__ import annotations

import ctypes
import os
import platform

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
    """Raises ImportError unless TensorFlow is one that tensorflow-addons 0.23 works with.

    pip lets tensorflow-addons stand beside TensorFlow 2.16 and later, where importing it fails obscurely.
    """
    from importlib import metadata

    installed = next((metadata.version(n) for n in ("tensorflow", "tensorflow-cpu") if _is_installed(n)), None)
    if installed is None or not installed.startswith("2.15."):
        raise ImportError(
            f"mach_tf needs TensorFlow 2.15 (tensorflow-addons 0.23 ends there), got {installed}. "
            "Do: pip install 'tensorflow~=2.15.1' 'tensorflow-addons~=0.23.0'"
        )


def _is_installed(name: str) -> bool:
    from importlib import metadata

    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
