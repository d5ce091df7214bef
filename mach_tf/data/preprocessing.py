"""`mach_tf.preprocess`: from text files to a dataset directory, in one call."""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Callable, Optional, Union

from mach_tf import arguments, kernels, zip_members
from mach_tf.choices import BAD_LINE_ACTIONS, FEATURE_NORMS
from mach_tf.data import conversion
from mach_tf.data.converted import Converted
from mach_tf.data.libsvm import TextInput
from mach_tf.data.repository import find
from mach_tf.data.shards import POINTS_PER_SHARD
from mach_tf.errors import InputError
from mach_tf.hashing import MAX_DIM, FeatureSpec
from mach_tf.manifest import DATASET_FILE, SPLITS
from mach_tf.progress_bars import Bar

_Path = Union[str, "os.PathLike[str]"]
_Paths = Union[_Path, list[_Path]]
_Pair = tuple[_Paths, _Paths]
TextFiles = Union[_Path, _Pair, list[Union[_Path, _Pair]]]


def preprocess(
    output_dir: _Path,
    *,
    train: Optional[TextFiles] = None,
    valid: Optional[TextFiles] = None,
    test: Optional[TextFiles] = None,
    repository: Optional[_Path] = None,
    split_number: int = 0,
    feature_names: Optional[_Path] = None,
    label_names: Optional[_Path] = None,
    valid_fraction: float = 0.0,
    split_seed: int = 0,
    feature_hash_dim: int = 50_000,
    hash_seed: int = 0,
    signed_hash: bool = False,
    feature_norm: str = "l2",
    on_bad_line: str = "raise",
    points_per_shard: int = POINTS_PER_SHARD,
    workers: Optional[int] = None,
    overwrite: bool = False,
    runner: Optional[str] = None,
    beam_options: str = "",
    progress: bool = True,
) -> Converted:
    """Turns text files of the Extreme Classification Repository into a dataset directory of hashed TFRecord shards.

    The directory appears when it is complete: a call that fails or is killed leaves what was there before.

    Args:
      output_dir: a new or empty directory, or an old dataset if `overwrite`.
      train, valid, test: the text files of each split, plain or compressed by gzip, bzip2 or xz: a path, a glob, or a list of
        them. The repository's split form, features and labels in two files, is a tuple (features, labels), each of them a
        path, a glob or a list. A path may lead into a zip archive, `Eurlex.zip/Eurlex/eurlex_train.txt`.
      repository: instead of `train`, `valid` and `test`: an archive of the Extreme Classification Repository, a zip file such as
        `Eurlex.bow.zip` or a folder. Its files are found by the names used there, and read in place.
      split_number: which split to take, from 0, of a `repository` with several (`bibtex_trSplit.txt`).
      feature_names: file with the names of the raw features, UTF-8, one per line.
      label_names: file with the names of the labels, UTF-8, one per line.
      valid_fraction: instead of `valid`: the fraction of the training points to hold back, in [0, 1).
      split_seed: seed that chooses the points to hold back.
      feature_hash_dim: D, the number of hashed features; 0 keeps the raw feature ids.
      hash_seed: seed of the feature hash.
      signed_hash: whether to multiply each raw feature by +1 or -1 from an independent hash.
      feature_norm: "l2" scales each point to unit length, "none" does not.
      on_bad_line: "raise" refuses a file with a line that breaks a rule, "skip" leaves such lines out and lists them.
      points_per_shard: points per shard; only the last shard of a split may hold fewer.
      workers: threads that parse and serialize; by default one per processor. Not with `runner`.
      overwrite: whether to replace an existing dataset at `output_dir`.
      runner: the Apache Beam runner that does the work, such as "DirectRunner" or "FlinkRunner"; None does it here.
      beam_options: the runner's own options, as on a command line.
      progress: whether to show a progress bar.

    Returns:
      Counts, skipped lines and the seconds it took; prints as a table.

    Raises:
      InputError: an argument or a file breaks a rule, or the disk or a permission refuses.

    Example:
      >>> converted = preprocess("data/text", train="train.txt", test="test.txt", feature_hash_dim=0)
      >>> converted.points  # print(converted) shows a table
      4
    """
    output_dir = arguments.path(output_dir, "output_dir")
    given = {"train": train, "valid": valid, "test": test}
    inputs = {split: text_inputs(split, files) for split, files in given.items() if files is not None}
    notes: list[str] = []
    if repository is not None:
        found = find(arguments.path(repository, "repository"), split_number, inputs, feature_names, label_names)
        inputs, feature_names, label_names, notes = found.inputs, found.feature_names, found.label_names, found.notes
        if found.raw_text:
            raise InputError(f"{repository} must hold features, ids with values (got raw text).")
    if not inputs:
        raise InputError(f"At least one of {', '.join(SPLITS)} must name a file (got none).")
    _check(feature_hash_dim, hash_seed, feature_norm, on_bad_line, workers, runner, beam_options)
    split_seed = arguments.seed(split_seed, "split_seed")
    options = conversion.Options(
        spec=FeatureSpec(feature_hash_dim, hash_seed, arguments.switch(signed_hash, "signed_hash"), feature_norm),
        valid_fraction=valid_fraction,
        split_seed=split_seed,
        points_per_shard=points_per_shard,
        workers=workers or os.cpu_count() or 1,
        skip_bad_lines=on_bad_line == "skip",
        overwrite=overwrite,
        feature_names=None if feature_names is None else arguments.path(feature_names, "feature_names"),
        label_names=None if label_names is None else arguments.path(label_names, "label_names"),
    )
    if runner is None:
        with kernels.announced(progress):
            conversion.compile_kernels(options.spec)
    with _what_is_left(output_dir):
        if runner is not None:
            converted = _convert_by_beam(inputs, output_dir, options, runner, shlex.split(beam_options))
        else:
            with _progress_bar(inputs, progress) as advance:
                converted = conversion.convert(inputs, output_dir, options, advance)
    return dataclasses.replace(converted, notes=notes)


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


def _check(
    dim: int,
    hash_seed: int,
    norm: str,
    on_bad_line: str,
    workers: Optional[int],
    runner: Optional[str],
    beam_options: str,
) -> None:
    arguments.whole_number(dim, "feature_hash_dim", 0, MAX_DIM)
    arguments.seed(hash_seed, "hash_seed")
    arguments.choice(norm, "feature_norm", FEATURE_NORMS)
    arguments.choice(on_bad_line, "on_bad_line", BAD_LINE_ACTIONS)
    if workers is not None:
        arguments.whole_number(workers, "workers", 1, conversion.MAX_WORKERS)
    for name, value in (("runner", runner), ("beam_options", beam_options)):
        if not isinstance(value, str) and (value is not None or name == "beam_options"):
            raise InputError(f"{name} must be text (got {arguments.shown(value)}).")
    if runner is None and beam_options:
        raise InputError(
            f"beam_options must come with a runner, which they configure (got {beam_options!r} alone). Give beam_options and "
            "runner, or neither."
        )
    if runner is not None and workers is not None:
        raise InputError(
            "workers must be left out with a runner: they are threads of this process, and the number of the runner's own "
            f"workers is one of its beam_options (got workers={workers}, runner={runner})."
        )


@contextlib.contextmanager
def _what_is_left(output_dir: str) -> Iterator[None]:
    """Adds to the message of a conversion that fails what there is at `output_dir` now."""
    try:
        yield
    except (InputError, OSError) as error:
        exists = os.path.exists(os.path.join(output_dir, DATASET_FILE))
        left = f"The dataset at {output_dir} is as it was." if exists else "No dataset was made."
        if isinstance(error, InputError):
            raise InputError(f"{error} {left}") from None
        where = f"{output_dir}: " if error.filename is None else ""  # a full disk
        raise InputError(f"{where}{error}. Check the path, its permissions and the free space. {left}") from error


@contextlib.contextmanager
def _progress_bar(inputs: Mapping[str, Sequence[TextInput]], show: bool) -> Iterator[Callable[[int, int], None]]:
    """Yields what `convert` calls with the points and the bytes on disk done since its last call."""
    size = sum(zip_members.size(path) for files in inputs.values() for file in files for path in file.paths)
    points = 0
    with Bar("Preprocessing", size, "B", scaled=True, shown=show) as bar:

        def advance(new_points: int, new_bytes: int) -> None:
            nonlocal points
            points += new_points
            bar.note(f"{points:,} points")
            bar.update(new_bytes)

        yield advance


def _convert_by_beam(
    inputs: Mapping[str, Sequence[TextInput]],
    output_dir: str,
    options: conversion.Options,
    runner: str,
    flags: list[str],
) -> Converted:
    try:
        from mach_tf.data import beam_conversion
    except ImportError as error:
        raise InputError(
            f"runner={runner} needs Apache Beam ({error}). Install it beside TensorFlow: pip install 'mach-tf[beam]'"
        ) from None
    return beam_conversion.convert(inputs, output_dir, options, runner, flags)
