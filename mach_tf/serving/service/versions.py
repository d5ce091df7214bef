"""The versions of a servable in a folder: the newest is served, and a broken one is refused."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import re
import threading
import time
import weakref
from typing import Callable, Optional, Union

from mach_tf.errors import InputError
from mach_tf.manifest import MODEL_FILE
from mach_tf.serving.contents import FILE
from mach_tf.serving.service.served import Served, unloadable

_NUMBER = re.compile(r"[0-9]{1,18}")
_State = frozenset[tuple[str, int, int]]
_Load = Callable[[str, int], Served]
_LOG = logging.getLogger("mach_tf.service")
# How often a current version that died is started again if the folder is not checked.
_RESTART_SECONDS = 5.0


class Versions:
    """Watches a folder of numbered versions, as TensorFlow Serving has them.

    Attributes:
      name: the name of the folder.
      current: the version that is served.
      failures: how many loads and looks into the folder failed.
    """

    def __init__(self, directory: str, load: _Load):
        """Loads the newest version that is whole.

        Args:
          directory: the folder; each version lies in a folder named by a number.
          load: loads a version.

        Raises:
          InputError: there is no version, or none that can be loaded.
        """
        self._directory = directory
        self._load = load
        self._broken: dict[int, _State] = {}
        self._stop = threading.Event()
        self._observers: list[Callable[[Optional[float]], None]] = []
        self._loads: list[Optional[float]] = []
        self.failures = 0
        self._replaced: list[weakref.ref[Served]] = []
        self._complaint = ""
        self.name = os.path.basename(os.path.realpath(directory))
        if not re.fullmatch(r"[^/{}]+", self.name):
            raise InputError(f"{directory} must have a name without braces, which is the model's name in addresses.")
        found = self._found()
        problem: Optional[InputError] = None
        for number in reversed(found):
            loaded = self._try(number)
            if not isinstance(loaded, InputError):
                self.current = loaded
                break
            problem = problem or loaded
        else:
            assert problem is not None
            raise problem

    def numbers(self) -> list[int]:
        """Returns the numbers of the versions whose servable.json is there, ascending; it is written last."""
        return sorted(self._folders())

    def _found(self) -> list[int]:
        """Returns the numbers of the versions; raises InputError for a folder without one."""
        rule = f"{self._directory} must hold versions, folders named by a number with a servable in each"
        try:
            found = self.numbers()
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            raise InputError(f"{rule} ({os.strerror(error.errno or 0).lower()}). Check the path.") from None
        if found:
            return found
        if os.path.isfile(os.path.join(self._directory, FILE)):
            raise InputError(
                f"{rule}, but it is a servable itself. Give {os.path.dirname(os.path.abspath(self._directory))}."
            )
        for name in sorted(filter(_NUMBER.fullmatch, os.listdir(self._directory))):
            if not os.access(os.path.join(self._directory, name), os.R_OK | os.X_OK):
                raise InputError(
                    f"{os.path.join(self._directory, name)} must be readable by this user. Change its permissions."
                )
        if os.path.isfile(os.path.join(self._directory, MODEL_FILE)):
            raise InputError(
                f"{rule}, but it is a model. Export it: mach-export --model_dir={self._directory} --output_dir=servables/NAME/1."
            )
        example = os.path.join(self._directory, "1")
        raise InputError(f"{rule} (got none). Make one with mach-export --output_dir={example}.")

    def check(self) -> bool:
        """Loads the newest version if it is not served yet, and returns whether it took the place of the current one.

        A newer version takes over. An older one does so when the folder of the current one is gone, which is how to go back; while the
        folder holds no version, the current one stays. One that is not ready any more is loaded anew, or else an older one. A version that
        cannot be loaded is tried again only when its files change.
        """
        found = self.numbers()
        gone = bool(found) and (self.current.version not in found or not self.current.ready)
        for number in reversed(found):
            if number <= self.current.version and not gone:
                break
            if self._broken.get(number) == self._state(number):
                continue
            loaded = self._try(number)
            if isinstance(loaded, InputError):
                continue
            self._replaced.append(weakref.ref(self.current))
            self.current = loaded
            _LOG.info("Version %d is served now.", number)
            return True
        return False

    def observe(self, observer: Callable[[Optional[float]], None]) -> None:
        """Calls `observer` with the seconds of each load, or None for one that failed; the first observer hears of those until now too."""
        for seconds in self._loads:
            observer(seconds)
        self._observers.append(observer)

    def release(self) -> None:
        """Lets versions go that were replaced, once no request needs them."""
        if self._replaced:
            gc.collect()  # an exception may hold a request in a circle
            self._replaced = [version for version in self._replaced if version() is not None]

    def watch(self, seconds: float) -> None:
        """Calls `check` every `seconds` in a thread until `close`, and starts the current version again if it died.

        Args:
          seconds: the interval; 0 does not call `check`.
        """
        threading.Thread(target=self._watch, args=(seconds,), name="versions", daemon=True).start()

    def close(self) -> None:
        """Stops watching, and ends the current version."""
        self._stop.set()
        self.current.close()

    def _watch(self, seconds: float) -> None:
        while not self._stop.wait(seconds or _RESTART_SECONDS):
            try:
                self.current.restart_if_ended()
                if seconds:
                    self.check()
                self.release()
                self._complaint = ""
            except Exception as error:  # the old version serves on, whatever is wrong with the folder
                self._record(None)
                if str(error) != self._complaint:
                    _LOG.error("The folder of versions cannot be read: %s", error)
                self._complaint = str(error)

    def _folders(self) -> dict[int, str]:
        """Returns the folder of each version by its number, which may have zeros before it."""
        with os.scandir(self._directory) as entries:
            names = sorted(entry.name for entry in entries if _NUMBER.fullmatch(entry.name))
        folders = {int(name): os.path.join(self._directory, name) for name in reversed(names)}
        return {number: folder for number, folder in folders.items() if os.path.isfile(os.path.join(folder, FILE))}

    def _try(self, number: int) -> Union[Served, InputError]:
        """Loads a version; returns why it cannot be loaded, which must not stop the service, if it cannot."""
        state = self._state(number)  # before it is read: what changes from now on is worth another try
        folder = self._folders().get(number, os.path.join(self._directory, str(number)))
        begin = time.monotonic()
        try:
            loaded = self._load(folder, number)
            self._record(time.monotonic() - begin)
            return loaded
        except InputError as error:
            refused = error
        except Exception as error:
            # Whoever wrote servable.json anew over a foreign SavedModel can cause anything.
            _LOG.exception("Version %d cannot be loaded.", number)
            refused = unloadable(folder, error)
        self._record(None)
        self._broken[number] = state
        _LOG.error("Version %d is refused: %s", number, refused)
        return refused

    def _record(self, seconds: Optional[float]) -> None:
        self.failures += seconds is None
        if not self._observers:
            self._loads.append(seconds)
        for observer in self._observers:
            observer(seconds)

    def _state(self, number: int) -> _State:
        """Returns what changes when a file of a version does: a copy may bring servable.json before the files that it names."""
        folder = self._folders().get(number)
        found = set()
        for at, _, names in os.walk(folder) if folder else ():
            for name in names:
                with contextlib.suppress(OSError):  # removed meanwhile
                    status = os.stat(os.path.join(at, name))
                    found.add((os.path.join(at, name), status.st_size, status.st_mtime_ns))
        return frozenset(found)
