"""Typing errors of a word."""

from mach_tf.attacks.typos import typos


def test_each_is_one_error_and_differs():
    for word in ("energy", "quantum", "aaaa", "überall", "光光光光"):
        for new in typos(word):
            assert new != word and new[0] == word[0]
            assert sorted(new) == sorted(word) or (len(new) == len(word) - 1 and set(new) <= set(word))
    assert len(typos("energy")) == 4 + 5 and typos("aaaa") == ["aaa"] and typos("the") == typos("") == []
