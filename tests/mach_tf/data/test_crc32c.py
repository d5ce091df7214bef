from __future__ import annotations

import numpy as np
import pytest

from mach_tf.data.crc32c import crc32c, masked


def _bitwise(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"123456789", 0xE3069283),  # the check value of the catalogue of CRC algorithms
        (bytes(32), 0x8A9136AA),  # RFC 3720, B.4
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"", 0),
    ],
)
def test_published_values(data, expected):
    assert crc32c(np.frombuffer(data, np.uint8), 0, len(data)) == expected


@pytest.mark.parametrize("size", [1, 7, 8, 9, 63, 1000])
@pytest.mark.parametrize("begin", [0, 1, 5])
def test_agrees_with_one_bit_at_a_time(size, begin):
    data = np.random.default_rng(size).integers(0, 256, begin + size + 3).astype(np.uint8)
    assert crc32c(data, begin, begin + size) == _bitwise(data[begin : begin + size].tobytes())


def test_the_mask_is_a_rotation_and_a_constant():
    for crc in (0, 1, 0xFFFFFFFF, 0x12345678):
        assert masked(np.uint32(crc)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32
