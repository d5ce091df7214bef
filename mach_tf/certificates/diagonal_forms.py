"""A diagonal form that is above a sum of squares: D with D - Q positive semidefinite, proved in floating point.

P = D - Q is tested by a Cholesky factorisation, whose success proves that the computed P plus gamma_{n+1} / (1 - gamma_{n+1}) trace(P) on the
diagonal is positive semidefinite (Rump 2006); that and the rounding of Q, which is computed in float32, is charged to D. So D needs no
exact eigenvalue of Q.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np
import scipy.linalg

from mach_tf.certificates import rounding

_LANCZOS_STEPS = 20


class DiagonalForm(NamedTuple):
    """P = D - Q, and what it costs.

    Attributes:
      matrix: float64 [n, n], P as computed.
      excess: an upper bound of sum_i D_i h_i^2, and of what rounding adds to d' Q d - d' (D - P) d.
      diagonal: float64 [n], D.
    """

    matrix: np.ndarray
    excess: float
    diagonal: np.ndarray


def diagonal_form(
    columns: np.ndarray, squares: np.ndarray, half: np.ndarray, free: np.ndarray
) -> Optional[DiagonalForm]:
    """Finds D, small where the box is wide, for Q = columns' diag(squares) columns.

    Args:
      columns: float32 [m, n], k_u.
      squares: float64 [m], not negative.
      half: float64 [n], h.
      free: float64 [n], a part of D that costs little; the rest is the least multiple of a scale.

    Returns:
      D; None if no factorisation succeeds.
    """
    m, n = columns.shape
    factor = columns * np.sqrt(squares).astype(np.float32)[:, None]
    q = (factor.T @ factor).astype(np.float64)
    trace = float(np.trace(q))
    if not np.isfinite(trace):
        return None
    # Of entries of the factor and of products below the normal numbers; twice, for the rounding of the trace.
    lost = 2 * n * m * rounding.SMALLEST_NORMAL * (2 + 2 * float(np.abs(factor).max(initial=0)))
    if trace <= 0:
        return DiagonalForm(np.zeros((n, n)), 2 * lost * float(half @ half), np.zeros(n))
    # Coordinates with large entries get large D: the geometric mean of one common D and of one in proportion to Q.
    scale = np.sqrt(np.maximum(np.diag(q), 1e-9 * trace / n))
    roots = np.sqrt(scale)
    rest = (q - np.diag(free)) / roots / roots[:, None]
    largest = max(_largest_eigenvalue(rest.astype(np.float32)), 2.0**-20 * float(np.abs(np.diag(rest)).max()))
    # The errors of the factorisation and of P, four times for what room and `charged` itself add to the trace; and those of Q.
    growth = rounding.gamma(n + 2)
    charged = 4 * (growth / (1 - growth) * (largest * float(scale.sum()) + float(free.sum()) + trace))
    charged += 2 * rounding.gamma(m + 8, rounding.SINGLE) * trace + lost
    for room in (1e-3, 1e-2, 1e-1):
        diagonal = largest * (1 + room) * scale + free + charged
        matrix = np.diag(diagonal) - q
        try:
            np.linalg.cholesky(matrix - charged * np.eye(n))
        except np.linalg.LinAlgError:
            continue
        excess = float((diagonal + 2 * charged) @ half**2) * (1 + 2.0**-40)
        return DiagonalForm(matrix, excess, diagonal)
    return None


def _largest_eigenvalue(matrix: np.ndarray) -> float:
    """Returns about the largest eigenvalue of a symmetric matrix, from below (Lanczos 1950)."""
    n = len(matrix)
    vector = (1 + np.sqrt(5) * np.arange(1, n + 1) % 1).astype(np.float32)
    before, vector = np.zeros_like(vector), vector / np.linalg.norm(vector)
    diagonal: list[float] = []
    off: list[float] = []
    for _ in range(min(n, _LANCZOS_STEPS)):
        following = matrix @ vector
        diagonal.append(float(following @ vector))
        following -= diagonal[-1] * vector + (off[-1] if off else 0) * before
        off.append(float(np.linalg.norm(following)))
        if off[-1] <= 1e-6 * abs(diagonal[0]):
            break
        before, vector = vector, following / np.float32(off[-1])
    count = len(diagonal)
    return float(scipy.linalg.eigvalsh_tridiagonal(np.array(diagonal), np.array(off[: count - 1]))[-1])
