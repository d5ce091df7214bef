"""What goes wrong with a request: a status, a code for programs, and a sentence for people."""

from __future__ import annotations

from typing import Any, Optional


class RequestError(Exception):
    """A request that is not answered.

    Attributes:
      status: the HTTP status.
      code: a word that programs can test, such as "too_large".
      message: the rule, what came instead and what to do; it names no path.
      retry_after: seconds after which the request may succeed; None if it never will as it is.
    """

    def __init__(self, status: int, code: str, message: str, retry_after: Optional[int] = None):
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after = status, code, message, retry_after

    def to_json(self) -> dict[str, Any]:
        """Returns the body of the response. TensorFlow Serving's clients look for `error`, a text."""
        return {"error": self.message, "code": self.code}


def invalid(message: str) -> RequestError:
    """Returns the error of a request whose content breaks a rule."""
    return RequestError(400, "invalid", message)


def too_large(message: str) -> RequestError:
    """Returns the error of a request beyond a limit."""
    return RequestError(413, "too_large", message)


def busy() -> RequestError:
    """Returns the error of a request that finds the queue full."""
    return RequestError(503, "busy", "The queue of the service is full. Send the request again later.", 1)


def too_slow(seconds: float) -> RequestError:
    """Returns the error of a request that was not answered in time."""
    return RequestError(
        504, "timeout", f"The request was not answered within {seconds:g} s. Send fewer points at once."
    )
