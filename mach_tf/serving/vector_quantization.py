"""Vector quantisation: each run of a few weights of a row is stored as one byte, the number of the nearest of 256 vectors.

Rows are divided by their root mean square first, so that one codebook serves rows of every size. The codebook is learned by k-means from
a sample of the rows (Lloyd, 1982). Four weights per byte are two bits per weight.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mach_tf.kernels import jit

CODES = 256
# Enough to place 256 vectors; more changes the errors by less than a percent.
_SAMPLE = 100_000
_ITERATIONS = 10


class Coded(NamedTuple):
    """Rows as codes.

    Attributes:
      codes: uint8 [rows, columns / length, rounded up].
      codebook: float32 [256, length].
      scales: float32 [rows], what the vectors of a row are multiplied by.
    """

    codes: np.ndarray
    codebook: np.ndarray
    scales: np.ndarray


def encode(rows: np.ndarray, length: int) -> Coded:
    """Returns rows as codes.

    Args:
      rows: float32 [rows, columns].
      length: how many weights share a byte.
    """
    vectors = _vectors(rows, length)
    book = codebook(vectors)
    codes = nearest(vectors, book).reshape(len(rows), -(-rows.shape[1] // length))
    scales = np.empty(len(rows), np.float32)
    for begin in range(0, len(rows), 4096):  # a decoded matrix at once would double the memory
        part = slice(begin, begin + 4096)
        decoded = _decoded(codes[part], book, rows.shape[1])
        # The scale with the least squared error.
        scales[part] = (rows[part] * decoded).sum(axis=1) / np.maximum((decoded**2).sum(axis=1), 1e-30)
    return Coded(codes, book, scales)


def decode(coded: Coded, columns: int) -> np.ndarray:
    """Returns the rows that codes stand for, float32 [rows, columns]."""
    return _decoded(coded.codes, coded.codebook, columns) * coded.scales[:, np.newaxis]


def codebook(vectors: np.ndarray) -> np.ndarray:
    """Learns 256 vectors that lie near many of the given ones, by k-means: float32 [256, length].

    Args:
      vectors: float32 [n, length]. The same vectors give the same codebook.
    """
    length = vectors.shape[1]
    if not len(vectors):
        return np.zeros((CODES, length), np.float32)
    generator = np.random.default_rng(0)
    sample = vectors[generator.choice(len(vectors), min(_SAMPLE, len(vectors)), replace=False)]
    book = sample[generator.choice(len(sample), CODES, replace=len(sample) < CODES)]
    for _ in range(_ITERATIONS):
        codes = nearest(sample, book)
        counts = np.bincount(codes, minlength=CODES)
        sums = [np.bincount(codes, weights=column, minlength=CODES) for column in sample.T]
        book = (np.stack(sums, axis=1) / np.maximum(counts, 1)[:, np.newaxis]).astype(np.float32)
        # A vector that is nearest to none starts anew at a random one.
        unused = counts == 0
        book[unused] = sample[generator.integers(len(sample), size=unused.sum())]
    return book


def nearest(vectors: np.ndarray, book: np.ndarray) -> np.ndarray:
    """Returns the number of the nearest of 256 vectors for each of n vectors, uint8 [n]."""
    codes = np.empty(len(vectors), np.uint8)
    _nearest(vectors, np.ascontiguousarray(book.T), (book**2).sum(axis=1) / 2, codes)
    return codes


def _decoded(codes: np.ndarray, book: np.ndarray, columns: int) -> np.ndarray:
    return book[codes].reshape(len(codes), codes.shape[1] * book.shape[1])[:, :columns]


def _vectors(rows: np.ndarray, length: int) -> np.ndarray:
    """Returns rows of the root mean square 1 as vectors, float32 [n, length]; the last of a row is filled up with zeros."""
    size = np.sqrt(np.mean(rows**2, axis=1, keepdims=True))
    scaled = rows / np.where(size > 0, size, 1)
    return np.pad(scaled, [(0, 0), (0, -rows.shape[1] % length)]).reshape(-1, length)


@jit(nogil=True, fastmath=True)
def _nearest(vectors, columns, half_squares, codes):
    """Fills `codes` with the vector v that has the largest x v - v v / 2, which is the nearest one to x."""
    length, count = columns.shape
    scores = np.empty(count, np.float32)
    for i in range(len(vectors)):
        for j in range(count):
            scores[j] = -half_squares[j]
        for d in range(length):
            x = vectors[i, d]
            for j in range(count):
                scores[j] += x * columns[d, j]
        best = scores[0]
        for j in range(count):
            best = max(best, scores[j])
        for j in range(count):
            if scores[j] == best:
                codes[i] = j
                break
