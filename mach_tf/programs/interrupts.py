"""An interruption while a program still imports its modules, before it can catch anything.

The packages of the programs import this module first, for its effect: an uncaught KeyboardInterrupt ends the process with a
sentence and status 130.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Optional

from mach_tf.programs import endings


def _end_quietly() -> None:
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: Optional[TracebackType]) -> None:
        if issubclass(kind, KeyboardInterrupt):
            os._exit(endings.status_of(error, ""))
        before(kind, error, trace)

    sys.excepthook = hook


_end_quietly()
