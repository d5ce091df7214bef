"""The text that raw points are read from: a given one, or the one that a split was made from."""

from __future__ import annotations

import dataclasses
from typing import Optional, Union

from mach_tf import files, zip_members
from mach_tf.choices import AUTO
from mach_tf.data.libsvm import TextInput, TextReader
from mach_tf.data.row_numbers import RowNumbers
from mach_tf.data.textfile import TextFile
from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest, ModelManifest
from mach_tf.splits import Source
from mach_tf.text.readers.recognition import recognise
from mach_tf.text.readers.settings import LINES, InputSettings


def find_text(
    dataset: DatasetManifest, input: Optional[str], input_labels: Optional[str], split: str
) -> list[TextInput]:
    """Returns the text to read.

    Args:
      dataset: the manifest.
      input: path of a text with the points, or only their features if `input_labels` is given; None for the text that the
        split was made from.
      input_labels: path of the labels' file of the split form; None if `input` holds the labels or the points have none.
      split: the split whose text is read if `input` is None.

    Raises:
      InputError: labels without an input; or the split's text is gone, has changed, or holds more points than the split.
    """
    if input is not None:
        return [TextInput(input, input_labels)]
    if input_labels is not None:
        raise InputError(
            "input_labels and input belong together: the labels' file and the features' file of the split form. Give both."
        )
    sources = split_sources(dataset, split)
    found = _paired(sources)
    total = 0
    for each in found:
        with TextReader(*each) as reader:
            total += reader.total_places
    if not found or total != dataset.split(split).points:
        raise InputError(
            f"The {split} split holds {dataset.split(split).points} points and the files that it was made from {total}: only a "
            "part of them is in it. Give the text to explain with input=PATH."
        )
    return found


def find_records(dataset: DatasetManifest, split: str, settings: InputSettings) -> list[TextInput]:
    """Returns the files of texts that a split was made from.

    Args:
      dataset: the manifest of a dataset of texts.
      split: the split.
      settings: the format of the files; of parallel lines, each file of texts is followed by one of labels.

    Raises:
      InputError: a file is gone or has changed, is in no known format, or some of its points are in another split.
    """
    sources = split_sources(dataset, split)
    if is_part(dataset, split):
        raise InputError(
            f"The {split} split holds only a part of the points of the training files. Give the text to explain with input=PATH."
        )
    paths = [source.path for source in sources]
    if settings.format == AUTO and dataset.text is not None:
        form = AUTO if dataset.text.layout is None else dataset.text.layout.format
        fields = settings.text_fields or dataset.text.text.field_names
        settings = dataclasses.replace(settings, format=form, text_fields=fields, trained=("text_fields",))
    # Points of a dataset have labels, which lines have in a file of their own.
    if recognise(paths[0], None, settings).format != LINES:
        return list(map(TextInput, paths))
    if len(paths) % 2:
        raise InputError(
            f"{paths[0]} must have a known format, as lines of texts would have a file of labels beside them (got {len(paths)} file(s)). "
            "Give input_format."
        )
    return [TextInput(*pair) for pair in zip(paths[::2], paths[1::2])]


def is_part(dataset: DatasetManifest, split: str) -> bool:
    """Returns whether a split of a dataset of texts holds only a part of the points of the files that it was made from."""
    # Points that are held back of the training files are a split without files of its own.
    held_back = split == "train" and any(not other.sources for other in dataset.splits.values())
    return held_back or not split_sources(dataset, split)


def split_sources(dataset: DatasetManifest, split: str) -> list[Source]:
    """Returns the files that a split was made from.

    Raises:
      InputError: one of them is gone or has changed.
    """
    sources = dataset.split(split).sources
    for source in sources:
        if not zip_members.exists(source.path) or files.sha256(source.path) != source.sha256:
            raise InputError(
                f"{source.path}, from which the {split} split was made, is gone or changed. Shards hold hashed features only, "
                "so explaining raw features needs the text: give it with input=PATH."
            )
    return sources


def _paired(sources: list[Source]) -> list[TextInput]:
    """Groups a split's files as they were read: a header of two numbers means the split form, whose labels' file is next."""
    found: list[TextInput] = []
    rest = iter(sources)
    for source in rest:
        if found and source.column >= 0:
            found[-1] = found[-1]._replace(rows=RowNumbers(source.path, source.column))
            continue
        with TextFile(source.path) as file:
            split_form = len(file.lines(1).split()) == 2
        labels = next(rest, None) if split_form else None
        found.append(TextInput(source.path, None if labels is None else labels.path))
    return found


def open_text(dataset: Union[DatasetManifest, ModelManifest], text: TextInput) -> TextReader:
    """Opens a text, which may be the split form's file of features alone.

    Raises:
      InputError: the text does not have the dataset's numbers of features and labels.
    """
    reader = TextReader(*text, labels_optional=True)
    wanted, header = (dataset.features, dataset.labels), reader.header
    if (header.features, header.labels) == wanted or (header.features == wanted[0] and not reader.with_labels):
        return reader
    reader.__exit__()
    labels = "and no labels" if not reader.with_labels else f"and {header.labels}"
    raise InputError(
        f"{text.path}, line 1: the header must say {dataset.features} features and {dataset.labels} labels, as the dataset does "
        f"(got {header.features} {labels}). Give text of the same data."
    )
