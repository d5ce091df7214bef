"""Stacks: the versions of TensorFlow and Keras that mach_tf is tested with, by version of Python.

Training rests on the slots and sparse updates of Keras' legacy optimizers. TensorFlow 2.15 is the last release that contains them;
later ones find them in the package tf-keras, if the environment asks for it before TensorFlow is imported.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Optional

# The tf-keras switch of TensorFlow, read when TensorFlow is imported.
LEGACY_KERAS = "TF_USE_LEGACY_KERAS"


@dataclasses.dataclass(frozen=True)
class Stack:
    """TensorFlow and the package beside it that holds the optimizers.

    Attributes:
      tensorflow: accepted releases of TensorFlow, as (major, minor).
      companion: the package beside it: tensorflow-addons or tf-keras.
      companion_releases: accepted releases of the companion; empty if its release must be that of TensorFlow.
      requirements: what to give to pip.
    """

    tensorflow: tuple[tuple[int, int], ...]
    companion: str
    companion_releases: tuple[tuple[int, int], ...]
    requirements: tuple[str, ...]

    def __str__(self) -> str:
        """Returns the pair in words, such as "TensorFlow 2.15 with tensorflow-addons 0.23"."""
        theirs = _choice(self.companion_releases) or "of the same release"
        return f"TensorFlow {_choice(self.tensorflow)} with {self.companion} {theirs}"

    def accepts(self, tensorflow: Optional[str], companion: Optional[str]) -> bool:
        """Returns whether two versions, None if not installed, belong to the stack."""
        ours, theirs = _release(tensorflow), _release(companion)
        return ours in self.tensorflow and theirs in (self.companion_releases or (ours,))


_ADDONS = Stack(
    ((2, 15),), "tensorflow-addons", ((0, 23),), ("tensorflow~=2.15.1", "tensorflow-addons~=0.23.0", "numpy<2")
)
# TensorFlow 2.19 is installed, later ones are accepted: on GPU machines they are often there already.
_PYTHON_3_12 = Stack(((2, 19), (2, 20), (2, 21)), "tf-keras", (), ("tensorflow~=2.19.1", "tf-keras~=2.19.0"))
_PYTHON_3_13 = Stack(
    ((2, 20), (2, 21)), "tf-keras", (), ("tensorflow>=2.20,<2.22", "tf-keras>=2.20,<2.22", "tensorboard>=2.20,<2.22")
)
BY_PYTHON: Mapping[tuple[int, int], Stack] = {
    (3, 9): _ADDONS,
    (3, 10): _ADDONS,
    (3, 11): _ADDONS,
    (3, 12): _PYTHON_3_12,
    (3, 13): _PYTHON_3_13,
}


def of_python(python: tuple[int, int]) -> Stack:
    """Returns the stack of a version (major, minor) of Python; of a later Python than the last tested one, the last."""
    return BY_PYTHON[min(max(python, min(BY_PYTHON)), max(BY_PYTHON))]


def _release(version: Optional[str]) -> Optional[tuple[int, int]]:
    """Returns (2, 15) of "2.15.1"; None of None and of what starts with no two numbers."""
    parts = (version or "").split(".")[:2]
    return (int(parts[0]), int(parts[1])) if len(parts) == 2 and all(map(str.isdecimal, parts)) else None


def _choice(releases: Sequence[tuple[int, int]]) -> str:
    """Returns "2.19, 2.20 or 2.21"."""
    return " or ".join(", ".join(f"{major}.{minor}" for major, minor in releases).rsplit(", ", 1))
