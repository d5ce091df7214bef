"""Executes the notebooks of this folder in a temporary folder; fails if a cell raises.

`python examples/execute.py` executes all notebooks and changes nothing; with `--write` the new outputs are written into the
notebooks. `python examples/execute.py --write quick_start` does so for one.
"""

from __future__ import annotations

import argparse
import pathlib
import shutil
import sys
import tempfile
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

_FOLDER = pathlib.Path(__file__).resolve().parent
_CELL_SECONDS = 1200


def main() -> None:
    parser = argparse.ArgumentParser(description="Executes the notebooks of this folder in a temporary folder.")
    parser.add_argument("names", nargs="*", help="notebooks to execute, without .ipynb; by default all")
    parser.add_argument("--write", action="store_true", help="write the new outputs into the notebooks")
    arguments = parser.parse_args()
    for name in arguments.names or sorted(path.stem for path in _FOLDER.glob("*.ipynb")):
        begun = time.monotonic()
        try:
            notebook = execute(_FOLDER / f"{name}.ipynb")
        except CellExecutionError as error:
            sys.exit(f"examples/{name}.ipynb: a cell raised an exception.\n{error}")
        if arguments.write:
            nbformat.write(notebook, _FOLDER / f"{name}.ipynb")
        print(f"examples/{name}.ipynb: executed in {time.monotonic() - begun:.0f} s")


def execute(path: pathlib.Path) -> nbformat.NotebookNode:
    """Returns the notebook with the outputs of a run in a temporary folder that holds a copy of its own."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        for module in path.parent.glob("*.py"):
            shutil.copy(module, folder)
        client = NotebookClient(
            notebook,
            timeout=_CELL_SECONDS,
            # A progress bar is then one line, as it stands at the end.
            coalesce_streams=True,
            kernel_name="python3",
            # The kernel warns that it listens on local ports.
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": folder}},
            # Times would differ at every run.
            record_timing=False,
        )
        client.execute()
    # The exact Python version says nothing about the notebook.
    notebook.metadata.pop("language_info", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_progress(output)]
    return notebook


def _is_progress(output: nbformat.NotebookNode) -> bool:
    """Returns whether an output is progress bars alone, which a reader of the notebook does not miss."""
    return output.get("name") == "stderr" and all("%|" in line for line in output.text.splitlines())


if __name__ == "__main__":
    main()
