"""Checks the documents against the code: docstrings that are missing, files that are named but do not exist.

    python -m docs.tools.checks

prints what is wrong and ends with status 1 if anything is. The documents' build runs the same checks; with --strict it fails.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_DOCS = "docs"
_REFERENCE = "docs/reference/python.md"
_MODULE = re.compile(r"^::: (\S+)$", re.MULTILINE)
# The block below "Args:", and in it the names of each entry, which stand less deep than their continuation lines.
_ARGS = re.compile(r"^Args:\n((?:  .*\n?|\n)+)", re.MULTILINE)
_ENTRY = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*):(?: |$)", re.MULTILINE)
_FOLDERS = r"(?:mach_tf|preprocess|train|eval|explain|benchmarks|tests|docs|configs|examples|\.github|\.ci)"
_PATH = re.compile(rf"`({_FOLDERS}/[\w./-]*)`")


def problems(root: Path = _ROOT) -> Iterator[str]:
    """Yields a sentence for each problem."""
    reference = (root / _REFERENCE).read_text(encoding="utf-8")
    for module in _MODULE.findall(reference):
        path = root / (module.replace(".", "/") + ".py")
        if not path.exists():
            path = path.with_suffix("") / "__init__.py"
        if not path.exists():
            yield f"{_REFERENCE}: {module} must be a module of the project, but there is no such file."
            continue
        source = path.read_text(encoding="utf-8")
        for name in missing_docstrings(source):
            yield f"{path.relative_to(root)}: {name} must have a docstring, because it is public."
        for name, parameter in unknown_parameters(source):
            yield f"{path.relative_to(root)}: the docstring of {name} names {parameter}, which is not a parameter of it."
    for page in sorted((root / _DOCS).rglob("*.md")):
        for name in missing_files(page.read_text(encoding="utf-8"), root):
            yield f"{page.relative_to(root)}: {name} is named here, but there is no such file or folder."


def missing_docstrings(source: str) -> list[str]:
    """Returns the public functions, classes, methods and properties of a module that have no docstring, by name.

    Args:
      source: the module's text. A name that starts with an underscore is not public, nor is what is inside it.
    """
    tree = ast.parse(source)
    missing = [] if ast.get_docstring(tree) else ["the module"]
    return missing + list(_undocumented(tree, ""))


def _undocumented(parent: ast.AST, prefix: str) -> Iterator[str]:
    for node in ast.iter_child_nodes(parent):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or node.name.startswith("_"):
            continue
        decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
        # A setter shares its getter's docstring, an overload that of the function it describes.
        if any(name.endswith((".setter", "overload")) for name in decorators):
            continue
        if not ast.get_docstring(node):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(node, f"{prefix}{node.name}.")


def unknown_parameters(source: str) -> list[tuple[str, str]]:
    """Returns the names under "Args:" in docstrings that are not parameters, each after the function's name.

    Args:
      source: a module's text. One entry may name several parameters, `first, second: ...`.
    """
    unknown = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        known = {argument.arg for argument in every if argument}
        section = _ARGS.search(ast.get_docstring(node) or "")
        named = [
            name
            for entry in _ENTRY.findall(textwrap.dedent(section[1]) if section else "")
            for name in entry.split(", ")
        ]
        unknown += [(node.name, name) for name in named if name.lstrip("*") not in known]
    return unknown


def missing_files(text: str, root: Path) -> list[str]:
    """Returns the project's files and folders that a page names in backticks and that do not exist."""
    return [name for name in dict.fromkeys(_PATH.findall(text)) if not (root / name).exists()]


if __name__ == "__main__":
    found = list(problems())
    print("\n".join(found) or "The documents fit the code.")
    sys.exit(bool(found))
