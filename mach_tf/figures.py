"""Figures as PNG files, drawn without a display."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from mach_tf import files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 110


def write_png(figure: Figure, path: str) -> None:
    """Writes a figure atomically."""
    with files.atomic_write(path) as file:
        file.write(png(figure))


def png(figure: Figure, dots_per_inch: float = DOTS_PER_INCH) -> bytes:
    """Returns a figure as the content of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots_per_inch)
    return buffer.getvalue()
