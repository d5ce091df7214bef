"""Measures the memory that this process may take."""

from __future__ import annotations

from typing import Optional

import psutil

_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_CGROUP_USAGES = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")


def available_memory() -> int:
    """Returns the bytes of memory that this process can take: what is free, or less if its control group allows less."""
    free = int(psutil.virtual_memory().available)
    for limit_file, usage_file in zip(_CGROUP_LIMITS, _CGROUP_USAGES):
        limit, usage = _read_number(limit_file), _read_number(usage_file)
        if limit is not None and usage is not None:
            free = min(free, limit - usage)
    return free


def total_memory() -> int:
    """Returns the bytes of memory that the machine has, or less if the process's control group allows less."""
    limits = (_read_number(file) for file in _CGROUP_LIMITS)
    return min([int(psutil.virtual_memory().total), *(limit for limit in limits if limit is not None)])


def _read_number(path: str) -> Optional[int]:
    try:
        with open(path) as file:
            text = file.read().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
