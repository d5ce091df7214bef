"""The points that one process of several computes: --point_range, as FIRST:END or PART/PARTS."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from mach_tf import arguments
from mach_tf.errors import InputError

_FORM = re.compile(r"(\d{1,12})([:/])(\d{1,12})", re.ASCII)


@dataclasses.dataclass(frozen=True)
class PointRange:
    """A choice among the blocks of consecutive points into which a run is divided, so that each block is computed as a whole.

    Ranges of points that leave none out choose every block, and so do the parts 0/4, 1/4, 2/4 and 3/4.

    Attributes:
      text: "FIRST:END", the blocks that begin at the points FIRST to END - 1; or "PART/PARTS", every PARTS-th block from block PART on.

    Raises:
      InputError: `text` has neither form, or the range is empty.
    """

    text: str

    def __post_init__(self) -> None:
        found = _FORM.fullmatch(self.text) if isinstance(self.text, str) else None
        if found is None or int(found[1]) >= int(found[3]):
            raise InputError(
                "point_range must be FIRST:END with FIRST < END, points counted from 0, or PART/PARTS with PART < PARTS (got "
                f"{arguments.shown(self.text)})."
            )

    def has(self, number: int, first_point: int) -> bool:
        """Returns whether a block is in the range, given its number and the number of points before it."""
        first, kind, second = _FORM.fullmatch(self.text).groups()  # type: ignore[union-attr]
        if kind == "/":
            return number % int(second) == int(first)
        return int(first) <= first_point < int(second)

    def among(self, blocks: Sequence[range]) -> list[range]:
        """Returns the blocks that are in the range, of all blocks in order."""
        return [rows for number, rows in enumerate(blocks) if self.has(number, rows.start)]


@dataclasses.dataclass(frozen=True)
class FinishedRange:
    """What a process that computed a range of points leaves behind.

    Attributes:
      point_range: the range.
      blocks: the number of its blocks, of everything that is computed of points: their labels, their losses and each attack.
      directory: where their results are.
      completes: what the same command without the range writes.
    """

    point_range: PointRange
    blocks: int
    directory: str
    completes: str

    def summary(self, *_: object) -> str:
        """Returns the number of blocks, and how to go on."""
        if not self.blocks:
            return f"No block of points begins in {self.point_range.text}, so there is nothing to do."
        return (
            f"{self.point_range.text}: {self.blocks} blocks of points are finished in {self.directory}. When all ranges are, the same "
            f"command without the range writes {self.completes}."
        )

    def __str__(self) -> str:
        return self.summary()
