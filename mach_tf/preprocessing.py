"""`mach_tf.preprocess`: from text files to a dataset directory, in one call."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Optional, Union

from mach_tf import arguments, kernels, startup
from mach_tf.choices import AUTO, BAD_LINE_ACTIONS, BAG_OF_WORDS, FEATURE_NORMS
from mach_tf.data import bags_of_words, conversion
from mach_tf.data.converted import Converted
from mach_tf.data.libsvm import TextInput
from mach_tf.data.repository import find
from mach_tf.data.shards import POINTS_PER_SHARD
from mach_tf.data.split_files import Path, TextFiles, text_inputs
from mach_tf.errors import InputError
from mach_tf.hashing import MAX_DIM, FeatureSpec
from mach_tf.manifest import DATASET_FILE
from mach_tf.splits import SPLITS
from mach_tf.text.input_kind import holds_texts
from mach_tf.text.options import TextOptions

# One field of a record, or several.
Fields = Union[str, int, Iterable[Union[str, int]]]


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
    feature_hash_dim: Optional[int] = None,
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
    input_format: str = AUTO,
    text_fields: Fields = (),
    text_weights: Sequence[float] = (),
    fields_apart: bool = False,
    label_field: Fields = (),
    label_separator: Optional[str] = None,
    label_indicators: bool = False,
    min_label_count: int = TextOptions.min_label_count,
    word_ngrams: tuple[int, int] = TextOptions.word_ngrams,
    char_ngrams: tuple[int, int] = TextOptions.char_ngrams,
    min_document_frequency: int = TextOptions.min_document_frequency,
    max_document_fraction: float = TextOptions.max_document_fraction,
    max_vocabulary: int = TextOptions.max_vocabulary,
) -> Converted:
    """Turns files of texts and labels, or bags of words, into a dataset directory of TFRecord shards.

    Texts stand in JSON Lines, CSV, TSV, Parquet, the TSV corpora of Annif, fastText's lines, or two files of parallel lines. Their
    terms, n-grams of words or characters, become features with sublinear tf-idf values; the vocabulary is that of the training
    texts and a part of the dataset. Bags of words are text files of the Extreme Classification Repository, of features that
    have numbers already; the arguments from text_fields on do not go with them. The directory appears when it is complete: a call
    that fails or is killed leaves what was there before.

    Args:
      output_dir: a new or empty directory, or an old dataset if `overwrite`.
      train, valid, test: the files of each split, plain or compressed by gzip, bzip2, xz or Zstandard: a path, a glob, or a list of
        them. The repository's split form, features and labels in two files, is a tuple (features, labels), each of them a
        path, a glob or a list; so are texts and labels in parallel lines. A path may lead into a zip archive,
        `Eurlex.zip/Eurlex/eurlex_train.txt`.
      repository: instead of `train`, `valid` and `test`: an archive of the Extreme Classification Repository, a zip file such as
        `Eurlex.bow.zip` or a folder. Its files are found by the names used there, and read in place.
      split_number: which split to take, from 0, of a `repository` with several (`bibtex_trSplit.txt`).
      feature_names: file with the names of the raw features of bags of words, UTF-8, one per line.
      label_names: file with the names of the labels, UTF-8, one per line; with texts also lines of a label, a tab and its name.
      valid_fraction: instead of `valid`: the fraction of the training points to hold back, in [0, 1).
      split_seed: seed that chooses the points to hold back.
      feature_hash_dim: D, the number of hashed features; 0 keeps the raw feature ids. None is 50,000 for bags of words; for texts 0 with at
        most 131,072 terms, and otherwise as many.
      hash_seed: seed of the feature hash.
      signed_hash: whether to multiply each raw feature by +1 or -1 from an independent hash.
      feature_norm: "l2" scales each point to unit length, "none" does not.
      on_bad_line: "raise" refuses a file with a line that breaks a rule, such as a text without a label; "skip" leaves such lines out
        and lists them.
      points_per_shard: points per shard; only the last shard of a split may hold fewer.
      workers: threads that parse and serialize; by default one per processor. Not with `runner`.
      overwrite: whether to replace an existing dataset at `output_dir`.
      runner: the Apache Beam runner that does the work, such as "DirectRunner" or "FlinkRunner"; None does it here.
      beam_options: the runner's own options, as on a command line.
      progress: whether to show a progress bar.
      input_format: "auto" recognises the format by each file's name and first bytes; otherwise "bow" for bags of words, "jsonl", "csv",
        "tsv", "annif", "fasttext", "lines" or "parquet".
      text_fields: the fields that hold text, one or several: names of columns or JSON keys, "a.b" for nested ones, or column
        numbers from 0 in a table without a header. Formats with one text need none.
      text_weights: one weight per text field, which multiplies the counts of its terms; 1 each by default.
      fields_apart: whether the same word in two text fields is two terms.
      label_field: the field that holds the labels, or several of them, named as text_fields are.
      label_separator: the text between two labels of one field.
      label_indicators: whether each label field is a label, its name, and holds 1 for the points that have it and 0 for others; without
        label_field, all columns of a table that hold no text are labels.
      min_label_count: labels with fewer training points are left out.
      word_ngrams: the shortest and the longest n-gram of words that is a term; (0, 0) for none.
      char_ngrams: the same of characters inside words, for languages with compounds or without spaces.
      min_document_frequency: terms in fewer training points are left out.
      max_document_fraction: terms in a larger fraction of the training points are left out.
      max_vocabulary: the number of terms at most; the most frequent are kept.

    Returns:
      Counts, skipped lines and the seconds it took; prints as a table.

    Raises:
      InputError: an argument or a file breaks a rule, or the disk or a permission refuses.

    Example:
      >>> converted = preprocess("data/text", train="train.txt", test="test.txt", feature_hash_dim=0)
      >>> converted.points  # print(converted) shows a table
      4
      >>> converted = preprocess("data/papers", train="papers.jsonl", text_fields=["title", "abstract"], label_field="subjects")
      >>> converted.manifest.read_label_names("data/papers")[0]
      'optics'
    """
    output_dir = arguments.path(output_dir, "output_dir")
    given = {"train": train, "valid": valid, "test": test}
    inputs = {split: text_inputs(split, files) for split, files in given.items() if files is not None}
    text = TextOptions(
        input_format,
        text_fields,  # type: ignore[arg-type]
        text_weights,  # type: ignore[arg-type]
        fields_apart,
        label_field,  # type: ignore[arg-type]
        label_separator,
        label_indicators,
        min_label_count,
        word_ngrams,
        char_ngrams,
        min_document_frequency,
        max_document_fraction,
        max_vocabulary,
    )
    notes: list[str] = []
    if repository is not None:
        raw_text = input_format != BAG_OF_WORDS if text.given else None
        found = find(
            arguments.path(repository, "repository"), split_number, inputs, feature_names, label_names, raw_text
        )
        inputs, feature_names, label_names, notes = found.inputs, found.feature_names, found.label_names, found.notes
        text = dataclasses.replace(
            text, text_fields=text.text_fields or found.text_fields, label_field=text.label_field or found.label_field
        )
    if not inputs:
        raise InputError(f"At least one of {', '.join(SPLITS)} must name a file (got none).")
    dim = FeatureSpec.dim if feature_hash_dim is None else feature_hash_dim
    _check(dim, hash_seed, feature_norm, on_bad_line, workers, runner, beam_options)
    split_seed = arguments.seed(split_seed, "split_seed")
    options = conversion.Options(
        spec=FeatureSpec(dim, hash_seed, arguments.switch(signed_hash, "signed_hash"), feature_norm),
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
        if holds_texts([file for files in inputs.values() for file in files], text):
            done = _convert_texts(inputs, output_dir, options, text, feature_hash_dim, runner, progress)
        else:
            done = bags_of_words.convert(inputs, output_dir, options, runner, shlex.split(beam_options), progress)
    return dataclasses.replace(done, notes=[*done.notes, *notes])


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


def _convert_texts(
    inputs: Mapping[str, Sequence[TextInput]],
    output_dir: str,
    options: conversion.Options,
    text: TextOptions,
    hash_dim: Optional[int],
    runner: Optional[str],
    progress: bool,
) -> Converted:
    if runner is not None:
        raise InputError(
            f"runner must be left out with texts (got {runner!r:.60}), which the threads of one process convert; Apache Beam converts "
            "bags of words alone."
        )
    startup.prepare()
    startup.check_versions()
    # Late, because it imports TensorFlow.
    from mach_tf.text import conversion as text_conversion

    with kernels.announced(progress):
        return text_conversion.convert(inputs, output_dir, options, text, hash_dim, progress)


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
