"""Checks that the files of the demo data set replace nothing but an earlier demo data set."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mach_tf import outputs
from mach_tf.errors import InputError
from mach_tf.manifest import FEATURE_NAMES_FILE, LABEL_NAMES_FILE
from mach_tf.splits import SPLITS
from preprocess.python_files import SourceFile


def check(directory: str, sources: Sequence[SourceFile]) -> None:
    """Raises InputError if a file that will be written is one that is read, or one that this program did not write."""
    names = {f"{split}.txt": f"{split}_files.txt" for split in SPLITS}
    names.update(dict.fromkeys((FEATURE_NAMES_FILE, LABEL_NAMES_FILE), f"{SPLITS[0]}_files.txt"))
    paths = [os.path.join(directory, name) for name in {**names, **{name: name for name in names.values()}}]
    outputs.check(paths, [source.path for source in sources])
    for name, companion in names.items():
        if os.path.exists(os.path.join(directory, name)) and not os.path.exists(os.path.join(directory, companion)):
            raise InputError(
                f"{directory} holds {name}, which this program did not write (there is no {companion}) and would replace. "
                "Choose another output_dir."
            )
