"""Draws the rooms of the code and what they import, as a mermaid graph; fails on a circle.

    python -m docs.tools.draw_architecture

prints the graph. The documents' build puts it into docs/architecture.md.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from docs.tools import import_graph
from docs.tools.import_graph import Graph

_ROOT = Path(__file__).parents[2]

# What a room without a folder, and so without a docstring of its own, is for.
_PURPOSES: Mapping[str, str] = {
    "foundations": "errors, files, memory, start of a process",
    "vocabulary": "points, hashing, buckets, estimators, manifests",
    "classifier": "the network of one repetition and its SavedModel",
    "network": "an opened model directory",
    "api": "the public API: Ensemble: predict, explain, attack",
    "sklearn": "MachClassifier, MachEnsemble",
}
_LINE = 26


def draw(sources: Mapping[str, str]) -> str:
    """Returns a mermaid graph of the rooms, the highest floor first, transitive edges left out.

    Args:
      sources: source text by dotted module name.

    Raises:
      ValueError: a circle among modules or among rooms, or a module that belongs to no room.
    """
    modules = import_graph.module_graph(sources)
    import_graph.floors(modules)
    rooms = import_graph.room_graph(modules)
    return mermaid(rooms, {room: _purpose(room, sources) for room in rooms})


def mermaid(rooms: Graph, purposes: Mapping[str, str]) -> str:
    """Returns the text of the graph.

    Args:
      rooms: which rooms each room imports; no circles.
      purposes: what each room is for, in a few words; may be empty.
    """
    lines = ["flowchart TB"]
    for height, floor in reversed(list(enumerate(_raised(rooms)))):
        lines.append(f'  subgraph floor{height}[" "]')
        for room in floor:
            lines.append(f'    {room}_["{_box(room, purposes.get(room, ""))}"]')
        lines.append("  end")
    shown = import_graph.without_transitive_edges(rooms)
    lines += [f"  {room}_ --> {other}_" for room in sorted(shown) for other in sorted(shown[room])]
    return "\n".join(lines) + "\n"


def _raised(rooms: Graph) -> list[list[str]]:
    """The floors, with what nobody imports, the programs above all, on the highest."""
    floors = import_graph.floors(rooms)
    imported = frozenset().union(*rooms.values())
    top = sorted(room for room in rooms if room not in imported)
    below = [[room for room in floor if room in imported] for floor in floors]
    return [floor for floor in [*below, top] if floor]


def _box(room: str, purpose: str) -> str:
    return "<br/>".join([f"<b>{room}</b>", *textwrap.wrap(purpose, _LINE)])


def _purpose(room: str, sources: Mapping[str, str]) -> str:
    if room in _PURPOSES:
        return _PURPOSES[room]
    source = sources.get(f"{import_graph.LIBRARY}.{room}", sources.get(room, ""))
    first_line = (ast.get_docstring(ast.parse(source)) or "").split("\n")[0]
    return first_line.rstrip(".").replace('"', "'")


if __name__ == "__main__":
    try:
        print(draw(import_graph.read_sources(_ROOT)), end="")
    except ValueError as error:
        sys.exit(f"error: {error}")
