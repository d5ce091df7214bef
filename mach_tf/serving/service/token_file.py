"""The token that requests must bear, from a file: on a command line other users would see it."""

from __future__ import annotations

from mach_tf import files
from mach_tf.errors import InputError

_MOST_BYTES = 4096


def read_token(path: str) -> str:
    """Reads the token, without blanks around it.

    Raises:
      InputError: there is no such file, or it holds no token of visible ASCII characters.
    """
    try:
        token = files.read_text(path, "a token", _MOST_BYTES).strip()
    except FileNotFoundError:
        raise InputError(f"token_file must be an existing file (got {path}). Write a random token into it.") from None
    if not token or not all("!" <= character <= "~" for character in token):
        raise InputError(f"{path} must hold a token of ASCII characters without blanks. Write a random one into it.")
    return token
