"""The terms that are features, and in how many training documents each occurs."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from mach_tf import files
from mach_tf.array_files import read_array
from mach_tf.errors import InputError
from mach_tf.manifest import DOCUMENT_FREQUENCIES_FILE, FEATURE_NAMES_FILE
from mach_tf.text_spec import TextSpec, VocabularySpec

_REMEDY = "It or the manifest beside it is damaged: put back the original, or preprocess again."


@dataclasses.dataclass(frozen=True, eq=False)
class Vocabulary:
    """The vocabulary of a data set or of a model: feature i is the term `terms[i]`.

    Attributes:
      spec: how texts become terms.
      terms: the terms by feature id, as people read them: "word", "two words", "title: word" of a field kept apart, and
        "~<wo" of characters, where < and > are the word's boundaries.
      document_frequencies: int64 [features], the number of training documents with each term, descending.
      documents: the number of training documents.
    """

    spec: TextSpec
    terms: list[str]
    document_frequencies: np.ndarray
    documents: int

    def __post_init__(self) -> None:
        frequencies = np.asarray(self.document_frequencies, np.int64)
        object.__setattr__(self, "document_frequencies", frequencies)
        if frequencies.shape != (len(self.terms),):
            raise InputError(
                f"A vocabulary must have one document frequency per term (got {frequencies.shape} of {len(self.terms)} terms)."
            )
        if len(frequencies) and not 1 <= frequencies.min() <= frequencies.max() <= self.documents:
            wrong = frequencies[(frequencies < 1) | (frequencies > self.documents)][0]
            raise InputError(
                f"Document frequencies must be from 1 to {self.documents}, the number of documents (got {wrong})."
            )

    def __len__(self) -> int:
        return len(self.terms)

    @property
    def idf(self) -> np.ndarray:
        """The inverse document frequencies 1 + log((1 + n) / (1 + df)), float32 [features]."""
        return inverse_document_frequencies(self.document_frequencies, self.documents)

    def write(self, directory: str) -> VocabularySpec:
        """Writes feature_names.txt and document_frequencies.npy; returns what the manifest says of them."""
        with files.atomic_write(os.path.join(directory, FEATURE_NAMES_FILE)) as file:
            file.writelines(f"{term}\n".encode() for term in self.terms)
        path = os.path.join(directory, DOCUMENT_FREQUENCIES_FILE)
        with files.atomic_write(path) as file:
            np.save(file, self.document_frequencies, allow_pickle=False)
        return VocabularySpec(self.spec, self.documents, files.sha256(path))

    @classmethod
    def read(cls, directory: str, spec: VocabularySpec, features: int) -> Vocabulary:
        """Reads the vocabulary of a directory.

        Args:
          directory: of a data set or a model.
          spec: what the manifest says.
          features: the number of terms.

        Raises:
          InputError: a file is missing, damaged or not the one that the manifest describes. The hash of feature_names.txt is the
            manifest's to compare.
        """
        path = os.path.join(directory, DOCUMENT_FREQUENCIES_FILE)
        if not os.path.isfile(path):
            raise InputError(f"{path} is missing, though the manifest beside it names it. {_REMEDY}")
        if files.sha256(path) != spec.document_frequencies_sha256:
            raise InputError(f"{path} is not the file that the manifest beside it describes. {_REMEDY}")
        frequencies = read_array(path, (features,), np.int64, f"the document frequencies of {features} terms", _REMEDY)
        terms = files.read_names(os.path.join(directory, FEATURE_NAMES_FILE), features, "terms")
        try:
            return cls(spec.text, terms, frequencies, spec.documents)
        except InputError as error:
            raise InputError(f"{path}: {error} {_REMEDY}") from None


def inverse_document_frequencies(document_frequencies: np.ndarray, documents: int) -> np.ndarray:
    """Returns 1 + log((1 + n) / (1 + df)), float32 [features]."""
    return (1 + np.log((1 + documents) / (1 + document_frequencies))).astype(np.float32)
