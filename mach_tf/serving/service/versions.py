"""The versions of a servable in a folder: the newest is served, a newer one takes its place, a broken one is refused."""

from __future__ import annotations

import gc
import logging
import os
import re
import threading
import time
import weakref
from typing import Callable, Optional

from mach_tf.errors import InputError
from mach_tf.serving.contents import FILE
from mach_tf.serving.service.served_version import ServedVersion
from mach_tf.startup import return_freed_memory

_NUMBER = re.compile(r"[0-9]{1,18}")
_LOG = logging.getLogger("mach_tf.service")


class Versions:
    """Watches a folder of numbered versions, as TensorFlow Serving has them.

    Attributes:
      name: the name of the folder.
      current: the version that is served.
    """

    def __init__(self, directory: str, load: Callable[[str, int], ServedVersion] = ServedVersion.load):
        """Loads the newest version that is whole.

        Args:
          directory: the folder; each version lies in a folder named by a number.
          load: loads a version.

        Raises:
          InputError: there is no version, or none that can be loaded.
        """
        self._directory = directory
        self._load = load
        self._broken: dict[int, float] = {}
        self._stop = threading.Event()
        self._observers: list[Callable[[Optional[float]], None]] = []
        self._loads: list[Optional[float]] = []
        self._replaced: list[weakref.ref[ServedVersion]] = []
        self.name = os.path.basename(os.path.realpath(directory))
        found = self.numbers()
        if not found:
            raise InputError(
                f"{directory} must hold versions, folders named by a number with a servable in each (got none). Make one with "
                f"mach-export --output_dir={os.path.join(directory, '1')}."
            )
        problem: Optional[InputError] = None
        for number in reversed(found):
            try:
                self.current = self._loaded(number)
                break
            except InputError as error:
                problem = problem or error
                self._refuse(number, error)
        else:
            assert problem is not None
            raise problem

    @property
    def failures(self) -> int:
        """How many loads and looks into the folder failed."""
        return self._loads.count(None)

    def numbers(self) -> list[int]:
        """Returns the numbers of the versions whose servable.json is there, ascending; it is written last."""
        with os.scandir(self._directory) as entries:
            names = [entry.name for entry in entries if _NUMBER.fullmatch(entry.name)]
        return sorted(int(name) for name in names if os.path.isfile(os.path.join(self._directory, name, FILE)))

    def check(self) -> bool:
        """Loads a newer version if there is one, and returns whether it took the place of the current one.

        A version that cannot be loaded is tried again only when its servable.json changes.
        """
        for number in reversed(self.numbers()):
            if number <= self.current.version:
                break
            if self._broken.get(number) == self._changed(number):
                continue
            try:
                loaded = self._loaded(number)
            except InputError as error:
                self._refuse(number, error)
                continue
            self._replaced.append(weakref.ref(self.current))
            self.current = loaded
            _LOG.warning("Version %d is served now.", number)
            return True
        return False

    def observe(self, observer: Callable[[Optional[float]], None]) -> None:
        """Calls `observer` with the seconds of each load, or None for one that failed; of those until now too."""
        for seconds in self._loads:
            observer(seconds)
        self._observers.append(observer)

    def release(self) -> None:
        """Frees the memory of versions that were replaced, once no request needs them."""
        if self._replaced:
            gc.collect()  # a SavedModel holds itself by circles
            self._replaced = [version for version in self._replaced if version() is not None]
            return_freed_memory()

    def watch(self, seconds: float) -> None:
        """Calls `check` every so many seconds in a thread, until `close`."""
        threading.Thread(target=self._watch, args=(seconds,), name="versions", daemon=True).start()

    def close(self) -> None:
        """Stops watching."""
        self._stop.set()

    def _watch(self, seconds: float) -> None:
        while not self._stop.wait(seconds):
            try:
                self.check()
                self.release()
            except Exception:  # the old version serves on, whatever is wrong with the new one
                self._record(None)
                _LOG.exception("The folder of versions could not be checked.")

    def _refuse(self, number: int, error: InputError) -> None:
        self._record(None)
        self._broken[number] = self._changed(number)
        _LOG.error("Version %d is refused: %s", number, error)

    def _loaded(self, number: int) -> ServedVersion:
        begin = time.monotonic()
        loaded = self._load(os.path.join(self._directory, str(number)), number)
        self._record(time.monotonic() - begin)
        return loaded

    def _record(self, seconds: Optional[float]) -> None:
        self._loads.append(seconds)
        for observer in self._observers:
            observer(seconds)

    def _changed(self, number: int) -> float:
        try:
            return os.stat(os.path.join(self._directory, str(number), FILE)).st_mtime
        except FileNotFoundError:
            return 0.0
