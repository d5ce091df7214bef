"""The files that points are explained from, block by block: bags of words, or texts that a model turns into points."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import functools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable, NamedTuple, Optional, Union

import numpy as np

from mach_tf import points, zip_members
from mach_tf.data import libsvm
from mach_tf.data.bad_line import BadLine
from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.explanations.reporting import source_text
from mach_tf.manifest import DatasetManifest, ModelManifest
from mach_tf.points import Points
from mach_tf.text.model_texts import ModelTexts
from mach_tf.text.readers.opening import open_records
from mach_tf.text.readers.record import Record, RecordBatch
from mach_tf.text.readers.settings import InputSettings, default_fields_sentence

# A batch of records ends by its size alone.
_BATCH_RECORDS = 1 << 40

# The texts of a point, one per field.
Row = Sequence[str]


class PointBlock(NamedTuple):
    """Consecutive points of a file.

    Attributes:
      first_point: number of points of the file before these.
      done: what the block adds to the progress, in the unit of OpenPoints.
      points: computes the raw points; InputError for a line that breaks a rule.
      texts: the texts of the points; None for a bag of words.
    """

    first_point: int
    done: int
    points: Callable[[], Points]
    texts: Optional[list[Row]]


@dataclasses.dataclass(frozen=True)
class OpenPoints:
    """An open file of points.

    Attributes:
      total, unit: what the progress counts.
      blocks: yields the points in blocks of about as many bytes as its argument says, once.
      finish: raises InputError if the file changed while it was read.
    """

    total: int
    unit: str
    blocks: Callable[[int], Iterator[PointBlock]]
    finish: Callable[[], object]


class PointFile(abc.ABC):
    """A file with points, and that with their labels if it is another one."""

    def __init__(self, source: TextInput) -> None:
        self.source = source

    @property
    def paths(self) -> list[str]:
        """The files to read."""
        return self.source.paths

    @property
    def reading(self) -> dict[str, Any]:
        """How the file is read, as JSON values, as far as the file itself does not say so."""
        return {}

    @abc.abstractmethod
    def open(self) -> contextlib.AbstractContextManager[OpenPoints]:
        """Opens the file; raises InputError if it does not fit the model."""


class BagFile(PointFile):
    """Bags of words in the repository's format."""

    def __init__(self, source: TextInput, manifest: Union[DatasetManifest, ModelManifest]) -> None:
        """Describes the file.

        Args:
          source: the file.
          manifest: has the numbers of features and labels that the file must have.
        """
        super().__init__(source)
        self._manifest = manifest

    @contextlib.contextmanager
    def open(self) -> Iterator[OpenPoints]:
        with source_text.open_text(self._manifest, self.source) as reader:

            def blocks(size: int) -> Iterator[PointBlock]:
                for block in reader.blocks(size):
                    lines = block.text.count(b"\n")
                    yield PointBlock(block.first_point, lines, functools.partial(_bag, block), None)

            yield OpenPoints(reader.header.points, "point", blocks, reader.finish)


class RecordFile(PointFile):
    """Texts in any format that preprocessing reads."""

    def __init__(
        self, source: TextInput, settings: InputSettings, texts: ModelTexts, label_ids: Mapping[str, int]
    ) -> None:
        """Describes the file.

        Args:
          source: the file.
          settings: its format, and where texts and labels stand.
          texts: turns texts into points.
          label_ids: the id of each label by its key; labels without one are left out, with a warning.
        """
        super().__init__(source)
        self._settings = settings
        self._texts = texts
        self._label_ids = label_ids

    @property
    def reading(self) -> dict[str, Any]:
        values = dataclasses.asdict(self._settings)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @contextlib.contextmanager
    def open(self) -> Iterator[OpenPoints]:
        with open_records(self.source, self._settings) as reader:
            unknown = 0

            def blocks(size: int) -> Iterator[PointBlock]:
                nonlocal unknown
                first = 0
                for batch in reader.batches(_BATCH_RECORDS, size):
                    if batch.bad_lines:
                        raise InputError(f"{batch.bad_lines[0]} {self._advice(batch.bad_lines[0])}")
                    unknown += sum(label not in self._label_ids for record in batch.records for label in record.labels)
                    yield self._block(batch, first)
                    first += len(batch.records)

            size = zip_members.size(self.source.path) if zip_members.is_file(self.source.path) else 0
            yield OpenPoints(size, "B", blocks, reader.finish)
            if unknown:
                warnings.warn(
                    f"{unknown} labels of points in {self.source.path} are unknown to the model and left out.",
                    stacklevel=4,
                )

    def _advice(self, line: BadLine) -> str:
        fields = self._settings.text_fields if "text_fields" in self._settings.trained else ()
        if any(f"the field {name} " in line.problem for name in fields):
            return default_fields_sentence(fields)
        return "Correct the line."

    def _block(self, batch: RecordBatch, first: int) -> PointBlock:
        rows: list[Row] = [self._texts.padded(record.texts) for record in batch.records]
        return PointBlock(first, batch.bytes_read, lambda: self._points(rows, batch.records), rows)

    def _points(self, rows: list[Row], records: list[Record]) -> Points:
        labels = [sorted(self._label_ids[key] for key in record.labels if key in self._label_ids) for record in records]
        splits = np.cumsum([0, *map(len, labels)], dtype=np.int64)
        ids = np.array([label for each in labels for label in each], np.int64)
        return dataclasses.replace(self._texts.rows(rows), label_splits=splits, label_ids=ids)


class GivenTexts(PointFile):
    """Texts in memory."""

    def __init__(self, rows: Sequence[Row], texts: ModelTexts) -> None:
        """Describes the texts.

        Args:
          rows: the texts of each point, one per field.
          texts: turns texts into points.
        """
        super().__init__(TextInput("text"))
        self._rows = rows
        self._texts = texts

    @property
    def paths(self) -> list[str]:
        return []

    @contextlib.contextmanager
    def open(self) -> Iterator[OpenPoints]:
        block = PointBlock(0, len(self._rows), lambda: self._texts.rows(self._rows), list(self._rows))
        yield OpenPoints(len(self._rows), "point", lambda _: iter([block]), lambda: None)


class InputPoints(NamedTuple):
    """The points of an input, and their texts; None if they are not all made from texts."""

    points: Points
    texts: Optional[list[Row]]


def read_files(files: Sequence[PointFile]) -> InputPoints:
    """Returns all points of the files.

    Raises:
      InputError: text that breaks a rule, or that does not fit the model.
    """
    parts: list[Points] = []
    texts: list[Row] = []
    for file in files:
        with file.open() as opened:
            for block in opened.blocks(libsvm.BLOCK_BYTES):
                parts.append(block.points())
                texts += block.texts or []
            opened.finish()
    everything = points.concatenate(parts)
    return InputPoints(everything, texts if texts and len(texts) == len(everything) else None)


def _bag(block: libsvm.TextBlock) -> Points:
    return libsvm.parse(block).faultless()
