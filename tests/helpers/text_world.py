"""Random records of each kind of text settings, with the vocabulary made of them; graphs are traced once for all tests."""

from __future__ import annotations

import dataclasses
import functools
import random

import numpy as np
import tensorflow as tf

from mach_tf.points import Points
from mach_tf.text.tokenizer import Tokenizer
from mach_tf.text.vectorizer import TextVectorizer
from mach_tf.text.vocabulary_naming import VocabularyNaming
from mach_tf.text_spec import TextField, TextSpec
from tests.helpers.random_texts import random_text

_ONE = (TextField("text"),)
_MANY = (TextField("title", 2.5, apart=True), TextField("body"), TextField("notes", 0.5, apart=True))
WORDS = TextSpec(_ONE)
_WEIGHTED = (TextField("text", 3.0),)
SPECS = [WORDS, TextSpec(_WEIGHTED, (0, 0), (4, 5)), TextSpec(_MANY, (2, 3), (1, 4))]


@dataclasses.dataclass(frozen=True)
class TextWorld:
    """Records, half of which made the vocabulary, and their features by fingerprints."""

    spec: TextSpec
    records: list[list[str]]
    tokenizer: Tokenizer
    naming: VocabularyNaming
    points: Points
    vectorizer: TextVectorizer

    @property
    def training(self) -> list[list[str]]:
        """The records of the vocabulary."""
        return self.records[: len(self.records) // 2]


@functools.cache
def text_world(spec: TextSpec) -> TextWorld:
    """Returns the world of a spec."""
    generator = random.Random(0)
    records = [[random_text(generator).decode(errors="replace") for _ in spec.fields] for _ in range(200)]
    tokenizer = Tokenizer(spec)
    naming = VocabularyNaming(tokenizer, *frequencies(tokenizer, records[:100]), 100)
    points = naming.points(tf.constant(records))
    return TextWorld(spec, records, tokenizer, naming, points, TextVectorizer(naming.vocabulary()))


def frequencies(tokenizer: Tokenizer, records: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the fingerprints of all terms, and in how many records each occurs."""
    terms = tokenizer(tf.constant(records))
    rows = np.repeat(np.arange(len(records)), np.diff(terms.row_splits))
    pairs = np.unique(np.stack([terms.fingerprints, rows], 1), axis=0)
    return np.unique(pairs[:, 0], return_counts=True)
