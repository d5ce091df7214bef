"""The capacity of a machine: its memory, and its rates in matrix products and in copies, measured or nominal."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable
from typing import Optional

import numpy as np

from mach_tf.errors import InputError
from mach_tf.memory import available_memory

_UNITS = ("", "K", "M", "G", "T")
# A million terabytes are more than any machine has.
_MOST_OF_A_UNIT = 1e15
# A laptop of a few cores. Only their ratio matters where plans are compared and no time limit is set.
_NOMINAL_FLOPS = 1e11
_NOMINAL_BANDWIDTH = 1e10


@dataclasses.dataclass(frozen=True)
class Machine:
    """The resources that a machine offers to a training.

    Attributes:
      memory: bytes.
      flops: floating-point operations per second of a matrix product, float32.
      bandwidth: bytes per second, read or written.
    """

    memory: int
    flops: float
    bandwidth: float


def nominal(memory: int) -> Machine:
    """Returns a machine of fixed rates, so that a plan for it is the same each time.

    Args:
      memory: bytes.
    """
    return Machine(memory, _NOMINAL_FLOPS, _NOMINAL_BANDWIDTH)


def measured(memory: Optional[int] = None, flops: Optional[float] = None, bandwidth: Optional[float] = None) -> Machine:
    """Returns this machine, or one that is like it but for what is given.

    Args:
      memory: bytes; by default what is free here.
      flops: operations per second; measured by default.
      bandwidth: bytes per second; measured by default.
    """
    return Machine(memory or available_memory(), flops or measure_flops(), bandwidth or measure_bandwidth())


def measure_flops(size: int = 1536, rounds: int = 4) -> float:
    """Returns the operations per second of the fastest of `rounds` float32 products of [size, size] matrices."""
    matrix = np.ones((size, size), np.float32)
    return 2 * size**3 / min(_seconds(lambda: matrix @ matrix) for _ in range(rounds))


def measure_bandwidth(size: int = 1 << 27, rounds: int = 4) -> float:
    """Returns the bytes per second, read and written, of the fastest of `rounds` copies of `size` bytes."""
    source, target = np.ones(size, np.uint8), np.zeros(size, np.uint8)
    return 2 * size / min(_seconds(lambda: np.copyto(target, source)) for _ in range(rounds))


def parse_bytes(text: str) -> int:
    """Returns the number of bytes of a size such as "24GB", "16GiB" or "1.5e9".

    Units are powers of 1000, with an i powers of 1024.

    Raises:
      InputError: `text` is no size.

    Example:
      >>> parse_bytes("1.5GB")
      1500000000
    """
    match = re.fullmatch(r"([0-9.]+(?:e[0-9]+)?)\s*([KMGT]?)(i?)B?", text.strip(), re.IGNORECASE)
    try:
        number = float(match[1]) if match else 0.0
    except ValueError:
        number = 0.0
    if not match or not 0 < number <= _MOST_OF_A_UNIT:
        raise InputError(f"memory must be a size such as 24GB or 512MB (got {text!r}).")
    return int(number * (1024 if match[3] else 1000) ** _UNITS.index(match[2].upper()))


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
