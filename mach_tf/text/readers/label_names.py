"""Reads the names of labels: `key<TAB>name` per line, JSON Lines with a title, or one name per line for labels that are numbers."""

from __future__ import annotations

import dataclasses
from typing import Optional

from mach_tf.arguments import shown
from mach_tf.data.textfile import TextFile
from mach_tf.errors import InputError
from mach_tf.text.readers.jsonl import parse_object
from mach_tf.text.readers.record import Fault, check_name
from mach_tf.text.readers.text_lines import check_utf8, next_block, peek_lines

_BLOCK_BYTES = 1 << 20
# The field of the repository's lbl.json.gz.
_TITLE = "title"


@dataclasses.dataclass(frozen=True)
class LabelNames:
    """The names of labels, either by their keys or by their positions; the other is None.

    Attributes:
      by_key: the names of labels by key; others have none.
      by_position: the name of label i at position i, "" if it has none; keys are whole numbers.
    """

    by_key: Optional[dict[str, str]] = None
    by_position: Optional[list[str]] = None


def read_label_names(path: str) -> LabelNames:
    """Reads a file of names, plain or compressed.

    A file whose first line has a tab holds a key, a tab and a name per line (Annif's vocabularies: keys may stand in angle brackets, and a
    notation may follow). A file whose first line begins with { is JSON Lines with a "title". Any other holds one name per line.

    Args:
      path: the file.

    Raises:
      InputError: a line breaks a rule, or two lines name one key differently.
    """
    by_key: dict[str, str] = {}
    by_position: list[str] = []
    with TextFile(path, "a name") as file:
        first = peek_lines(file, _BLOCK_BYTES).lines[0]
        keyed, json_lines = "\t" in first, first.lstrip().startswith("{")
        while (block := next_block(file, _BLOCK_BYTES)).lines:
            for number, line in enumerate(block.lines, block.first):
                try:
                    check_utf8(line)
                    if keyed:
                        _add(by_key, line)
                    else:
                        by_position.append(_title(line) if json_lines else _name(line))
                except Fault as fault:
                    raise InputError(f"{path}, line {number}: {fault} Correct the line.") from None
        file.finish()
    return LabelNames(by_key=by_key) if keyed else LabelNames(by_position=by_position)


def _add(names: dict[str, str], line: str) -> None:
    if not line or line.isspace():
        return
    key, *others = line.split("\t")
    if not 1 <= len(others) <= 2:
        raise Fault(f"a line must be a key, a tab and a name (got {shown(line)}).")
    key, name = key.strip(), others[0].strip()
    if key.startswith("<") and key.endswith(">"):
        key = key[1:-1]
    check_name(key, "the key of a label")
    check_name(name, "the name of a label")
    if names.setdefault(key, name) != name:
        raise Fault(f"a label must have one name (got {shown(names[key])} and {shown(name)} for {shown(key)}).")


def _title(line: str) -> str:
    value = parse_object(line).get(_TITLE)
    if not isinstance(value, str):
        raise Fault(f'a line must have the field "{_TITLE}" with the name of a label (got {shown(value)}).')
    return _name(" ".join(value.split()))


def _name(line: str) -> str:
    name = line.strip()
    if name:
        check_name(name, "the name of a label")
    return name
