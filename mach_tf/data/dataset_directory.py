"""Which directories a dataset may be written to: new and empty ones, and old datasets, but nothing that would be lost."""

from __future__ import annotations

import os
import re

from mach_tf import manifest
from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from mach_tf.splits import SPLITS

SKIPPED_FILE = "skipped.txt"
_SHARD = re.compile(rf"({'|'.join(SPLITS)})-\d{{5,}}-of-\d{{5,}}\.tfrecord")
_OTHERS = (
    manifest.DATASET_FILE,
    manifest.LABEL_COUNTS_FILE,
    manifest.FEATURE_NAMES_FILE,
    manifest.LABEL_NAMES_FILE,
    manifest.LABEL_KEYS_FILE,
    manifest.DOCUMENT_FREQUENCIES_FILE,
    SKIPPED_FILE,
)


def check_output(output_dir: str, overwrite: bool) -> None:
    """Raises InputError unless a dataset may be written to `output_dir`."""
    if os.path.exists(output_dir) and not os.path.isdir(output_dir):
        raise InputError(f"The output directory {output_dir} is a file. Choose another path.")
    present = sorted(os.listdir(output_dir)) if os.path.isdir(output_dir) else []
    if manifest.DATASET_FILE in present and not overwrite:
        raise InputError(
            f"The output directory must not hold a dataset ({output_dir} does). Choose another, or replace the dataset with "
            "overwrite=True."
        )
    foreign = _foreign(output_dir, present)
    if foreign or (present and manifest.DATASET_FILE not in present):
        raise InputError(
            f"The output directory must be new, empty, or a dataset and nothing else ({output_dir} holds "
            f"{(foreign or present)[0]!r}), because it is replaced as a whole. Choose another."
        )


def _foreign(directory: str, names: list[str]) -> list[str]:
    """Returns which of the names in a directory are not of its dataset: a folder never is, a shard that dataset.json lists is."""
    try:
        shards = {shard.file for split in DatasetManifest.parse(directory).splits.values() for shard in split.shards}
    except InputError:
        # Damaged, or of another version: then names must do.
        shards = {name for name in names if _SHARD.fullmatch(name)}
    return [name for name in names if name not in {*shards, *_OTHERS} or not os.path.isfile(f"{directory}/{name}")]
