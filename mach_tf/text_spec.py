"""How texts become features: their fields, the n-grams that count as terms, and which terms the vocabulary keeps."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Optional

from mach_tf import arguments
from mach_tf.errors import InputError
from mach_tf.files import SHA256
from mach_tf.hashing import MAX_ID
from mach_tf.record_layout import RecordLayout

# The version of Unicode that the package's table was made from (mach_tf/text/unicode.npz).
UNICODE_VERSION = "15.1.0"
MAX_WORD_NGRAM, MAX_CHAR_NGRAM = 5, 10

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LARGEST_WEIGHT = 1e6


@dataclasses.dataclass(frozen=True)
class TextField:
    """A field of a record that holds text.

    Attributes:
      name: the field's name in the input.
      weight: the factor of its terms' counts, above 0.
      apart: whether its terms are features of their own ("title: word") rather than shared with the other fields.
    """

    name: str
    weight: float = 1.0
    apart: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or _CONTROL_CHARACTERS.search(self.name):
            raise InputError(
                f"text_fields must hold names without control characters (got {arguments.shown(self.name)}). Rename the field."
            )
        weight = arguments.finite_number(self.weight, f"the weight of text field {self.name}")
        if not 1 / _LARGEST_WEIGHT <= weight <= _LARGEST_WEIGHT:
            raise InputError(
                f"The weight of text field {self.name} must be from {1 / _LARGEST_WEIGHT:g} to {_LARGEST_WEIGHT:g} (got {weight:g}). "
                "Leave a field out that should not count."
            )
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "apart", arguments.switch(self.apart, f"apart of text field {self.name}"))


@dataclasses.dataclass(frozen=True)
class TextSpec:
    """How texts become features; with the vocabulary it decides every feature of every text.

    Attributes:
      fields: the text fields, in the order in which texts are given.
      word_ngrams: shortest and longest word n-gram that is a term; (0, 0) for none.
      char_ngrams: shortest and longest character n-gram that is a term, in characters of a word between two boundary marks;
        (0, 0) for none. For languages whose words are not separated or are compounded.
      min_document_frequency: the number of training documents that must contain a term.
      max_document_fraction: terms in a larger fraction of the training documents are left out, as a stop list does.
      max_vocabulary: the number of terms that are kept, the most frequent ones.
      unicode_version: the version of Unicode that decides which characters form words and how they are normalised.

    Example:
      >>> TextSpec((TextField("title", weight=2.0), TextField("content"))).word_ngrams
      (1, 2)
    """

    fields: tuple[TextField, ...]
    word_ngrams: tuple[int, int] = (1, 2)
    char_ngrams: tuple[int, int] = (0, 0)
    min_document_frequency: int = 2
    max_document_fraction: float = 1.0
    max_vocabulary: int = 100_000
    unicode_version: str = UNICODE_VERSION

    def __post_init__(self) -> None:
        fields = tuple(self.fields)
        names = [field.name for field in fields]
        if not names or len(set(names)) < len(names):
            raise InputError(f"text_fields must name one field or more, each once (got {arguments.shown(names)}).")
        values = {
            "fields": fields,
            "word_ngrams": _lengths(self.word_ngrams, "word_ngrams", MAX_WORD_NGRAM),
            "char_ngrams": _lengths(self.char_ngrams, "char_ngrams", MAX_CHAR_NGRAM),
            "min_document_frequency": arguments.whole_number(
                self.min_document_frequency, "min_document_frequency", 1, MAX_ID
            ),
            "max_document_fraction": arguments.finite_number(
                self.max_document_fraction, "max_document_fraction", 0.0, 1.0
            ),
            "max_vocabulary": arguments.whole_number(self.max_vocabulary, "max_vocabulary", 1, MAX_ID),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if not (self.word_ngrams[1] or self.char_ngrams[1]):
            raise InputError("word_ngrams and char_ngrams must not both be (0, 0): no term would be left.")
        if self.unicode_version != UNICODE_VERSION:
            raise InputError(
                f"unicode_version must be {UNICODE_VERSION}, that of this version of mach_tf (got {arguments.shown(self.unicode_version)}). "
                "Use the version of mach_tf that made the data, or preprocess again."
            )

    @property
    def field_names(self) -> tuple[str, ...]:
        """The names of the text fields, in their order."""
        return tuple(field.name for field in self.fields)


@dataclasses.dataclass(frozen=True)
class VocabularySpec:
    """What a manifest says of texts: the vocabulary beside it, and how the records were read.

    Attributes:
      text: how texts become terms.
      documents: the number of training documents that the frequencies are of.
      document_frequencies_sha256: SHA-256 of document_frequencies.npy; that of the terms is in the manifest's names_sha256.
      layout: how the training records were read; None in datasets and models of earlier versions.
    """

    text: TextSpec
    documents: int
    document_frequencies_sha256: str
    layout: Optional[RecordLayout] = None

    def __post_init__(self) -> None:
        arguments.whole_number(self.documents, "documents", 0, 2**53)
        if not SHA256.fullmatch(self.document_frequencies_sha256):
            raise InputError(
                f"document_frequencies_sha256 must be a SHA-256 (got {arguments.shown(self.document_frequencies_sha256)})."
            )

    @property
    def content(self) -> tuple[Any, ...]:
        """Everything that decides features, as plain values: all but the layout."""
        return dataclasses.astuple(dataclasses.replace(self, layout=None))[:-1]


def _lengths(value: Any, name: str, most: int) -> tuple[int, int]:
    """Returns the shortest and longest n-gram of an argument: 1 <= shortest <= longest <= most, or (0, 0)."""
    try:
        shortest, longest = (arguments.whole_number(number, name, 0, most) for number in value)
    except (TypeError, ValueError):
        numbers = [value] if isinstance(value, int) else list(value) if isinstance(value, (list, tuple)) else []
        if len(numbers) == 1 and isinstance(numbers[0], int):
            raise InputError(
                f"{name} must be two numbers, the shortest and the longest n-gram (got {numbers[0]} alone). Give "
                f"{numbers[0]},{numbers[0]} for n-grams of one length."
            ) from None
        shortest, longest = 1, 0
    if (shortest, longest) != (0, 0) and not 1 <= shortest <= longest:
        raise InputError(
            f"{name} must be two numbers, the shortest and the longest n-gram, from 1 to {most}, or (0, 0) for none "
            f"(got {arguments.shown(value)})."
        )
    return shortest, longest
