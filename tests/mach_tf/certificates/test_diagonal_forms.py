"""diagonal_forms: D is above Q in every direction, costs what it says, and not much more than it must."""

import numpy as np
import pytest

from mach_tf.certificates.diagonal_forms import _largest_eigenvalue, diagonal_form


def problem(seed, m=30, n=8):
    rng = np.random.default_rng(seed)
    columns = (rng.standard_normal((m, n)) * rng.uniform(0.1, 2, n)).astype(np.float32)
    return columns, rng.random(m), rng.uniform(0.1, 1, n)


@pytest.mark.parametrize("free", [0.0, 0.5])
@pytest.mark.parametrize("scale", [1e-15, 1e-4, 1, 1e5])
@pytest.mark.parametrize("seed", range(4))
def test_above_q_in_every_direction(seed, scale, free):
    columns, squares, half = problem(seed)
    columns *= np.float32(scale)
    wide = columns.astype(np.float64)
    q = (wide.T * squares) @ wide
    found = diagonal_form(columns, squares, half, np.full(8, free * np.diag(q).max()))
    eigenvalues = np.linalg.eigvalsh(np.diag(found.diagonal) - q)
    assert eigenvalues[0] >= 0
    np.testing.assert_allclose(found.matrix, np.diag(found.diagonal) - q, rtol=1e-5, atol=1e-5 * np.diag(q).max())
    assert found.excess >= found.diagonal @ half**2
    # The largest eigenvalue on the diagonal would do.
    if not free:
        assert found.excess <= 1.5 * np.linalg.eigvalsh(q)[-1] * (half @ half)


@pytest.mark.parametrize("n", [1, 2, 17, 200])
def test_largest_eigenvalue(n):
    rng = np.random.default_rng(n)
    matrix = rng.standard_normal((n, n)).astype(np.float32)
    matrix = matrix + matrix.T
    exact = np.linalg.eigvalsh(matrix.astype(np.float64))[-1]
    assert exact - 0.02 * abs(exact) <= _largest_eigenvalue(matrix) <= exact + 1e-4 * abs(exact)


def test_nothing_and_numbers_below_the_normal_ones():
    columns, _, half = problem(0)
    nothing = diagonal_form(columns, np.zeros(30), half, np.zeros(8))
    assert not nothing.matrix.any() and 0 <= nothing.excess < 1e-30
    tiny = diagonal_form(np.full((2, 8), 1e-35, np.float32), np.full(2, 1e-20), half, np.zeros(8))
    assert tiny.excess >= 2 * 1e-20 * (1e-35 * half.sum()) ** 2


@pytest.mark.filterwarnings("ignore:overflow")
def test_numbers_that_are_too_large_have_no_form():
    columns, squares, half = problem(0)
    assert diagonal_form(columns * np.float32(1e30), squares, half, np.zeros(8)) is None
