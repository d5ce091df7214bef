"""Synthetic records of text and tags: words and tags with Zipf's frequencies, written as JSON Lines."""

from __future__ import annotations

import json

import numpy as np

WORDS, TAGS = 200_000, 20_000
WORDS_PER_RECORD, TAGS_PER_RECORD = 30, 3
_LETTERS = np.array(list("etaoinshrdlucmfwypvbgkjqxz" + "éüöß"))
# As often as in English, but for the last four.
_LETTER_SHARES = np.r_[np.linspace(12, 0.5, 26), np.full(4, 0.3)]
# Words that are likely to follow a word, so that pairs of words are repeated as they are in text.
_FOLLOWERS, _FOLLOWED = 8, 0.5
_CHUNK = 10_000


def write_records(path: str, records: int, seed: int = 0) -> None:
    """Writes records {"text": ..., "labels": [...]}, one JSON object per line.

    Args:
      path: the file to write.
      records: the number of records.
      seed: decides every byte of the file.
    """
    random = np.random.default_rng(seed)
    words, followers = _words(random, WORDS), _zipf(random, WORDS, (WORDS, _FOLLOWERS))
    with open(path, "w", encoding="utf-8") as file:
        for begin in range(0, records, _CHUNK):
            count = min(_CHUNK, records - begin)
            texts = words[_word_ids(random, followers, count)]
            lengths = 1 + np.minimum(random.poisson(WORDS_PER_RECORD - 1, count), texts.shape[1] - 1)
            tags = _zipf(random, TAGS, (count, TAGS_PER_RECORD))
            for text, length, row in zip(texts, lengths, tags):
                record = {
                    "text": f"{' '.join(text[:length]).capitalize()}.",
                    "labels": [f"tag {tag}" for tag in dict.fromkeys(row.tolist())],
                }
                file.write(f"{json.dumps(record, ensure_ascii=False)}\n")


def _word_ids(random: np.random.Generator, followers: np.ndarray, records: int) -> np.ndarray:
    """Returns word ids, [records, twice the mean length]; about half of them are followers of the word before."""
    ids = _zipf(random, len(followers), (records, 2 * WORDS_PER_RECORD))
    for position in range(1, ids.shape[1]):
        follows = random.random(records) < _FOLLOWED
        chosen = random.integers(0, _FOLLOWERS, records)
        ids[:, position] = np.where(follows, followers[ids[:, position - 1], chosen], ids[:, position])
    return ids


def _words(random: np.random.Generator, count: int) -> np.ndarray:
    """Returns distinct words, [count]; frequent ones, which come first, are shorter."""
    shares = _LETTER_SHARES / _LETTER_SHARES.sum()
    words: dict[str, None] = {}
    while len(words) < count:
        length = 2 + min(14, int(random.poisson(1 + 0.6 * np.log1p(len(words)))))
        words["".join(random.choice(_LETTERS, length, p=shares))] = None
    return np.array(list(words), dtype=object)


def _zipf(random: np.random.Generator, size: int, shape: tuple[int, ...]) -> np.ndarray:
    """Returns ids in [0, size) whose frequency falls like 1 / rank."""
    return np.minimum(np.exp(random.random(shape) * np.log(size + 1)).astype(np.int64) - 1, size - 1)
