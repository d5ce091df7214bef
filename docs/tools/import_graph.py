"""The import graph of the project: modules, rooms, floors and circles.

A node is a module (`mach_tf.data.libsvm`) or a room (`data`); an edge leads from what imports to what is imported. Every
import counts: inside functions and under TYPE_CHECKING too, because a reader meets it and a later change may run it.
"""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Optional

Graph = dict[str, frozenset[str]]

LIBRARY = "mach_tf"
PROGRAMS = ("preprocess", "train", "eval", "explain", "serve")

# The rooms in the root of the library; every other room is a folder, named as the folder is.
ROOT_ROOMS: Mapping[str, tuple[str, ...]] = {
    "foundations": (
        "arguments",
        "errors",
        "figures",
        "file_kinds",
        "files",
        "input_files",
        "zip_members",
        "kernels",
        "locks",
        "memory",
        "progress_bars",
        "quiet_import",
        "stacks",
        "staging",
        "startup",
        "choices",
        "typed_json",
        "visible_text",
        "array_files",
        "sealed_json",
        "check_result",
        "unfinished_run",
        "zstd_file",
    ),
    "vocabulary": (
        "points",
        "hashing",
        "seeds",
        "buckets",
        "logit_scale",
        "estimators",
        "top_labels",
        "label_index",
        "label_selection",
        "label_titles",
        "positive_products",
        "training_config",
        "network_shape",
        "record_layout",
        "signature_names",
        "text_spec",
        "splits",
        "manifest",
        "kept_files",
        "stored_files",
        "repetition_files",
        "outputs",
        "point_range",
        "run_parts",
    ),
    "preprocessing": ("preprocessing",),
    "classifier": (
        "classifier",
        "devices",
        "fgsm",
        "variable_rows",
        "tensorflow_errors",
        "tensorboard_logs",
        "serving_signatures",
        "saved_repetition",
        "repetitions",
    ),
    "network": (
        "model_verification",
        "network",
        "prediction_input",
        "prediction_writer",
        "prediction",
        "prediction_format",
        "name_scores",
        "objectives",
    ),
    "presets": ("presets",),  # a folder that holds no other module
    "api": ("", "predicted_labels", "robust_network", "ensemble"),
    "sklearn": ("sklearn", "mach_ensemble"),  # above training, which returns an ensemble
}
_ROOM_OF_ROOT_MODULE = {module: room for room, modules in ROOT_ROOMS.items() for module in modules}


def read_sources(root: Path, packages: Iterable[str] = (LIBRARY, *PROGRAMS)) -> dict[str, str]:
    """Returns the source text of every module below the packages, by dotted name; a package has the name of its folder."""
    sources = {}
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            sources[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return sources


def module_graph(sources: Mapping[str, str]) -> Graph:
    """Returns which of the given modules each module imports.

    Args:
      sources: source text by dotted module name, as `read_sources` returns it.
    """
    return {name: frozenset(_imports(name, text, sources) - {name}) for name, text in sources.items()}


def _imports(module: str, source: str, known: Mapping[str, str]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name for alias in node.names if (name := _nearest(alias.name, known))}
        elif isinstance(node, ast.ImportFrom):
            base = _base(module, node, known)
            for alias in node.names:
                # `from package import __version__` reads a fact about the package; it does not depend on its content.
                if alias.name.startswith("__"):
                    continue
                name = f"{base}.{alias.name}"
                found |= {target for target in [name if name in known else _nearest(base, known)] if target}
    return found


def _base(module: str, node: ast.ImportFrom, known: Mapping[str, str]) -> str:
    """The absolute name of what an import is from, relative imports included."""
    if not node.level:
        return node.module or ""
    is_package = any(name.startswith(f"{module}.") for name in known)
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + is_package]
    return ".".join([*parts, node.module] if node.module else parts)


def _nearest(name: str, known: Mapping[str, str]) -> Optional[str]:
    """The module of that name, or the one that defines it; None if it is not one of ours."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or None


def room_of(module: str) -> str:
    """Returns the room that a module belongs to.

    Raises:
      ValueError: a module in the root of the library that no room names.
    """
    package, _, rest = module.partition(".")
    if package != LIBRARY:
        return package
    if "." in rest:
        return rest.partition(".")[0]
    if rest in _ROOM_OF_ROOT_MODULE:
        return _ROOM_OF_ROOT_MODULE[rest]
    raise ValueError(
        f"{module} must belong to a room. Move it to a folder, or name it in ROOT_ROOMS of docs/tools/import_graph.py."
    )


def room_graph(modules: Graph) -> Graph:
    """Returns which rooms each room imports, itself left out.

    Args:
      modules: the graph of modules; a package (the `__init__` of a folder) belongs to the folder's room.
    """
    packages = {name.rpartition(".")[0] for name in modules}
    rooms: dict[str, set[str]] = {}
    room = {
        name: name.split(".")[1] if name in packages and name.count(".") == 1 else room_of(name) for name in modules
    }
    for module, imported in modules.items():
        rooms.setdefault(room[module], set()).update(room[name] for name in imported)
    return {name: frozenset(others - {name}) for name, others in rooms.items()}


def find_circle(graph: Graph) -> list[str]:
    """Returns the nodes of one circle, each importing the next and the last the first; empty if there is none."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        # graphlib lists them the other way round, and the first once more at the end.
        return list(reversed(error.args[1]))[:-1]
    return []


def floors(graph: Graph) -> list[list[str]]:
    """Returns the nodes by floor, from the bottom: a node stands one floor above the highest that it imports.

    Raises:
      ValueError: the graph has a circle.
    """
    circle = find_circle(graph)
    if circle:
        raise ValueError(f"Imports must not go in a circle (got {' -> '.join([*circle, circle[0]])}).")
    heights: dict[str, int] = {}
    for node in graphlib.TopologicalSorter(graph).static_order():
        heights[node] = 1 + max((heights[other] for other in graph.get(node, ())), default=-1)
    return [
        sorted(node for node in heights if heights[node] == floor)
        for floor in range(1 + max(heights.values(), default=-1))
    ]


def without_transitive_edges(graph: Graph) -> Graph:
    """Returns the graph without each edge whose end can also be reached by a longer way.

    Args:
      graph: without circles.
    """
    reached: dict[str, set[str]] = {}
    for node in graphlib.TopologicalSorter(graph).static_order():
        direct = graph.get(node, frozenset())
        reached[node] = set(direct).union(*(reached[other] for other in direct))
    return {
        node: frozenset(other for other in direct if not any(other in reached[via] for via in direct))
        for node, direct in graph.items()
    }
