"""Checks, before the work, that what will be written exists in a place where it can be, and is nothing that is read."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from typing import Optional

from mach_tf import manifest, zip_members
from mach_tf.errors import InputError

# Names in a dataset or model directory that are read. Results of the user's own may lie beside them, and be replaced.
_READ = re.compile(
    manifest.REPETITION_NAME.pattern
    + r"|checkpoints|[a-z]+-\d{5,}-of-\d{5,}\.tfrecord|classifier\.json|"
    + "|".join(
        re.escape(name)
        for name in (
            manifest.DATASET_FILE,
            manifest.MODEL_FILE,
            manifest.LABEL_COUNTS_FILE,
            *manifest.KEPT_FILES,
        )
    )
)


def check(outputs: Iterable[str], inputs: Iterable[Optional[str]]) -> None:
    """Checks that no output is a directory or one of the inputs, through links too.

    Args:
      outputs: the files that will be written; devices and pipes are fine.
      inputs: the files that are read, and the dataset and model directories; None stands for an input that is not given.

    Raises:
      InputError: an output is an input, whose content would be lost, or a directory.
    """
    read = {_identity(path): path for path in _files(inputs) if os.path.exists(path)}
    for output in outputs:
        if os.path.isdir(output):
            raise InputError(f"{output} must be a file to write, but it is a directory. Give another path.")
        if not os.path.exists(output) or stat.S_ISCHR(os.stat(output).st_mode):
            continue
        source = read.get(_identity(output))
        if source is not None:
            also = "" if source == output else f", the same file as {source}"
            raise InputError(f"{output} must not be an input, which it would replace{also}. Choose another output.")


def check_directory(output_dir: str, inputs: Iterable[Optional[str]]) -> None:
    """Checks that a directory which is replaced as a whole holds none of the inputs.

    Raises:
      InputError: an input lies in `output_dir`.
    """
    whole = os.path.realpath(output_dir)
    for path in inputs:
        if path is not None and os.path.commonpath([whole, os.path.realpath(path)]) == whole:
            raise InputError(
                f"The output directory must hold no input ({output_dir} holds {path}), because it is replaced as a whole. "
                "Choose another, or move the input."
            )


def _files(inputs: Iterable[Optional[str]]) -> Iterator[str]:
    for path in inputs:
        if path is None:
            continue
        if not os.path.isdir(path):
            yield zip_members.on_disk(path)
            continue
        for name in filter(_READ.fullmatch, sorted(os.listdir(path))):
            entry = os.path.join(path, name)
            yield entry
            for parent, _, names in os.walk(entry):
                yield from (os.path.join(parent, file) for file in names)


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino
