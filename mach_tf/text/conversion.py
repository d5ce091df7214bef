"""Converts texts with labels to a dataset, in two passes: the first counts labels and terms, the second writes the points."""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from typing import Optional

from mach_tf import outputs
from mach_tf.data import dataset
from mach_tf.data.conversion import Options
from mach_tf.data.conversion_bar import conversion_bar
from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.text.converted_texts import ConvertedTexts
from mach_tf.text.counting import Counts, count
from mach_tf.text.doubtful_labels import doubts
from mach_tf.text.label_vocabulary import LabelVocabulary
from mach_tf.text.options import TextOptions
from mach_tf.text.readers.label_names import LabelNames, read_label_names
from mach_tf.text.readers.training_layout import training_layout
from mach_tf.text.record_batches import RecordBatches, text_fields
from mach_tf.text.text_summary import LeftOut, TextSummary
from mach_tf.text.tokenizer import Tokenizer
from mach_tf.text.vectorizing import Vectorizing, Written, write_points

_SPILLS = "counts"


def convert(
    inputs: Mapping[str, Sequence[TextInput]],
    output_dir: str,
    options: Options,
    text: TextOptions,
    hash_dim: Optional[int] = None,
    progress: bool = True,
) -> ConvertedTexts:
    """Converts texts with labels to a dataset.

    Args:
      inputs: the files of each split, in order.
      output_dir: the directory to write.
      options: how points are hashed, divided and written.
      text: how records are read, and which terms and labels are kept.
      hash_dim: the number of hashed features instead of that of `options`; None lets the size of the vocabulary choose it.
      progress: whether to show a progress bar.

    Raises:
      InputError: an input or the output directory breaks a rule; the output directory is as it was.
    """
    begin = time.monotonic()
    _check(inputs, output_dir, options)
    settings = text.reading
    spec = text.spec(text_fields([file for files in inputs.values() for file in files], settings))
    layout = training_layout(inputs["train"], settings)
    names = LabelNames() if options.label_names is None else read_label_names(options.label_names)
    # The first pass reads the training files alone.
    bar = conversion_bar([*_paths({"train": inputs["train"]}), *_paths(inputs)], progress)
    with bar as advance, dataset.open_directory(output_dir, options.overwrite) as directory:
        # Beside the new directory, in the folder that goes away even if the process is killed.
        spills = os.path.join(os.path.dirname(directory), _SPILLS)
        os.mkdir(spills)
        training = RecordBatches({"train": inputs["train"]}, settings)
        tokenizer = Tokenizer(spec)
        counts = count(training, tokenizer, options, spills, advance)
        shutil.rmtree(spills)
        labels = _labels(counts, text.min_label_count, names, options.label_names)
        dim = FeatureSpec.for_features(len(counts.selection.fingerprints)).dim if hash_dim is None else hash_dim
        options = dataclasses.replace(options, spec=dataclasses.replace(options.spec, dim=dim))
        batches = RecordBatches(inputs, settings)
        written = write_points(
            Vectorizing(tokenizer, counts, labels, options, layout), batches, training.sources, directory, advance
        )
    seconds = time.monotonic() - begin
    summary = _summary(text, counts, labels, written)
    notes = doubts(counts.labels, () if settings.label_indicators else settings.label_fields, settings.label_separator)
    return ConvertedTexts(
        output_dir, written.manifest, written.skipped, batches.text_bytes, seconds, notes, text=summary
    )


def _check(inputs: Mapping[str, Sequence[TextInput]], output_dir: str, options: Options) -> None:
    """Makes the checks that come before the work."""
    if "train" not in inputs:
        raise InputError("train must name a file of texts, as the vocabulary is that of the training texts (got none).")
    if options.feature_names is not None:
        raise InputError(
            f"feature_names must be left out with texts, whose terms are the names (got {options.feature_names!r:.60})."
        )
    dataset.check_output(output_dir, options.overwrite)
    outputs.check_directory(output_dir, [*_paths(inputs), options.label_names])
    dataset.check_valid_fraction(options.valid_fraction, "valid" in inputs)


def _paths(inputs: Mapping[str, Sequence[TextInput]]) -> list[str]:
    return [path for files in inputs.values() for file in files for path in file.paths]


def _labels(counts: Counts, min_label_count: int, names: LabelNames, path: Optional[str]) -> LabelVocabulary:
    if names.by_position is not None:
        return LabelVocabulary.of_positions(counts.labels, names.by_position, str(path), min_label_count)
    return LabelVocabulary.of_counts(counts.labels, min_label_count, names.by_key)


def _summary(text: TextOptions, counts: Counts, labels: LabelVocabulary, written: Written) -> TextSummary:
    selection = counts.selection
    rare = f"with fewer than {text.min_label_count:,} training points (min_label_count)"
    unknown = "only in other splits, without a training point"
    splits = written.manifest.splits.values()
    return TextSummary(
        records=sum(split.points for split in splits),
        words=counts.words,
        terms=len(selection.fingerprints),
        labels=len(labels),
        assignments=sum(split.labels for split in splits),
        unnamed_labels=labels.unnamed or 0,
        left_out=(
            LeftOut("records", len(written.skipped), "bad lines, listed in skipped.txt"),
            LeftOut(
                "terms",
                selection.rare,
                f"in fewer than {text.min_document_frequency:,} training points (min_document_frequency)",
            ),
            LeftOut(
                "terms",
                selection.frequent,
                f"in more than {100 * text.max_document_fraction:g}% of the training points (max_document_fraction)",
            ),
            LeftOut(
                "terms", selection.beyond, f"less frequent than the first {text.max_vocabulary:,} (max_vocabulary)"
            ),
            LeftOut("labels", labels.rare, rare),
            LeftOut("labels", len(written.unknown_labels), unknown),
            LeftOut("assignments", written.rare_assignments, f"of labels {rare}"),
            LeftOut("assignments", written.unknown_assignments, "of labels without a training point"),
        ),
        untrained_labels=labels.untrained,
    )
