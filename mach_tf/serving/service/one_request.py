"""One request to a service that is started for it and stopped after it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from mach_tf.errors import InputError
from mach_tf.serving.service.started import started

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
      InputError: the service did not start, refused the request, or did not answer it.
    """
    with started(command) as service:
        address = service.address + path.lstrip("/")
        request = urllib.request.Request(address, body.encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise InputError(f"The service refused the request: {json.load(error)['error']}") from None
        except OSError as error:
            raise InputError(f"The service did not answer the request ({error}). Its messages say why.") from None
