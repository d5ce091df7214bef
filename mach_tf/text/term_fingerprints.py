"""The fingerprints of a vocabulary's terms, by which the graph recognises them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mach_tf import arguments
from mach_tf.errors import InputError
from mach_tf.text import ngrams
from mach_tf.text.spelling import Spelling, read_term
from mach_tf.text.text_functions import on_cpu
from mach_tf.text.words import WordSplitter
from mach_tf.text_spec import TextSpec

_REMEDY = "The vocabulary is damaged: put back the original, or preprocess again."


def term_fingerprints(terms: list[str], spec: TextSpec) -> np.ndarray:
    """Returns the fingerprint of each term, int64 [terms].

    The terms are normalised by the package's table, as texts are: what this Python's Unicode does not know makes no difference.

    Raises:
      InputError: a term is none of the spec, or two have one fingerprint.
    """
    with on_cpu():
        found = _fingerprints(terms, spec)
    order = np.argsort(found, kind="stable")
    for place in np.flatnonzero(found[order][1:] == found[order][:-1])[:1]:
        one, other = sorted(order[place : place + 2])
        raise InputError(
            f"Terms must differ (got {arguments.shown(terms[one])} and {arguments.shown(terms[other])}, terms {one} and {other}). {_REMEDY}"
        )
    return found


def _fingerprints(terms: list[str], spec: TextSpec) -> np.ndarray:
    spellings = [read_term(term, spec) for term in terms]
    words = WordSplitter()(tf.constant([spelling.text for spelling in spellings], tf.string))
    counts = np.diff(words.splits.numpy())
    characters = np.array([spelling.characters for spelling in spellings], bool)
    lengths = np.where(characters, 0, counts)
    found = np.zeros(len(terms), np.int64)
    fits = np.zeros(len(terms), bool)
    of_words = ngrams.fingerprint(words.words).numpy()
    for length in range(spec.word_ngrams[0], spec.word_ngrams[1] + 1) if spec.word_ngrams[1] else ():
        chosen = np.flatnonzero(lengths == length)
        rows = of_words[words.splits.numpy()[chosen][:, None] + np.arange(length)]
        found[chosen] = rows[:, 0] if length == 1 else ngrams.fingerprint(tf.constant(rows)).numpy()
        fits[chosen] = True
    if spec.char_ngrams[1]:
        _add_characters(spellings, words.words.numpy(), words.splits.numpy(), spec, found, fits)
    _salt(spellings, spec, found, fits)
    for place in np.flatnonzero(~fits)[:1]:
        raise InputError(
            f"Term {place} must be a term of the settings (got {arguments.shown(terms[place])}). {_REMEDY}"
        )
    return found


def _add_characters(
    spellings: list[Spelling],
    words: np.ndarray,
    splits: np.ndarray,
    spec: TextSpec,
    found: np.ndarray,
    fits: np.ndarray,
) -> None:
    few, many = spec.char_ngrams
    rows: dict[int, list[tuple[int, list[int]]]] = {length: [] for length in range(few, many + 1)}
    for place, spelling in enumerate(spellings):
        n_words = splits[place + 1] - splits[place]
        if not spelling.characters or n_words > 1 or (n_words == 0 and spelling.text):
            continue
        word = words[splits[place]].decode() if n_words else ""
        symbols = [ord(c) for c in f"{ngrams.BEGIN * spelling.begin}{word}{ngrams.END * spelling.end}"]
        if word and spelling.begin and spelling.end:
            # A whole word may be shorter than the n-grams.
            symbols += [0] * (few - len(symbols))
        if len(symbols) in rows:
            rows[len(symbols)].append((place, symbols))
    for chosen in rows.values():
        if chosen:
            places = [place for place, _ in chosen]
            found[places] = ngrams.fingerprint(tf.constant([symbols for _, symbols in chosen], tf.int32)).numpy()
            fits[places] = True


def _salt(spellings: list[Spelling], spec: TextSpec, found: np.ndarray, fits: np.ndarray) -> None:
    fields = np.array([spelling.field for spelling in spellings], np.int64)
    for i, field in enumerate(spec.fields):
        chosen = np.flatnonzero(fields == i)
        if len(chosen):
            found[chosen] = ngrams.apart(tf.constant(found[chosen]), field.name).numpy()
    if all(field.apart for field in spec.fields):
        fits &= fields >= 0
