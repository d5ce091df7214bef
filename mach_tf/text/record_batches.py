"""Reads the records of all files of the splits, in order, in batches whose memory does not grow with the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mach_tf.data.bad_line import BadLine
from mach_tf.data.libsvm import TextInput
from mach_tf.data.textfile import check_regular
from mach_tf.errors import InputError
from mach_tf.splits import Source
from mach_tf.text.readers.opening import open_records
from mach_tf.text.readers.record import Record
from mach_tf.text.readers.settings import InputSettings

# TensorFlow takes about 40 times the bytes of a batch while it works on it.
BATCH_RECORDS, BATCH_BYTES = 2_048, 1 << 20


class RecordsOfSplit(NamedTuple):
    """Records that follow each other.

    Attributes:
      split: the split that their file was given for.
      records: those that break no rule.
      places: int64 [n], the position of each record among the good records of its split.
      bad_lines: those that break one.
      bytes_read: number of bytes read from disk for them.
    """

    split: str
    records: list[Record]
    places: np.ndarray
    bad_lines: list[BadLine]
    bytes_read: int


class RecordBatches:
    """Iterates over the records of all files; afterwards the attributes describe what was read.

    Attributes:
      sources: the files of each split.
      text_bytes: bytes of text, after decompression.
    """

    def __init__(self, inputs: Mapping[str, Sequence[TextInput]], settings: InputSettings) -> None:
        self._inputs = inputs
        self._settings = settings
        self.sources: dict[str, list[Source]] = {split: [] for split in inputs}
        self.text_bytes = 0

    def __iter__(self) -> Iterator[RecordsOfSplit]:
        for split, files in self._inputs.items():
            place = 0
            for file in files:
                with open_records(file, self._settings) as reader:
                    for batch in reader.batches(BATCH_RECORDS, BATCH_BYTES):
                        places = np.arange(place, place + len(batch.records))
                        place += len(batch.records)
                        yield RecordsOfSplit(split, batch.records, places, batch.bad_lines, batch.bytes_read)
                    self.sources[split] += reader.finish()
                    self.text_bytes += reader.text_bytes


def text_fields(inputs: Iterable[TextInput], settings: InputSettings) -> tuple[str, ...]:
    """Returns the names of the text fields, which are the same in all files; opens each, so that no work is lost to a wrong one.

    Raises:
      InputError: a file cannot be opened, is no regular file, or has other text fields.
    """
    fields: tuple[str, ...] = ()
    first = ""
    for file in inputs:
        for path in file.paths:
            check_regular(path)
        with open_records(file, settings) as reader:
            if fields and reader.fields != fields:
                raise InputError(
                    f"All files must have the same text fields ({first} has {', '.join(fields)}, {file.path} has "
                    f"{', '.join(reader.fields)}). Name them in text_fields."
                )
            fields, first = reader.fields, first or file.path
    return fields
