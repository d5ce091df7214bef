"""Figures as PNG files."""

from __future__ import annotations

import subprocess
import sys

from matplotlib.figure import Figure

from mach_tf import figures


def test_a_png_is_written_whole(tmp_path):
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1])
    figures.write_png(figure, str(tmp_path / "figure.png"))
    assert (tmp_path / "figure.png").read_bytes() == figures.png(figure)
    assert [file.name for file in tmp_path.iterdir()] == ["figure.png"]
    assert figures.png(figure).startswith(b"\x89PNG\r\n\x1a\n")
    # Width and height in pixels, as the header holds them.
    assert int.from_bytes(figures.png(figure, 50)[16:20], "big") == 100


def test_what_may_draw_figures_imports_matplotlib_when_it_draws():
    script = "import sys, mach_tf; mach_tf.Ensemble; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
