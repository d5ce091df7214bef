"""What a model of texts turns texts into points with: the vocabulary that its directory keeps."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Optional

from mach_tf import kept_files, zip_members
from mach_tf.choices import AUTO
from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.manifest import ModelManifest
from mach_tf.points import Points
from mach_tf.record_layout import RecordLayout
from mach_tf.text.readers.recognition import recognise
from mach_tf.text.readers.settings import LINES, TEXT, InputSettings
from mach_tf.text.text_rows import text_rows
from mach_tf.text.vectorizer import TextVectorizer
from mach_tf.text.vocabulary import Vocabulary


class ModelTexts:
    """Turns texts into the points that a model predicts, exactly as preprocessing turned the training data.

    Attributes:
      fields: the names of the text fields, in the order in which texts are given.
      vectorizer: computes the features.
      layout: how the training records were read; None if that is not known.
    """

    def __init__(self, vectorizer: TextVectorizer, layout: Optional[RecordLayout] = None) -> None:
        self.vectorizer = vectorizer
        self.layout = layout
        self.fields: tuple[str, ...] = vectorizer.vocabulary.spec.field_names

    @classmethod
    def open(cls, model_dir: str, model: ModelManifest) -> ModelTexts:
        """Reads the vocabulary of a model directory.

        Raises:
          InputError: the model was trained on bags of words, or its vocabulary is missing or damaged.
        """
        if model.text is None:
            raise InputError(
                f"{model_dir} must be a model of texts to predict from texts, but it was trained on bags of words. Give it points with "
                f"its {model.features} raw features, or preprocess texts and train on them."
            )
        kept_files.check(model_dir, model)
        return cls(TextVectorizer(Vocabulary.read(model_dir, model.text, model.features)), model.text.layout)

    def fields_in(self, text_fields: Sequence[str]) -> tuple[str, ...]:
        """Returns the names that the model's text fields have in a file.

        Args:
          text_fields: these names, if they are not those of the training data.

        Raises:
          InputError: another number of names.
        """
        fields = tuple(text_fields) or self.fields
        if len(fields) != len(self.fields):
            raise InputError(
                f"text_fields must name {len(self.fields)} field(s), which stand for {', '.join(self.fields)} of the training data, in "
                f"this order (got {', '.join(fields)})."
            )
        return fields

    def settings_for(
        self, source: TextInput, settings: InputSettings, layout: Optional[RecordLayout] = None
    ) -> InputSettings:
        """Returns how a file is read: as the settings say, and otherwise as the training data were.

        Args:
          source: the file.
          settings: what is given; the names of the text fields if they are not those of the training data.
          layout: how the training records were read, if the model does not know it.

        Raises:
          InputError: another number of names, or the file is in no format, or could be in several.
        """
        self.fields_in(settings.text_fields)
        layout = self.layout or layout
        settings = settings.completed(self.fields, layout)
        if settings.format == AUTO and (form := self._format(source, settings, layout or RecordLayout())) != AUTO:
            settings = dataclasses.replace(settings, format=form, trained=(*settings.trained, "format"))
        return settings

    def _format(self, source: TextInput, settings: InputSettings, layout: RecordLayout) -> str:
        """Returns the format that a file has because the training data have it; "auto" if it shows its own."""
        if not zip_members.is_file(source.path):
            return layout.format
        try:
            form = recognise(source.path, source.labels_path, settings).format
        except InputError:
            if layout.format == AUTO:
                raise
            return layout.format
        is_unknown = form == LINES and source.labels_path is None
        if form in layout.mistaken_for or (is_unknown and layout.format != AUTO):
            return layout.format
        if is_unknown and self.fields != (TEXT,):
            # A table whose format is not recognised would be read as texts, its header and its other columns too.
            raise InputError(
                f"{source.path} must be of a known format, because the model was trained on records with the field(s) "
                f"{', '.join(self.fields)}. Give input_format: csv, tsv or another, or {LINES} if each line is a text."
            )
        return AUTO

    def points(self, texts: Any) -> Points:
        """Returns texts as raw points without labels; `texts` and errors as of `text_rows`."""
        return self.rows(text_rows(texts, self.fields))

    def rows(self, rows: Sequence[Sequence[str]]) -> Points:
        """Returns records as raw points without labels.

        Args:
          rows: the texts of each record, one per field; fields after those given are empty.
        """
        return self.vectorizer.points([self.padded(row) for row in rows])

    def padded(self, row: Sequence[str]) -> Sequence[str]:
        """Returns the texts of a record, one per field; those after the last given are empty."""
        return (*row, *[""] * (len(self.fields) - len(row)))
