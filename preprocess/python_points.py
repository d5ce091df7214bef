"""From Python source to the identifiers it uses and the modules and names it imports, by parsing alone."""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from typing import NamedTuple, Optional

# The field of the syntax tree that holds an identifier, by node. A keyword is that of a call: f(identifier=1).
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
    """What one source file contributes to a point.

    Attributes:
      identifiers: how often each identifier occurs outside import statements.
      imports: absolute dotted names, each once.
    """

    identifiers: Counter[str]
    imports: set[str]


def read_source(source: bytes) -> Optional[PythonFile]:
    """Parses a file; nothing in it is executed.

    Identifiers are names, attributes, definitions, arguments and the names of exceptions. `import a.b` imports "a.b";
    `from a import b` imports "a" and "a.b". An import statement gives no identifiers, so `np` is one only where the code
    uses it. Left out are relative imports, which name the file next door rather than a library, and `__future__`, which
    is a switch of the compiler.

    Args:
      source: the file's bytes, in the encoding that it declares.

    Returns:
      None if it is not valid Python for this interpreter.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's invalid escapes
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # also null bytes and expressions nested too deep
        return None
    identifiers: Counter[str] = Counter()
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
                identifiers[identifier] += 1
    return PythonFile(identifiers, imports)
