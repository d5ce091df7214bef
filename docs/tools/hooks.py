"""Hooks of the documents' build (mkdocs.yml): generate what is read from the code, and check the rest.

Everything that is wrong is logged as a warning, so that `mkdocs build --strict` lists it all and fails, and `mkdocs serve`
goes on.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).parents[2]
# mkdocs loads this file by its path.
sys.path.insert(0, str(_ROOT))

from docs.tools import checks, command_line, draw_architecture, import_graph  # noqa: E402

_LOG = logging.getLogger("mkdocs.plugins.mach_tf")
_COMMAND_LINE = "reference/command-line.md"
_DIAGRAM = "<!-- the diagram of rooms -->"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated page and runs the checks."""
    for problem in checks.problems(_ROOT):
        _LOG.warning(problem)
    try:
        content = command_line.page(_ROOT)
    except ValueError as error:
        _LOG.warning(str(error))
        content = "# Command line\n\nThis page could not be generated.\n"
    files.append(File.generated(config, _COMMAND_LINE, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Puts the diagram where the page on the architecture asks for it."""
    del page, config, files
    if _DIAGRAM not in markdown:
        return markdown
    try:
        diagram = draw_architecture.draw(import_graph.read_sources(_ROOT))
    except ValueError as error:
        _LOG.warning(str(error))
        diagram = "flowchart TB\n  problem[The imports go in a circle.]\n"
    return markdown.replace(_DIAGRAM, f"```mermaid\n{diagram}```")
