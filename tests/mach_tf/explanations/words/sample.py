"""Texts with words and random terms, made by a few lines that are not those of the library."""

from __future__ import annotations

import re

import numpy as np

from mach_tf.explanations.words.explained_text import ExplainedText


def explained_text(*texts, names=None, weights=None, occurrences=()):
    """Returns the words (runs of letters and digits) of texts, with occurrences (feature, first word, last word)."""
    rows = []
    for field, text in enumerate(texts):
        # The byte offset of each character.
        offsets = np.cumsum([0, *(len(character.encode()) for character in text)])
        rows += [(field, *offsets[[*match.span()]]) for match in re.finditer(r"[^\W_]+", text)]
    fields, begins, ends = np.array(rows, np.int64).reshape(-1, 3).T
    features, first, last = np.array(occurrences, np.int64).reshape(-1, 3).T
    return ExplainedText(
        names or [f"field{i}" for i in range(len(texts))],
        [text.encode() for text in texts],
        weights or [1.0] * len(texts),
        fields,
        begins,
        ends,
        features,
        first,
        last,
    )


def random_text(generator, fields=2, words=12, features=9, occurrences=40):
    """Returns a text whose terms of one to three words lie anywhere in its fields."""
    texts = [" ".join(["wort", "ä", "字", "x1"][i] for i in generator.integers(0, 4, words)) for _ in range(fields)]
    rows = []
    for _ in range(occurrences):
        field, length = generator.integers(0, fields), generator.integers(1, 4)
        first = field * words + generator.integers(0, words - length + 1)
        rows.append((generator.integers(0, features), first, first + length - 1))
    return explained_text(*texts, weights=generator.uniform(0.1, 3, fields).tolist(), occurrences=rows)
