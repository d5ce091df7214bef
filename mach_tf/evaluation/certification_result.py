"""What was proved about a model's points: a table, a plot, and files with the proof of every point."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from mach_tf import figures, files
from mach_tf.certificates.certificate_run import CertifiedPoints
from mach_tf.evaluation import tables
from mach_tf.evaluation.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

JSON_FILE, ARRAYS_FILE, PLOT_FILE = "certificates.json", "certificates.npz", "certificates.png"


@dataclasses.dataclass(frozen=True)
class CertifiedSize:
    """One size of perturbation.

    Attributes:
      points: what is proved, point by point.
      attacked: int64 [n, ks], the fewest true labels among the top k that an attack left; None without attacks.
    """

    points: CertifiedPoints
    attacked: Optional[np.ndarray]

    @property
    def epsilon(self) -> float:
        """The size."""
        return self.points.perturbations.epsilon


@dataclasses.dataclass(frozen=True)
class Certification(tables.ShownAsTable):
    """What is proved about a model's predictions. print() shows a table, and so does a notebook.

    Attributes:
      ks: cut-offs, ascending.
      top_labels: int32 [n, max(ks)], the labels predicted for the unperturbed points, best first.
      clean: int64 [n, ks], the number of true labels among the top k of the unperturbed points.
      sizes: the sizes of perturbation, in the order asked for.
      attacks: names of the attacks compared with.
    """

    ks: tuple[int, ...]
    top_labels: np.ndarray
    clean: np.ndarray
    sizes: tuple[CertifiedSize, ...]
    attacks: tuple[str, ...] = ()

    @property
    def support(self) -> str:
        """Which features are perturbed: "nonzero" or "dense"."""
        return self.sizes[0].points.perturbations.support

    def metrics(self, size: CertifiedSize) -> dict[str, float]:
        """Returns the row of one size, in percent.

        "P@k" of the unperturbed points, "certified P@k", a lower bound under every perturbation, "attacked P@k" if there are
        attacks, an upper bound of what is left; "top label certified", the share of points whose best label cannot change; and, with
        attacks, "P@k undecided", the part of P@k between the two bounds.
        """
        row = self._precision(self.clean, "")
        row.update(self._precision(size.points.hits, "certified "))
        if size.attacked is not None:
            row.update(self._precision(size.attacked, "attacked "))
        row["top label certified"] = 100 * float(size.points.top_unchanged.mean())
        if size.attacked is not None:
            for k in self.ks:
                row[f"P@{k} undecided"] = row[f"attacked P@{k}"] - row[f"certified P@{k}"]
        return row

    def to_json(self) -> dict[str, Any]:
        """Returns the content of certificates.json; the proofs of the points are in certificates.npz."""
        return {
            "points": len(self.clean),
            "support": self.support,
            "clip_nonnegative": self.sizes[0].points.perturbations.clip_nonnegative,
            "attacks": list(self.attacks),
            "sizes": [{"epsilon": size.epsilon, "metrics": self.metrics(size)} for size in self.sizes],
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns the arrays of certificates.npz; the first axis of those with sizes is that of `epsilons`.

        "epsilons" [sizes]; "ks"; "top_labels" [n, k]; "clean_hits" [n, ks]; "certified_hits" [sizes, n, ks]; "top_unchanged"
        [sizes, n]; "score_intervals" [sizes, n, k, 2], of the top labels; "attacked_hits" [sizes, n, ks] if there are attacks.
        """
        proved = [size.points for size in self.sizes]
        arrays = {
            "epsilons": np.array([size.epsilon for size in self.sizes]),
            "ks": np.array(self.ks),
            "top_labels": self.top_labels,
            "clean_hits": self.clean,
            "certified_hits": np.stack([each.hits for each in proved]),
            "top_unchanged": np.stack([each.top_unchanged for each in proved]),
            "score_intervals": np.stack([each.scores for each in proved]),
        }
        attacked = [size.attacked for size in self.sizes if size.attacked is not None]
        if attacked:
            arrays["attacked_hits"] = np.stack(attacked)
        return arrays

    def write(self, output_dir: str) -> list[str]:
        """Writes certificates.json, certificates.npz and certificates.png.

        Args:
          output_dir: directory for the files; created if missing.

        Returns:
          Their paths.
        """
        os.makedirs(output_dir, exist_ok=True)
        json_file, arrays_file, plot_file = written = paths(output_dir)
        arrays: dict[str, Any] = dict(self.arrays())
        with files.atomic_write(arrays_file) as file:
            np.savez_compressed(file, **arrays)
        figures.write_png(self.figure(), plot_file)
        files.write_json(json_file, self.to_json())
        return written

    def table(self) -> Table:
        """Returns one row per size, in percent."""
        rows = [self.metrics(size) for size in self.sizes]
        cells = [
            [f"{size.epsilon:g}", *(f"{value:.2f}" for value in row.values())] for size, row in zip(self.sizes, rows)
        ]
        return Table(["epsilon", *rows[0]], cells, f"{len(self.clean):,} points, in percent")

    def figure(self) -> Figure:
        """Returns a figure of certified and attacked P@k against epsilon, one color per k."""
        from mach_tf.evaluation import plots  # Matplotlib takes a while to import

        rows = sorted((size.epsilon, self.metrics(size)) for size in self.sizes)
        curves = {
            f"{kind} P@{k}": [row[f"{kind} P@{k}"] for _, row in rows]
            for k in self.ks
            for kind in ("certified", "attacked")
            if f"{kind} P@{k}" in rows[0][1]
        }
        return plots.certificates_figure([epsilon for epsilon, _ in rows], curves, len(self.ks))

    def _precision(self, hits: np.ndarray, prefix: str) -> dict[str, float]:
        return {f"{prefix}P@{k}": 100 * float(hits[:, i].mean()) / k for i, k in enumerate(self.ks)}


def paths(output_dir: str) -> list[str]:
    """Returns the paths that `Certification.write` writes."""
    return [os.path.join(output_dir, name) for name in (JSON_FILE, ARRAYS_FILE, PLOT_FILE)]
