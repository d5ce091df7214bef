"""What Python files import and call, read from their text alone: nothing is imported to find out."""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Iterable, Iterator


def modules(root: pathlib.Path, packages: Iterable[str]) -> dict[str, pathlib.Path]:
    """Returns the files of packages by dotted module name; a package's `__init__.py` has the name of the package."""
    found = {}
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str, files: dict[str, pathlib.Path]) -> set[str]:
    """Returns the modules among `files` that a module imports, itself excluded.

    Imports count wherever they are: at the top, inside functions, under TYPE_CHECKING. So do names that a package offers lazily
    (`mach_tf.fit`): they count as the module that the package's table `_MODULES` names.

    Args:
      name: the module.
      files: as `modules` returns them.
    """
    reached: set[str] = set()
    for dotted in _dotted_names(name, files[name]):
        parts = dotted.split(".")
        longest = next((i for i in range(len(parts), 0, -1) if ".".join(parts[:i]) in files), 0)
        if longest:
            module = ".".join(parts[:longest])
            lazy = _lazy_names(files[module]) if longest < len(parts) else {}
            reached.add(lazy.get(".".join(parts[longest : longest + 1]), module))
    return reached - {name}


def packages_imported(path: pathlib.Path) -> set[str]:
    """Returns the top-level packages that a file imports, wherever it does."""
    return {dotted.split(".")[0] for dotted in _dotted_names(path.stem, path)}


def calls(path: pathlib.Path) -> set[str]:
    """Returns the dotted names that a file calls or raises, such as "print" and "sys.exit"."""
    found = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call):
            found.add(_dotted(node.func))
        elif isinstance(node, ast.Raise) and node.exc is not None:
            found.add(_dotted(node.exc))
    return found - {""}


def holds_code(path: pathlib.Path) -> bool:
    """Whether a file holds more than a docstring and imports."""
    nothing = (ast.Import, ast.ImportFrom)
    body = _tree(path).body
    return any(not isinstance(node, nothing) and not _is_text(node) for node in body)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Returns the groups of modules that reach each other through imports, each sorted.

    Args:
      graph: by module, the modules that it imports.
    """
    reaches = {name: _reached(name, graph) for name in graph}
    groups = {tuple(sorted(o for o in graph if o in reaches[name] and name in reaches[o])) for name in graph}
    return sorted(list(group) for group in groups if group)


def _reached(start: str, graph: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def _dotted_names(name: str, path: pathlib.Path) -> Iterator[str]:
    """Yields what a file imports: "a.b" for `import a.b`, "a.b.c" for `from a.b import c` and for a use of `a.b.c`."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    roots = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names if not alias.asname}
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Attribute) and (dotted := _dotted(node)).split(".")[0] in roots:
            yield dotted


def _lazy_names(path: pathlib.Path) -> dict[str, str]:
    for node in _tree(path).body:
        if isinstance(node, ast.Assign) and any(_dotted(target) == "_MODULES" for target in node.targets):
            return ast.literal_eval(node.value)
    return {}


def _dotted(node: ast.AST) -> str:
    """Returns "a.b" for the expression a.b, and "" for what is no dotted name; of a call, the name called."""
    if isinstance(node, ast.Call):
        return _dotted(node.func)
    if isinstance(node, ast.Attribute):
        value = _dotted(node.value) if isinstance(node.value, (ast.Attribute, ast.Name)) else ""
        return f"{value}.{node.attr}" if value else ""
    return node.id if isinstance(node, ast.Name) else ""


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _tree(path: pathlib.Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))
