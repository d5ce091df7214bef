"""JSON Lines: one JSON object per line, RFC 8259, without duplicate names and without NaN."""

from __future__ import annotations

import json
import shlex
from typing import Any, NoReturn

from mach_tf.arguments import shown
from mach_tf.data.textfile import TextFile
from mach_tf.errors import InputError
from mach_tf.text.readers.record import Fault
from mach_tf.text.readers.record_fields import RecordFields
from mach_tf.text.readers.record_reader import LineReader, Parts
from mach_tf.text.readers.settings import InputSettings
from mach_tf.text.readers.text_lines import peek_lines

# Longer numbers cost Python quadratic time.
_MAX_DIGITS = 1000
_SHOWN = 40
_FIRST_BYTES = 1 << 16


def open_jsonl(file: TextFile, settings: InputSettings, hint: str = "") -> LineReader:
    """Returns the reader of a file of JSON Lines; lines of blanks are no records."""
    fields = RecordFields(settings)
    _check_lines(file)

    def parse(line: str) -> Parts:
        texts, labels = fields.read(parse_object(line))
        if "\\u" in line:
            for value in (*texts, *labels):
                _check_unicode(value)
        return texts, labels

    return LineReader(file, settings, settings.text_fields, parse, hint, skip_empty=True)


def _check_lines(file: TextFile) -> None:
    """Raises InputError for JSON that is written over several lines, or as one array."""
    first = next((line.strip() for line in peek_lines(file, _FIRST_BYTES).lines if line.strip()), "")
    got, program = ("an array", ".[]") if first.startswith("[") else ("an object over several lines", ".")
    if first.startswith("[") or first == "{":
        path = shlex.quote(file.path)
        raise InputError(
            f"{file.path} must be JSON Lines, one object per line (got {got}). Convert it (jq -c '{program}' {path} > FILE)."
        )


def parse_object(line: str) -> dict[str, Any]:
    """Parses one line.

    Raises:
      Fault: it is no JSON object.
    """
    try:
        value = _DECODER.decode(line)
    except json.JSONDecodeError as error:
        got = line[error.pos : error.pos + _SHOWN] or "the end of the line"
        message = error.msg.removesuffix(" at")
        remedy = "" if line[error.pos :] else "; objects over several lines are joined by jq -c . FILE"
        raise Fault(
            f"a line must be one JSON object ({message} at character {error.pos + 1}: got {shown(got)}){remedy}."
        ) from None
    except RecursionError:
        raise Fault("a JSON object must not be nested that deeply.") from None
    if not isinstance(value, dict):
        raise Fault(f"a line must be one JSON object (got {shown(value)}).")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise Fault(f"a JSON object must have each name once (got {shown(twice)} twice).")
    return value


def _whole_number(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise Fault(f"a whole number must have at most {_MAX_DIGITS} digits (got {len(digits)}).")
    return int(digits)


def _no_number(text: str) -> NoReturn:
    raise Fault(f"a number must be finite, as JSON knows no other (got {text}).")


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Fault(
            f"text must be Unicode (got half of a surrogate pair, \\u{ord(text[error.start]):04x}, at character {error.start + 1})."
        ) from None


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_whole_number, parse_constant=_no_number)
