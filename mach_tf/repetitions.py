"""The repetitions of a model as a sequence: kept in memory if they fit, otherwise loaded one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional, Union, overload

from mach_tf.network_shape import NetworkShape
from mach_tf.saved_repetition import Repetition, load_repetition


class Repetitions(Sequence[Repetition]):
    """Loads a repetition when it is first used.

    Indexing reads a repetition from disk unless it is kept, so go through them in order and use each for many points.
    """

    def __init__(
        self,
        paths: Sequence[str],
        shape: NetworkShape,
        keep: bool,
        origins: Optional[Sequence[str]] = None,
        multiclass: bool = False,
    ):
        """Creates the sequence; nothing is loaded yet.

        Args:
          paths: the SavedModels, in the order of the repetitions.
          shape: the sizes of each network.
          keep: whether to keep every loaded repetition; otherwise only the last one is kept.
          origins: the `ModelManifest.origin` that each must have; None accepts any.
          multiclass: whether their logits are of a softmax.
        """
        self._paths = list(paths)
        self._shape = shape
        self._keep = keep
        self.multiclass = multiclass
        self._origins = None if origins is None else list(origins)
        self._loaded: dict[int, Repetition] = {}

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> Repetition: ...

    @overload
    def __getitem__(self, index: slice) -> Repetitions: ...

    def __getitem__(self, index: Union[int, slice]) -> Union[Repetition, Repetitions]:
        if isinstance(index, slice):
            return self._range(index)
        return self._at(range(len(self))[index])

    def _range(self, part: slice) -> Repetitions:
        return Repetitions(
            self._paths[part], self._shape, self._keep, self._origins and self._origins[part], self.multiclass
        )

    def _at(self, position: int) -> Repetition:
        """Returns a repetition by its position, from 0."""
        if position not in self._loaded:
            if not self._keep:
                # Dropped first: two at a time might not fit in memory.
                self._loaded.clear()
            origin = None if self._origins is None else self._origins[position]
            loaded = load_repetition(self._paths[position], self._shape, origin)
            self._loaded[position] = loaded._replace(multiclass=True) if self.multiclass else loaded
        return self._loaded[position]

    @property
    def kept(self) -> bool:
        """Returns whether each repetition stays in memory once it is loaded."""
        return self._keep
