"""JSON objects that hold the SHA-256 of their own content, so that a digit altered by damage is found."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from mach_tf.errors import InputError

CHECKSUM = "sha256"


def seal(value: dict[str, Any]) -> dict[str, Any]:
    """Returns the object with its checksum.

    Example:
      >>> sorted(seal({"points": 3}))
      ['points', 'sha256']
    """
    return {**value, CHECKSUM: _checksum(value)}


def unseal(value: dict[str, Any], path: str, remedy: str) -> dict[str, Any]:
    """Returns the object without its checksum; one that was written before there were checksums is returned as it is.

    Args:
      value: what the file holds.
      path: the file, for the message.
      remedy: what to do, a sentence.

    Raises:
      InputError: the checksum is not that of the content.
    """
    rest = without_checksum(value)
    if CHECKSUM in value and value[CHECKSUM] != _checksum(rest):
        raise InputError(f"{path} must be as it was written, but its content does not fit its {CHECKSUM}. {remedy}")
    return rest


def without_checksum(value: dict[str, Any]) -> dict[str, Any]:
    """Returns the object without its checksum, which is not looked at: for a schema that says more of a wrong field."""
    return {name: item for name, item in value.items() if name != CHECKSUM}


def _checksum(value: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
