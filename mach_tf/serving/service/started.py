"""A service that is started as a user starts it, and stopped."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mach_tf.errors import InputError

_ADDRESS = re.compile(r"served at (http://\S+/)")


class Started(NamedTuple):
    """A service that listens.

    Attributes:
      address: such as "http://127.0.0.1:8501/".
      process: its process.
    """

    address: str
    process: subprocess.Popen[str]


@contextlib.contextmanager
def started(command: Sequence[str]) -> Iterator[Started]:
    """Starts a service, and stops it at the end of a block.

    Args:
      command: starts mach-serve; its stderr goes to that of this process.

    Raises:
      InputError: the service did not start.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            printed = process.stdout.readline()
            address = _ADDRESS.search(printed)
            if address is None:
                came = f"printed {printed.strip()!r}" if printed.strip() else "ended"
                raise InputError(f"The service must start, but it {came}. Its messages say why.")
            yield Started(address[1], process)
        finally:
            process.terminate()
