"""Writes matrices as text of the Extreme Classification Repository, which `libsvm.py` reads."""

from __future__ import annotations

import scipy.sparse

from mach_tf import files


def write_text(
    path: str, features: scipy.sparse.csr_matrix, labels: scipy.sparse.csr_matrix, *, digits: int = 9
) -> None:
    """Writes a text file: a header, then one line per point, `l1,l2,... f1:v1 f2:v2 ...`.

    Args:
      path: the file; it appears when it is complete.
      features: CSR [n, features], canonical.
      labels: CSR [n, labels], canonical; each entry marks a label.
      digits: significant digits of a value; 9 keep every float32 exactly.
    """
    lines = [f"{features.shape[0]} {features.shape[1]} {labels.shape[1]}"]
    for row in range(features.shape[0]):
        label_ids = labels.indices[labels.indptr[row] : labels.indptr[row + 1]]
        part = slice(features.indptr[row], features.indptr[row + 1])
        pairs = [f"{i}:{value:.{digits}g}" for i, value in zip(features.indices[part], features.data[part])]
        lines.append(" ".join([",".join(map(str, label_ids)), *pairs]))
    write_lines(path, lines)


def write_lines(path: str, lines: list[str]) -> None:
    """Writes lines as UTF-8 text, such as a file of names; the file appears when it is complete."""
    with files.atomic_write(path) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())
