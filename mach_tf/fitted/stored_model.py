"""A model directory that belongs to an object: opened when needed, packed with the object, removed with it."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from typing import TYPE_CHECKING, Any, Optional

from mach_tf.manifest import MODEL_FILE, RANKER_FILE, REPETITION_NAME, ModelManifest

if TYPE_CHECKING:
    from mach_tf.ensemble import Ensemble


class StoredModel:
    """A trained model on disk. A pickle or a deep copy of it holds the model's files, and unpacks them to a directory of its own.

    Attributes:
      directory: the model directory.
      ranker: whether it is opened with its ranker, if it has one.
    """

    def __init__(self, directory: str, *, temporary: bool = False, ranker: bool = True) -> None:
        """Takes a model directory.

        Args:
          directory: the model directory.
          temporary: whether to remove it together with this object.
          ranker: whether to open it with its ranker.
        """
        self.directory = directory
        self.ranker = ranker
        self._opened: Optional[Ensemble] = None
        if temporary:
            # A forked process that ends, or drops its copy, must leave the directory to its parent.
            weakref.finalize(self, _remove, directory, os.getpid())

    def open(self) -> Ensemble:
        """Returns the model, opened once.

        Raises:
          InputError: the directory holds no whole model.
        """
        if self._opened is None:
            from mach_tf import startup

            startup.prepare()
            from mach_tf.ensemble import Ensemble

            self._opened = Ensemble.load(self.directory, ranker=self.ranker)
        return self._opened

    def copy_to(self, directory: str) -> None:
        """Copies the model's files to an existing directory; no checkpoints and no logs."""
        for name in self._names():
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            shutil.copyfile(os.path.join(self.directory, name), path)

    def __getstate__(self) -> dict[str, Any]:
        files = {}
        for name in self._names():
            with open(os.path.join(self.directory, name), "rb") as file:
                files[name] = file.read()
        return {"files": files, "ranker": self.ranker}

    def __setstate__(self, state: dict[str, Any]) -> None:
        directory = temporary_directory()
        # Pickles of earlier versions lack it.
        StoredModel.__init__(self, directory, temporary=True, ranker=state.get("ranker", True))
        for name, content in state["files"].items():
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)

    def _names(self) -> list[str]:
        """Returns the paths of the model's files, relative to the directory."""
        model = ModelManifest.read(self.directory)
        names = [MODEL_FILE, *model.files_sha256, *([RANKER_FILE] if model.ranker_sha256 else [])]
        for repetition in sorted(filter(REPETITION_NAME.fullmatch, os.listdir(self.directory))):
            for parent, _, files in os.walk(os.path.join(self.directory, repetition)):
                names += [os.path.relpath(os.path.join(parent, file), self.directory) for file in sorted(files)]
        return names


def temporary_directory() -> str:
    """Makes a directory for a model that nobody has named a place for."""
    return tempfile.mkdtemp(prefix="mach_tf-")


def _remove(directory: str, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(directory, ignore_errors=True)
