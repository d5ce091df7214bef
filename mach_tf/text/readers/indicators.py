"""Tables with a column per label: a point has the labels in whose columns it has a 1."""

from __future__ import annotations

from typing import Any

from mach_tf.arguments import shown
from mach_tf.text.readers.record import Fault

# As spreadsheets, pandas and databases write them; an empty cell is a 0.
_VALUES = {"": False, "0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}


def is_indicated(value: Any, field: str) -> bool:
    """Returns whether the value of a label's field says that a point has the label.

    Args:
      value: a cell of CSV or TSV, or a value of JSON or Parquet.
      field: the name of the field, for messages.

    Raises:
      Fault: the value is neither 0 nor 1.

    Example:
      >>> [is_indicated(value, "tea") for value in ("1", "0", "", 1.0, None, True)]
      [True, False, False, True, False, True]
    """
    text = "" if value is None else str(value).strip().lower()
    if isinstance(value, (list, dict)) or text not in _VALUES:
        raise Fault(
            f"with label_indicators, a field of a label must hold 0 or 1 (got {shown(value)} in {field}); name in label_field the "
            "fields that are labels."
        )
    return _VALUES[text]
