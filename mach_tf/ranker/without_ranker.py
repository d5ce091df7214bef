"""The refusal of models with a ranker, by what reads the ensemble's scores alone."""

from __future__ import annotations

from mach_tf.errors import InputError
from mach_tf.manifest import ModelManifest


def check(manifest: ModelManifest, what: str) -> None:
    """Raises InputError if label scores have a part that a ranker adds.

    Args:
      manifest: that of an open network.
      what: what does not pass through the ranker, as the subject of a sentence in the plural: "Certificates".
    """
    if manifest.ranker_sha256:
        raise InputError(
            f"{what} are of the ensemble's scores alone, and this model has a ranker, which adds to them. Open it without: "
            "mach_tf.Ensemble.load(model_dir, ranker=False)."
        )
