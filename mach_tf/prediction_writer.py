"""Predicts blocks of points and writes their labels, in memory that does not grow with the file."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Optional

import numpy as np

from mach_tf import files, prediction_format
from mach_tf.data.bad_line import BadLine
from mach_tf.data.incomplete_points import Incomplete
from mach_tf.decoding.best_labels import AnyDecoder
from mach_tf.errors import InputError
from mach_tf.label_titles import LabelTitles
from mach_tf.network import Network
from mach_tf.prediction_input import InputBlock, PredictionInput
from mach_tf.progress_bars import Bar
from mach_tf.text.label_similarity import NameScore
from mach_tf.text.readers.settings import default_fields_sentence
from mach_tf.top_labels import TopLabels, top_labels


@dataclasses.dataclass
class PredictionWriter:
    """Writes the best labels of the points of one file.

    Attributes:
      network: the model.
      k, estimator, scores, min_probability: as of mach_tf.prediction.PredictionOptions.
      decoder: the labels to choose from, and what they are ranked by.
      format: one of choices.PREDICTION_FORMATS.
      titles: the names and keys of the labels.
      skip_bad_lines: whether a line that breaks a rule is a point without predictions instead of an error.
      name_score: what to add to label scores; None for nothing.
      points: number of points so far, bad lines included.
      n_bad_lines, first_bad_line: number of bad lines so far, and the first.
      incomplete: how many of the others lack features.
      of_texts: whether the points were made from texts.
    """

    network: Network
    k: int
    estimator: str
    scores: str
    min_probability: Optional[float]
    decoder: AnyDecoder
    format: str
    titles: LabelTitles
    skip_bad_lines: bool = False
    name_score: Optional[NameScore] = None
    points: int = 0
    n_bad_lines: int = 0
    first_bad_line: Optional[BadLine] = None
    incomplete: Incomplete = dataclasses.field(default_factory=lambda: Incomplete(0, 0, 0))
    of_texts: bool = False

    def write(self, source: PredictionInput, input_path: str, output_path: str) -> None:
        """Predicts all points of a file.

        Args:
          source: the points.
          input_path: the file, for messages.
          output_path: the file to write.

        Raises:
          InputError: a bad line, or no point has features.
        """
        self.of_texts = source.n_points is None
        with (
            files.atomic_write(output_path) as output,
            Bar("predict", source.total, source.unit, scaled=source.n_points is None) as bar,
            self._after_header(output, source.n_points, os.path.dirname(output_path)) as lines,
        ):
            for block in source.blocks:
                self._check_lines(block, source.default_fields)
                lines.write(self._lines(block))
                bar.update(block.done)
            source.finish()
            self._check_features(input_path)

    def bad_lines_sentence(self, input_path: str) -> str:
        """Returns a sentence about the bad lines of a file; "" if there are none."""
        if self.first_bad_line is None:
            return ""
        return (
            f"{self.n_bad_lines:,} of {self.points:,} points of {input_path} have no predictions, because their lines break a rule; the "
            f"first is {self.first_bad_line}"
        )

    @contextlib.contextmanager
    def _after_header(self, output: BinaryIO, n_points: Optional[int], folder: str) -> Iterator[BinaryIO]:
        """Yields the file to write lines to: the output, or one that is copied behind a header which cannot be known before."""
        labels = self.network.labels
        if n_points is not None or self.format != prediction_format.TEXT:
            output.write(prediction_format.header(self.format, n_points or 0, labels, self.scores))
            yield output
            return
        with tempfile.TemporaryFile(dir=folder or ".") as waiting:
            yield waiting
            output.write(prediction_format.header(self.format, self.points, labels, self.scores))
            waiting.seek(0)
            shutil.copyfileobj(waiting, output)

    def _check_features(self, input_path: str) -> None:
        if self.of_texts and self.incomplete.points and self.incomplete.without_features == self.incomplete.points:
            raise InputError(
                f"The texts of {input_path} must have terms that the model was trained with (none of {self.incomplete.points:,} has one). "
                "Check their language, and that text_fields names the fields with the texts."
            )
        self.incomplete.check(f"of {input_path}")

    def _check_lines(self, block: InputBlock, default_fields: Sequence[str]) -> None:
        if not block.bad_lines or self.skip_bad_lines:
            return
        advice = "Correct the line, or leave such lines out: on_bad_line=skip."
        none_good = not self.points and not len(block.points)
        if none_good and any(f"the field {name} " in block.bad_lines[0].problem for name in default_fields):
            advice = default_fields_sentence(default_fields)
        raise InputError(f"{block.bad_lines[0]} {advice}")

    def _lines(self, block: InputBlock) -> bytes:
        self.first_bad_line = self.first_bad_line or next(iter(block.bad_lines), None)
        self.n_bad_lines += len(block.bad_lines)
        self.points += block.n_points
        self.incomplete = self.incomplete.plus(Incomplete.of(block.points, labels=False))
        top = self._in_place(self._top_labels(block), block)
        return prediction_format.lines(self.format, top, block.first_point, self.scores, *self.titles)

    def _top_labels(self, block: InputBlock) -> TopLabels:
        network = self.network
        features = network.hash_points(block.points)
        found = network.decode(features, self.k, self.estimator, decoder=self.decoder, name_score=self.name_score)
        buckets = network.manifest.bucket_spec.buckets
        scale, least = self.scores, self.min_probability
        return top_labels(found.labels, found.scores, self.estimator, buckets, scale, least, network.logit_scale)

    def _in_place(self, top: TopLabels, block: InputBlock) -> TopLabels:
        """Gives bad lines rows without labels."""
        if not block.bad_lines:
            return top
        shape = (block.n_points, top.labels.shape[1])
        labels, scores = np.full(shape, -1, np.int32), np.zeros(shape, np.float32)
        labels[block.places], scores[block.places] = top
        return TopLabels(labels, scores)
