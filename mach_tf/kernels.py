"""Compilation of the numerical kernels by Numba, whose results are kept on disk when that is possible.

A cache saves time and nothing else: without a folder that can be written, on a full disk or with damaged cache files, kernels
are compiled anew in every process, and a warning says so once.
"""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Iterator
from typing import Any, Callable, Optional

import numba
from numba.core.caching import FunctionCache

from mach_tf import progress_bars

# The blocks to announce a compilation in; none is left once that happened.
_waiting: list[object] = []


class KernelCacheWarning(UserWarning):
    """Compiled kernels cannot be kept, so that every process compiles them anew."""


def jit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Returns a decorator that compiles a function when it is first called, or loads what an earlier process compiled.

    Args:
      **options: those of numba.njit, except `cache`.

    Example:
      >>> @jit(nogil=True)
      ... def double(x):
      ...     return 2 * x
      >>> double(21)
      42
    """

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(**options)(function)
        # Where njit(cache=True) puts its own cache, which ends the process if there is no place for it.
        dispatcher._cache = KernelCache(function)
        return dispatcher

    return decorate


def tasks(count: int, per_thread: int) -> int:
    """Returns into how many tasks a parallel kernel divides its work: some per thread, so that no thread waits long for the last one.

    Args:
      count: the number of pieces of work that there are; no more tasks than these, but at least one.
      per_thread: tasks for each thread.
    """
    return max(1, min(count, per_thread * numba.get_num_threads()))


@contextlib.contextmanager
def announced(shown: bool = True) -> Iterator[None]:
    """Says on stderr, once within the block, when a kernel is compiled because no earlier process left it in the cache.

    Args:
      shown: whether to say it.
    """
    block = object()
    if shown:
        _waiting.append(block)
    try:
        yield
    finally:
        if block in _waiting:
            _waiting.remove(block)


class KernelCache:
    """The cache of one function, as Numba's dispatchers use it, whose failures cost time alone."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._failure: Optional[Exception] = None
        self._files: Optional[FunctionCache] = None
        # Also a path that is no UTF-8, and whatever else the many places of a cache may meet.
        try:
            self._files = FunctionCache(function)
        except Exception as error:
            self._failure = error

    @property
    def cache_path(self) -> Optional[str]:
        """The folder of the cache; None if there is none."""
        return self._files.cache_path if self._files else None

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Returns the compiled function for a signature; None if it has to be compiled, which is announced."""
        found = None
        if self._files:
            try:
                found = self._files.load_overload(signature, target_context)
            except Exception as error:  # damaged files raise nearly anything; they are replaced
                self._try(self._files.flush, error)
        if found is None and _waiting:
            _waiting.clear()
            progress_bars.report("Compiling kernels for this machine, which takes up to a minute.")
        return found

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keeps a compiled function, or warns that it cannot be kept."""
        if self._files:
            self._try(lambda: self._files and self._files.save_overload(signature, compiled))
        if self._failure:
            _warn(str(self._failure))

    def enable(self) -> None:
        """Lets the cache be used."""
        if self._files:
            self._files.enable()

    def disable(self) -> None:
        """Lets the cache rest."""
        if self._files:
            self._files.disable()

    def flush(self) -> None:
        """Empties the cache."""
        if self._files:
            self._files.flush()

    def _try(self, action: Callable[[], Any], cause: Optional[Exception] = None) -> None:
        try:
            action()
        except Exception as error:
            self._failure = cause or error


@functools.cache
def _warn(reason: str) -> None:
    """Warns once per reason; every kernel of a process has the same one."""
    warnings.warn(
        f"Compiled kernels cannot be kept ({reason}), so every start compiles them anew, which takes up to a minute. Set "
        "NUMBA_CACHE_DIR to a folder that you can write.",
        KernelCacheWarning,
        stacklevel=2,
    )
