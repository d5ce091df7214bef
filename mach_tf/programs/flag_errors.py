"""Turns the library's messages, which name arguments, into messages that name a program's flags."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Optional

from absl import flags

from mach_tf.errors import InputError

# A whole word or dotted name that is no part of a path, a quotation or a flag.
_WORD = re.compile(r"(?<![\w./'\"-])[a-z]\w*(?:\.[a-z]\w*)*(?![\w/'\"-]|\.\w)")
_QUOTED = re.compile(r"=(['\"])([\w.:-]+)\1")
# The repr of an object, whose keywords are not flags.
_OBJECT = re.compile(r"\b[A-Z]\w*\([^()]*\)")
_LIST_SEPARATORS = (", ", " or ", " and ", ", or ", ", and ")


@contextlib.contextmanager
def flag_errors(renamed: Optional[Mapping[str, str]] = None) -> Iterator[None]:
    """Re-raises an InputError of the block that names arguments, with the flags of the same names.

    Args:
      renamed: the flag of each argument whose flag has another name, as in {"ks": "k"}.

    Example:
      >>> with flag_errors():  # in a program that has a flag --epsilon
      ...     raise InputError("epsilon must be 0 or more (got -1.0).")  # doctest: +SKIP
      Traceback (most recent call last):
      mach_tf.errors.InputError: --epsilon must be 0 or more (got -1.0).
    """
    try:
        yield
    except InputError as error:
        raise InputError(with_flags(str(error), renamed=renamed)) from error


def with_flags(
    message: str, names: Optional[Collection[str]] = None, renamed: Optional[Mapping[str, str]] = None
) -> str:
    """Returns a message with `--` before each argument that is a flag.

    Many arguments are English words too. A word counts as an argument when it begins the message and "must" follows, when
    "=", "(now" or "means nothing" follows, when it contains an underscore or a dot, or when it stands in a list beside a word that counts. A
    text after "=" loses its quotes. What stands in an object, as in FeatureSpec(seed=0), stays as it is.

    Args:
      message: a message of the library.
      names: the names of the flags; by default those of the running program.
      renamed: the flag of each argument whose flag has another name.

    Example:
      >>> with_flags("repetitions must be at least 1; lower group_size or buckets.", {"repetitions", "group_size", "buckets"})
      '--repetitions must be at least 1; lower --group_size or --buckets.'
      >>> with_flags("raise steps (now 1) or use method='exact'.", {"steps", "method"})
      'raise --steps (now 1) or use --method=exact.'
    """
    known = {name: name for name in (flags.FLAGS if names is None else names)}
    known.update(renamed or {})
    objects = [found.span() for found in _OBJECT.finditer(message)]
    parts, end = [], 0
    for match in _WORD.finditer(message):
        if any(first <= match.start() < last for first, last in objects):
            continue
        word, rest = match.group(), message[match.end() :]
        begins = match.start() == 0 and rest.startswith(" must ")
        certain = begins or "_" in word or "." in word or rest.startswith(("=", " (now ", " means nothing "))
        listed = message[end : match.start()] in _LIST_SEPARATORS
        if word in known and (certain or listed):
            parts.append(f"{message[end : match.start()]}--{known[word]}")
            end = match.end()
            if quoted := _QUOTED.match(message, end):
                parts.append(f"={quoted[2]}")
                end = quoted.end()
    return "".join([*parts, message[end:]])
