"""The definitions of words, terms and tf-idf in plain Python, as an oracle for the graphs."""

from __future__ import annotations

import collections
import math
import re
import unicodedata
from collections.abc import Sequence

from mach_tf.text_spec import TextSpec


def normalise(text: str) -> str:
    """The normal form: compatibility decomposition in lower case."""
    for _ in range(2):
        text = unicodedata.normalize("NFKD", text.lower())
    return text.replace("ς", "σ")


def words(text: str) -> list[str]:
    """The words: maximal runs of letters, marks and numbers of the normal form."""
    symbols = (c if unicodedata.category(c)[0] in "LMN" else " " for c in normalise(text))
    return [word for word in "".join(symbols).split(" ") if word]


def terms(text: str, spec: TextSpec, field: int) -> list[str]:
    """The terms of a field's text, each as often as it occurs, spelled as in the vocabulary."""
    found = []
    (shortest, longest), (few, many) = spec.word_ngrams, spec.char_ngrams
    of_text = words(text)
    for n in range(shortest, longest + 1) if longest else ():
        found += [" ".join(of_text[i : i + n]) for i in range(len(of_text) - n + 1)]
    for word in of_text if many else ():
        marked = f"<{word}>"
        # A word that is shorter than the shortest n-gram is one itself.
        found += ["~" + marked] if len(marked) < few else []
        for n in range(few, many + 1):
            found += ["~" + marked[i : i + n] for i in range(len(marked) - n + 1)]
    prefix = f"{spec.fields[field].name}: " if spec.fields[field].apart else ""
    return [prefix + _composed(term) for term in found]


def counts(texts: Sequence[str], spec: TextSpec) -> dict[str, float]:
    """The weighted count of each term of a record, whose texts are given by field."""
    total: dict[str, float] = collections.defaultdict(float)
    for field, text in enumerate(texts):
        for term in terms(text, spec, field):
            total[term] += spec.fields[field].weight
    return total


def vector(texts: Sequence[str], spec: TextSpec, idf: dict[str, float]) -> dict[str, float]:
    """The features of a record by term: weighted counts, made sublinear, times idf, in unit length."""
    tf = {term: count for term, count in counts(texts, spec).items() if term in idf}
    values = {term: (1 + math.log(count) if count >= 1 else count) * idf[term] for term, count in tf.items()}
    length = math.sqrt(sum(value * value for value in values.values()))
    return {term: value / length for term, value in values.items()}


def _composed(term: str) -> str:
    """Composes the letters of a term; the marks of a word's begin and end stay as they are."""
    return "".join(unicodedata.normalize("NFC", part) for part in re.split("([<>])", term))
