"""`mach_tf.preprocess`: from text files to a dataset directory, in one call."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
from collections.abc import Iterator
from typing import Optional

from mach_tf import arguments
from mach_tf.choices import BAD_LINE_ACTIONS, FEATURE_NORMS
from mach_tf.data import bags_of_words, conversion
from mach_tf.data.converted import Converted
from mach_tf.data.repository import find
from mach_tf.data.shards import POINTS_PER_SHARD
from mach_tf.data.split_files import Path, TextFiles, text_inputs
from mach_tf.errors import InputError
from mach_tf.hashing import MAX_DIM, FeatureSpec
from mach_tf.manifest import DATASET_FILE
from mach_tf.splits import SPLITS


def preprocess(
    output_dir: Path,
    *,
    train: Optional[TextFiles] = None,
    valid: Optional[TextFiles] = None,
    test: Optional[TextFiles] = None,
    repository: Optional[Path] = None,
    split_number: int = 0,
    feature_names: Optional[Path] = None,
    label_names: Optional[Path] = None,
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
      train, valid, test: the text files of each split, plain or compressed by gzip, bzip2, xz or Zstandard: a path, a glob, or a list of
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
    with _what_is_left(output_dir):
        done = bags_of_words.convert(inputs, output_dir, options, runner, shlex.split(beam_options), progress)
    return dataclasses.replace(done, notes=notes)


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
