"""A model's repetitions as a sequence: kept in memory when they fit, else loaded one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional, Union, overload

from mach_tf.errors import InputError
from mach_tf.export import Repetition, load_repetition


class Repetitions(Sequence[Repetition]):
    """Loads repetitions when they are asked for.

    Taking one that is not kept reads it from disk, so walk through them in order and use each for many points.
    """

    def __init__(self, paths: Sequence[str], keep: bool, shape: Optional[tuple[int, int]] = None):
        """Args:
        paths: the SavedModels, in the order of the repetitions.
        keep: whether to hold on to what was loaded; otherwise to the last one only.
        shape: D and B that each must have; None for any.
        """
        self._paths = list(paths)
        self._keep = keep
        self._shape = shape
        self._loaded: dict[int, Repetition] = {}

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> Repetition: ...

    @overload
    def __getitem__(self, index: slice) -> Repetitions: ...

    def __getitem__(self, index: Union[int, slice]) -> Union[Repetition, Repetitions]:
        if isinstance(index, slice):
            return Repetitions(self._paths[index], self._keep, self._shape)
        position = range(len(self._paths))[index]
        if position not in self._loaded:
            if not self._keep:
                # Let go first: two at a time might not fit.
                self._loaded.clear()
            self._loaded[position] = self._load(self._paths[position])
        return self._loaded[position]

    def _load(self, path: str) -> Repetition:
        repetition = load_repetition(path)
        if self._shape is not None:
            weights = repetition.weights
            got = (weights.hidden_kernel.shape[0], weights.output_kernel.shape[1])
            if got != self._shape:
                raise InputError(
                    f"{path} must have {self._shape[0]} features and {self._shape[1]} buckets, as model.json beside it says (got "
                    f"{got[0]} and {got[1]}): it is of another training. Merge only what was trained with the same flags and data."
                )
        return repetition

    @property
    def kept(self) -> bool:
        """Whether each stays in memory once loaded."""
        return self._keep
