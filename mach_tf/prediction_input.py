"""The points of a file to predict, block by block: a bag of words, or texts in any format that training reads."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence
from typing import Callable, NamedTuple, Optional, Union

import numpy as np

from mach_tf import zip_members
from mach_tf.choices import AUTO, BAG_OF_WORDS
from mach_tf.data import libsvm
from mach_tf.data.bad_line import BadLine
from mach_tf.data.libsvm import TextInput, TextReader
from mach_tf.errors import InputError
from mach_tf.network import Network
from mach_tf.points import Points
from mach_tf.text.model_texts import ModelTexts
from mach_tf.text.readers.opening import open_records
from mach_tf.text.readers.recognition import Recognised, recognise
from mach_tf.text.readers.record import RecordBatch
from mach_tf.text.readers.record_reader import RecordReader
from mach_tf.text.readers.settings import WITH_FIELDS, InputSettings

# Of a block of texts, in bytes; a block of records is never divided, so that bad ones keep their place.
_BLOCK_BYTES = 1 << 20
_BLOCK_RECORDS = 1 << 40


class InputBlock(NamedTuple):
    """The points of consecutive lines.

    Attributes:
      first_point: number of points before these lines, bad ones included.
      n_points: number of points, bad ones included.
      points: the raw points of the lines that break no rule.
      places: int64 [n], the position of each of them in the block.
      bad_lines: the lines that break a rule.
      done: what the block adds to the progress, in the units of PredictionInput.total.
    """

    first_point: int
    n_points: int
    points: Points
    places: np.ndarray
    bad_lines: list[BadLine]
    done: int


@dataclasses.dataclass(frozen=True)
class PredictionInput:
    """An open file of points.

    Attributes:
      blocks: the points, to be read once.
      n_points: the number of points; None if it is not known before all are read.
      total, unit: what the progress counts: points, or bytes of the file.
      finish: raises InputError if the file changed while it was read.
      default_fields: the fields with texts, if they are those of the training data because none are named.
    """

    blocks: Iterator[InputBlock]
    n_points: Optional[int]
    total: int
    unit: str
    finish: Callable[[], object]
    default_fields: tuple[str, ...] = ()


@contextlib.contextmanager
def open_input(
    network: Network, path: str, input_format: str = AUTO, text_fields: Union[str, Sequence[str]] = ()
) -> Iterator[PredictionInput]:
    """Opens a file to be predicted.

    Args:
      network: the model.
      path: the file, which may be a pipe; a model of texts takes a pipe for texts unless the format says that it is a bag of words.
      input_format: one of choices.INPUT_FORMATS; "auto" recognises it.
      text_fields: the fields with texts, one or several; by default those that the model was trained with.

    Raises:
      InputError: the model cannot be given this format, or its features or fields; or the file is in no format.
    """
    text_fields = (text_fields,) if isinstance(text_fields, str) else tuple(text_fields)
    if input_format == BAG_OF_WORDS:
        found = Recognised(input_format, "input_format says so")
        if text_fields:
            raise InputError(f"text_fields must be left out with input_format={BAG_OF_WORDS}: it has no fields.")
    elif network.manifest.text is None:
        found = _recognise_bag(path, InputSettings(input_format, text_fields))
    else:
        given = InputSettings(input_format, text_fields, labels_optional=True)
        settings = network.texts.settings_for(TextInput(path), given)
        # A label that breaks a rule does not matter.
        settings = dataclasses.replace(settings, label_fields=(), label_separator=None, label_indicators=False)
        found = Recognised(settings.format, "it is a pipe") if _is_pipe(path) else recognise(path, None, settings)
    if found.format == BAG_OF_WORDS:
        with TextReader(path, labels_optional=True) as reader:
            _check_features(network, reader, path)
            points = reader.header.points
            yield PredictionInput(_bag_blocks(reader), points, points, "point", reader.finish)
    elif network.manifest.text is None:
        raise InputError(
            f"{path} must be a bag of words, because {network.model_dir} was trained on bags of words (got {found.format}, because "
            f"{found.seen}). Train a model on texts, or give input_format={BAG_OF_WORDS} if the file holds a bag of words."
        )
    else:
        with open_records(TextInput(path), settings) as records:
            size = 0 if _is_pipe(path) else zip_members.size(path)
            blocks = _text_blocks(records, network.texts)
            default_fields = () if text_fields or found.format not in WITH_FIELDS else records.fields
            yield PredictionInput(blocks, None, size, "B", records.finish, default_fields)


def _recognise_bag(path: str, settings: InputSettings) -> Recognised:
    """Returns the format of a file for a model of bags of words; what is not clearly a text is left to their reader's messages."""
    if settings.format == AUTO and settings.text_fields:
        return Recognised("texts", "text_fields was given")
    if not _is_pipe(path) or settings.format != AUTO:
        with contextlib.suppress(InputError):
            return recognise(path, None, settings)
    return Recognised(BAG_OF_WORDS, "no other format was recognised")


def _is_pipe(path: str) -> bool:
    return os.path.exists(path) and not os.path.isfile(path)


def _check_features(network: Network, reader: TextReader, path: str) -> None:
    if reader.header.features != network.manifest.features:
        raise InputError(
            f"{path}, line 1: the model was trained on {network.manifest.features} raw features, the file has "
            f"{reader.header.features}. Give points with the features of the model's training text."
        )


def _bag_blocks(reader: TextReader) -> Iterator[InputBlock]:
    for block in reader.blocks():
        parsed, count = libsvm.parse(block), reader.points - block.first_point
        places = parsed.places - block.first_point
        yield InputBlock(block.first_point, count, parsed.points, places, parsed.bad_lines, count)


def _text_blocks(records: RecordReader, texts: ModelTexts) -> Iterator[InputBlock]:
    first = 0
    for batch in records.batches(_BLOCK_RECORDS, _BLOCK_BYTES):
        count = len(batch.records) + len(batch.bad_lines)
        points = texts.rows([record.texts for record in batch.records])
        yield InputBlock(first, count, points, _places(batch), batch.bad_lines, batch.bytes_read)
        first += count


def _places(batch: RecordBatch) -> np.ndarray:
    """Returns the position of each record among all of a batch, the bad ones included: both come in the order of the file."""
    lines = np.array([record.line for record in batch.records], np.int64)
    bad = np.array([line.line for line in batch.bad_lines], np.int64)
    return np.arange(len(lines)) + np.searchsorted(bad, lines)
