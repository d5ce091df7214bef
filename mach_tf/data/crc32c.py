"""CRC-32C (Castagnoli), eight bytes per step, and the mask of the TFRecord format."""

from __future__ import annotations

import numpy as np

from mach_tf.kernels import jit

_POLYNOMIAL = 0x82F63B78  # reversed
_MASK_DELTA = np.uint32(0xA282EAD8)


def _tables() -> np.ndarray:
    """Returns uint32 [8, 256]; row k holds the CRC of each byte followed by k zero bytes."""
    row = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        row = (row >> np.uint32(1)) ^ (row & np.uint32(1)) * np.uint32(_POLYNOMIAL)
    rows = [row]
    for _ in range(7):
        rows.append((rows[-1] >> np.uint32(8)) ^ row[rows[-1] & np.uint32(255)])
    return np.stack(rows)


_TABLES = _tables()


@jit(nogil=True)
def crc32c(data, begin, end):
    """Computes the CRC-32C of data[begin:end], a uint8 array, as uint32."""
    crc = np.uint32(0xFFFFFFFF)
    while end - begin >= 8:
        low = crc ^ _word(data, begin)
        high = _word(data, begin + 4)
        crc = (
            _TABLES[7, low & np.uint32(255)]
            ^ _TABLES[6, (low >> np.uint32(8)) & np.uint32(255)]
            ^ _TABLES[5, (low >> np.uint32(16)) & np.uint32(255)]
            ^ _TABLES[4, low >> np.uint32(24)]
            ^ _TABLES[3, high & np.uint32(255)]
            ^ _TABLES[2, (high >> np.uint32(8)) & np.uint32(255)]
            ^ _TABLES[1, (high >> np.uint32(16)) & np.uint32(255)]
            ^ _TABLES[0, high >> np.uint32(24)]
        )
        begin += 8
    while begin < end:
        crc = _TABLES[0, (crc ^ np.uint32(data[begin])) & np.uint32(255)] ^ (crc >> np.uint32(8))
        begin += 1
    return crc ^ np.uint32(0xFFFFFFFF)


@jit(nogil=True)
def masked(crc):
    """Masks a CRC as TFRecord files store it, so that a CRC of data that contains CRCs stays strong."""
    return np.uint32(((crc >> np.uint32(15)) | (crc << np.uint32(17))) + _MASK_DELTA)


@jit(nogil=True)
def _word(data, at):
    return (
        np.uint32(data[at])
        | np.uint32(data[at + 1]) << np.uint32(8)
        | np.uint32(data[at + 2]) << np.uint32(16)
        | np.uint32(data[at + 3]) << np.uint32(24)
    )
