from __future__ import annotations

import random
import resource

import pytest
import tensorflow as tf

from mach_tf.text.words import WordSplitter
from tests.helpers import reference_text
from tests.helpers.random_texts import random_text

_SPLIT = tf.function(WordSplitter().__call__, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)


def split(texts):
    words = _SPLIT(tf.constant(texts, tf.string))
    found, splits = [word.decode() for word in words.words.numpy()], words.splits.numpy()
    spans = list(zip(words.begins.numpy(), words.ends.numpy()))
    return [(found[a:b], spans[a:b]) for a, b in zip(splits, splits[1:])]


def check(texts):
    for text, (words, spans) in zip(texts, split(texts)):
        assert words == reference_text.words(text.decode(errors="replace")), text
        # The bytes of a word hold it, perhaps beside another that one character stands for.
        for word, (begin, end) in zip(words, spans):
            assert word in reference_text.words(text[begin:end].decode()), (text, word)


@pytest.mark.parametrize("seed", range(5))
def test_words_are_those_of_the_definition(seed):
    generator = random.Random(seed)
    check([random_text(generator) for _ in range(1000)])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5, 105))
def test_words_of_many_texts_are_those_of_the_definition(seed):
    test_words_are_those_of_the_definition(seed)


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [b""],
        [b"", b"", b"a", b""],
        [b"a" * 1_000_000, "é".encode() * 500_000, b"b"],
        [
            b"\xff",
            b"\xc3",
            b"\xc3a",
            b"a\xe2\x82",
            b"\xf0\x9f\x98",
            b"\xed\xa0\x80",
            b"\xc0\x80",
            b"\xf4\x90\x80\x80",
            b"a\x80b",
        ],
        [b"\0", b"a\0b", "\0é\0".encode()],
    ],
)
def test_hostile_texts_are_as_any_other(texts):
    check(texts)


def test_a_text_has_the_same_words_in_any_company():
    generator = random.Random(0)
    texts = [random_text(generator) for _ in range(100)]
    assert [split([text])[0] for text in texts] == split(texts)


def test_a_long_piece_of_many_words_takes_memory_for_its_words_alone():
    """120,000 bytes without an ASCII separator hold 20,000 words; their product is 2.4 GB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ((words, _),) = split(["漢，".encode() * 20_000])
    assert words == ["漢"] * 20_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 19, "kilobytes"
