"""One request to a service that is started for it and stopped after it."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from mach_tf.errors import InputError

_ADDRESS = re.compile(r"served at (http://\S+/)")
_SECONDS = 60


def ask(command: Sequence[str], path: str, body: str) -> Any:
    """Starts the service, sends one request, and stops the service.

    Args:
      command: starts mach-serve; its stderr goes to that of this process.
      path: of the request, such as "predict".
      body: the JSON to send.

    Returns:
      The JSON of the answer.

    Raises:
      InputError: the service did not start, or refused the request.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            printed = process.stdout.readline()
            address = _ADDRESS.search(printed)
            if address is None:
                raise InputError(
                    f"The service must start (got {printed.strip() or 'nothing'!r}). Its messages say why."
                )
            request = urllib.request.Request(
                address[1] + path.lstrip("/"), body.encode(), {"Content-Type": "application/json"}
            )
            try:
                with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                raise InputError(f"The service refused the request: {json.load(error)['error']}") from None
        finally:
            process.terminate()
