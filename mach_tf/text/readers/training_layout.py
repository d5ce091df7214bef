"""What a manifest records of how the files of training texts were read."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable

from mach_tf.choices import AUTO
from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.record_layout import RecordLayout
from mach_tf.text.readers.opening import open_records
from mach_tf.text.readers.recognition import recognise
from mach_tf.text.readers.settings import InputSettings


def training_layout(files: Iterable[TextInput], settings: InputSettings) -> RecordLayout:
    """Returns the layout of training files; a format that they show by themselves is not recorded, so that other files show theirs.

    Args:
      files: the training files.
      settings: how they are read.
    """
    files = list(files)
    label_fields = settings.label_fields
    if settings.label_indicators and not label_fields:
        with open_records(files[0], settings) as reader:
            label_fields = reader.settings.label_fields
    layout = RecordLayout(
        label_fields=label_fields,
        label_separator=settings.label_separator,
        label_indicators=settings.label_indicators,
    )
    if settings.format == AUTO:
        return layout
    shown = set()
    for file in files:
        form = AUTO
        with contextlib.suppress(InputError):  # no format fits, so that the user has said it
            form = recognise(file.path, file.labels_path, dataclasses.replace(settings, format=AUTO)).format
        shown.add(form)
    if shown == {settings.format}:
        return layout
    mistaken_for = tuple(sorted(shown - {AUTO, settings.format}))
    return dataclasses.replace(layout, format=settings.format, mistaken_for=mistaken_for)
