"""A line of text that breaks a rule of the format: the rule, what stands there, and what was probably meant."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from mach_tf.data import textparser

_SHOWN = 60
_ITEM_BYTES = 240


class BadLine(NamedTuple):
    """A line that breaks a rule: its file, its number from 1, and the problem.

    `hint` is a sentence on what may be wrong with the file as a whole, which a list of bad lines leaves out.
    """

    path: str
    line: int
    problem: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.listed} {self.hint}".rstrip()

    @property
    def listed(self) -> str:
        """The line and its problem alone."""
        return f"{self.path}, line {self.line}: {self.problem}"


def problem(fault: int, at: int, text: bytes, features: int, labels: Optional[int], feature: str) -> str:
    """Describes the fault of a line, as a sentence.

    Args:
      fault: one of textparser's faults.
      at: where the faulty item begins in `text`; for DUPLICATE the id that occurs twice.
      text: the lines.
      features, labels: the bounds of the ids; None for text without labels.
      feature: what the pairs id:value stand for, "feature" or "label".
    """
    if fault == textparser.DUPLICATE:
        return f"a {feature} must occur only once in a point (got {feature} {at} twice)."
    rules = {
        textparser.NOT_A_LABEL: "labels must be ids separated by commas alone, such as 3,17, before the first feature",
        textparser.NOT_A_PAIR: f"a {feature} must be written id:value, such as 12:0.5",
        textparser.NEGATIVE_ID: "an id must not be negative",
        textparser.FEATURE_OUT_OF_RANGE: f"a {feature} id must be below the header's {features}",
        textparser.LABEL_OUT_OF_RANGE: f"a label id must be below the header's {labels}",
        textparser.NOT_FINITE: "a value must be a decimal number, finite as float32",
    }
    begin = text.rfind(b"\n", 0, at) + 1
    end = text.find(b"\n", at)
    before = text[max(begin, at - _ITEM_BYTES) : at].replace(b"\t", b" ")
    rest = text[at : min(end, at + _ITEM_BYTES) if end >= 0 else at + _ITEM_BYTES].replace(b"\t", b" ")
    item, meant = _item(fault, before, rest, labels if fault == textparser.LABEL_OUT_OF_RANGE else features)
    return f"{rules[fault]} (got {show(item)}{meant})."


def show(text: bytes) -> str:
    """Returns bytes of a file as a short quotation."""
    shown = repr(text.rstrip(b"\r\n").decode("utf-8", "backslashreplace"))
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}...'"


def _item(fault: int, before: bytes, rest: bytes, bound: Optional[int]) -> tuple[bytes, str]:
    """Returns the text to show for a fault, and what is probably wrong with it.

    Args:
      fault: the fault.
      before, rest: the line before the faulty item, and from it on.
      bound: the bound of the ids that the fault is about.
    """
    item, _, after = rest.rstrip(b"\r").partition(b" ")
    following = after.split()[:1]
    number = re.match(rb"[0-9]+", item)
    out_of_range = fault in (textparser.FEATURE_OUT_OF_RANGE, textparser.LABEL_OUT_OF_RANGE)
    label, pair, value = textparser.NOT_A_LABEL, textparser.NOT_A_PAIR, textparser.NOT_FINITE
    cases = (
        (fault == label and not item and before.endswith(b","), ", with a blank after a comma"),
        (fault == value and item.endswith(b":") and len(following) > 0, ", with a blank after the colon"),
        (fault == value and re.fullmatch(rb"[0-9]+:[+-]?[0-9]*,[0-9]+", item), ", with a comma for the decimal point"),
        (fault == pair and item.startswith(b"#"), "; the format has no comments"),
        (fault == pair and item.startswith(b"qid:"), "; the format has no query ids"),
        (
            fault == pair and re.fullmatch(rb"[0-9,]+", item) and b":" not in before,
            "; labels are separated by commas alone",
        ),
        (out_of_range and number and int(number[0]) == bound, "; ids count from 0"),
    )
    meant = next((meant for holds, meant in cases if holds), "")
    if "blank" in meant:
        item = b" ".join([*before.split()[-1:], *following] if fault == label else [item, *following])
    return item, meant
