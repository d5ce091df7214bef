"""The files of a split, as a caller names them: paths, globs, lists, and pairs of features and labels."""

from __future__ import annotations

import glob
import os
from typing import Union

from mach_tf import arguments, zip_members
from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError

Path = Union[str, "os.PathLike[str]"]
_Paths = Union[Path, list[Path]]
_Pair = tuple[_Paths, _Paths]
TextFiles = Union[Path, _Pair, list[Union[Path, _Pair]]]


def text_inputs(split: str, files: TextFiles) -> list[TextInput]:
    """Finds the files of a split.

    Args:
      split: "train", "valid" or "test".
      files: as of `preprocess`.

    Returns:
      The files in the given order, those of a glob sorted by name.

    Raises:
      InputError: a path or glob that matches no file, or a tuple that is no pair of equally many files.
    """
    if isinstance(files, list) and not files:
        raise InputError(f"The {split} split must have at least one file (got an empty list). Leave it out.")
    found: list[TextInput] = []
    for item in files if isinstance(files, list) else [files]:
        if not isinstance(item, tuple):
            found += [TextInput(path) for path in _expand(item, split)]
            continue
        if len(item) != 2:
            raise InputError(
                f"{split} must be paths or pairs (features, labels) (got a tuple of {len(item)}). Put several files into a list."
            )
        features, labels = (_expand(paths, f"{split}_{what}") for paths, what in zip(item, ("features", "labels")))
        if len(features) != len(labels):
            raise InputError(
                f"{split}_features and {split}_labels must name equally many files (got {len(features)} and {len(labels)})."
            )
        found += [TextInput(*pair) for pair in zip(features, labels)]
    return found


def _expand(paths: _Paths, argument: str) -> list[str]:
    expanded: list[str] = []
    for path in paths if isinstance(paths, list) else [paths]:
        if not isinstance(path, (str, os.PathLike)):
            raise InputError(f"{argument} must be a path, a glob, or a list of them (got {path!r:.60}).")
        pattern = arguments.path(path, argument)
        found = [pattern] if zip_members.exists(pattern) else sorted(glob.glob(pattern, recursive=True))
        if not found:
            raise InputError(
                f"{argument} must name a file or a glob that matches one (got {pattern!r}). Check the path."
            )
        expanded += found
    return expanded
