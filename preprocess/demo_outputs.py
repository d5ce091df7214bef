"""Names the files of the demo data, and checks that they replace nothing but earlier demo data."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from mach_tf import outputs
from mach_tf.errors import InputError
from mach_tf.splits import SPLITS
from preprocess.python_files import SourceFile

_MOST_BYTES = 1 << 26  # of the first record that is read


def path_of(directory: str, split: str) -> str:
    """Returns the path of a split's file."""
    return os.path.join(directory, f"{split}.jsonl")


def check(directory: str, fields: Sequence[str], sources: Sequence[SourceFile]) -> None:
    """Raises InputError if a file that will be written is one that is read, or one that this program did not write.

    Args:
      directory: where the files will be.
      fields: the fields of a record, by which the program's own files are known.
      sources: the files that are read.
    """
    paths = [path_of(directory, split) for split in SPLITS]
    outputs.check(paths, [source.path for source in sources])
    for path in paths:
        if os.path.isfile(path) and not _is_own(path, fields):
            raise InputError(
                f"{directory} holds {os.path.basename(path)}, which this program did not write (its first line is no record "
                f"of {', '.join(fields)}) and would replace. Choose another output_dir."
            )


def _is_own(path: str, fields: Sequence[str]) -> bool:
    with open(path, "rb") as file:
        line = file.readline(_MOST_BYTES)
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and list(record) == list(fields)
