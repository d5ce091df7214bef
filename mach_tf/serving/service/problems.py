"""What goes wrong with a request: a status, a code for programs, and a sentence for people."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any, Optional

# Lists are cut before they are written out: a request may nest them as deep, and make them as long, as its body has room for.
_SHORT = reprlib.Repr()
_SHORT.maxlevel = 2
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 40


class RequestError(Exception):
    """A request that is not answered.

    Attributes:
      status: the HTTP status.
      code: a word that programs can test, such as "too_large".
      message: the rule, what came instead and what to do; it names no path.
      retry_after: seconds after which the request may succeed; None if it never will as it is.
      headers: what HTTP asks for beside the status, Retry-After included.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        retry_after: Optional[int] = None,
        headers: Optional[Mapping[str, str]] = None,
    ):
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after = status, code, message, retry_after
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)

    def to_json(self) -> dict[str, Any]:
        """Returns the body of the response. TensorFlow Serving's clients look for `error`, a text."""
        return {"error": self.message, "code": self.code}


def shown(value: Any) -> str:
    """Returns a value of a request for a message: short, and one line."""
    text = _SHORT.repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def invalid(message: str) -> RequestError:
    """Returns the error of a request whose content breaks a rule."""
    return RequestError(400, "invalid", message)


def unauthorized() -> RequestError:
    """Returns the error of a request without the token."""
    message = "The header Authorization must be Bearer and the token of the service."
    return RequestError(401, "unauthorized", message, headers={"WWW-Authenticate": "Bearer"})


def not_found(message: str) -> RequestError:
    """Returns the error of a request for something that the service does not have."""
    return RequestError(404, "not_found", message)


def too_large(message: str) -> RequestError:
    """Returns the error of a request beyond a limit."""
    return RequestError(413, "too_large", message)


def slow_body(seconds: float) -> RequestError:
    """Returns the error of a request whose body did not arrive in time."""
    message = f"The body must arrive within {seconds:g} s. Check its Content-Length."
    return RequestError(408, "slow_request", message, headers={"Connection": "close"})


def encoded(encoding: str) -> RequestError:
    """Returns the error of a request whose body is compressed."""
    message = f"The body must not be compressed (got Content-Encoding: {encoding:.40}). Send it as it is."
    return RequestError(415, "unsupported_encoding", message, headers={"Accept-Encoding": "identity"})


def internal() -> RequestError:
    """Returns the error of a defect of the service. Its trace is for the log alone."""
    return RequestError(500, "internal", "The service failed. Its log has the reason.")


def busy() -> RequestError:
    """Returns the error of a request that finds the queue full."""
    return RequestError(503, "busy", "The queue of the service is full. Send the request again later.", 1)


def died() -> RequestError:
    """Returns the error of a request that the process of the model could not answer, because it ended."""
    return RequestError(503, "restarting", "The process of the model ended. Send the request again later.", 1)


def stopping() -> RequestError:
    """Returns the error of a request that is not finished when the service must end."""
    return RequestError(503, "stopping", "The service is being stopped. Send the request again later.", 1)


def too_slow(seconds: float) -> RequestError:
    """Returns the error of a request that was not answered in time."""
    return RequestError(
        504, "timeout", f"The request was not answered within {seconds:g} s. Send fewer points at once."
    )
