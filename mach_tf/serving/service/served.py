"""What the service knows of a version that it serves, and asks it."""

from __future__ import annotations

import abc
import functools
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from mach_tf.errors import InputError
from mach_tf.serving.contents import ServableContents
from mach_tf.serving.kept_examples import Example
from mach_tf.serving.service.jobs import Arrays, Job, Specs


class Served(abc.ABC):
    """A version of a servable that answers.

    Attributes:
      version: its number.
      contents: its servable.json.
      metadata: the definitions of its signatures as JSON.
      examples: texts or points to try.
      specs: of each signature the inputs but k.
      named_features: whether raw features have names.
      ready: whether it can answer; False if what answers for it died and cannot be started again.
    """

    def __init__(
        self,
        version: int,
        contents: ServableContents,
        metadata: dict[str, Any],
        examples: Sequence[Example],
        specs: Specs,
        named_features: bool,
    ):
        self.version = version
        self.contents = contents
        self.metadata = metadata
        self.examples = examples
        self.specs = specs
        self.named_features = named_features
        self.ready = True

    @abc.abstractmethod
    def answer(self, job: Job) -> Arrays:
        """Answers a job.

        Raises:
          RequestError: its content breaks a rule that the graph checks, which names the point; or it cannot be answered now.
        """

    @abc.abstractmethod
    def feature_names(self) -> np.ndarray:
        """Returns the names of the raw features, bytes, if they have names."""

    def restart_if_ended(self) -> None:  # noqa: B027 (not every version has a process)
        """Starts what answers for this version again if it died. Called now and then, also when nothing is asked."""

    @abc.abstractmethod
    def close(self) -> None:
        """Ends what runs for this version; nothing may be asked any more."""

    @functools.cached_property
    def feature_ids(self) -> Optional[dict[str, int]]:
        """The id of each raw feature by its name, the first of equal names; None if features have no names."""
        if not self.named_features:
            return None
        found: dict[str, int] = {}
        for place, name in enumerate(self.feature_names()):
            found.setdefault(name.decode("utf-8", "replace"), place)
        return found


def unloadable(folder: str, error: Exception) -> InputError:
    """Returns the error of a folder that cannot be loaded as a servable, for an error that nobody foresaw."""
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return InputError(f"{folder} must be a servable ({reason:.200}). Export the model again.")
