"""Reads from Python source the identifiers that it uses and the modules and names that it imports, by parsing alone."""

from __future__ import annotations

import ast
import warnings
from typing import NamedTuple, Optional

# The field that holds the identifier of each kind of node. A keyword is that of a call: f(identifier=1).
_IDENTIFIER_FIELDS: dict[type[ast.AST], str] = {
    ast.Name: "id",
    ast.Attribute: "attr",
    ast.FunctionDef: "name",
    ast.AsyncFunctionDef: "name",
    ast.ClassDef: "name",
    ast.arg: "arg",
    ast.keyword: "arg",
    ast.ExceptHandler: "name",
}


class PythonFile(NamedTuple):
    """The contribution of one source file to a point.

    Attributes:
      text: the identifiers outside import statements, each once, in the order of their first use, joined by blanks.
      imports: absolute dotted names, each once, sorted.
    """

    text: str
    imports: list[str]


def read_source(source: bytes) -> Optional[PythonFile]:
    """Parses a file without executing it.

    Identifiers are names, attributes, definitions, arguments and the names of exceptions. `import a.b` imports "a.b";
    `from a import b` imports "a" and "a.b". An import statement adds no identifiers: `np` is one only if the code uses it.
    Relative imports are left out because they name a neighbouring file instead of a library, and `__future__` because it
    sets options of the compiler.

    Args:
      source: the bytes of the file, in the encoding that it declares.

    Returns:
      The identifiers and imports, or None if the file is not valid Python for this interpreter.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's invalid escapes
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # also null bytes and expressions nested too deep
        return None
    placed: list[tuple[int, int, str]] = []
    imports: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0 and node.module != "__future__":
                imports.add(str(node.module))
                imports.update(f"{node.module}.{alias.name}" for alias in node.names if alias.name != "*")
        elif type(node) in _IDENTIFIER_FIELDS:
            identifier = getattr(node, _IDENTIFIER_FIELDS[type(node)])
            if identifier is not None:  # a bare `except:` and `**arguments` have none
                placed.append((*_position(node), identifier))
    in_order = dict.fromkeys(identifier for _, _, identifier in sorted(placed))
    return PythonFile(" ".join(in_order), sorted(imports))


def _position(node: ast.AST) -> tuple[int, int]:
    """Returns line and column of a node's identifier: `b` of `a.b` stands at the end of its node, others at the start."""
    if isinstance(node, ast.Attribute):
        return node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
    return node.lineno, node.col_offset  # type: ignore[attr-defined]
