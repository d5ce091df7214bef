"""The notebooks are valid, were executed without an error, and show nothing of the machine that executed them."""

from __future__ import annotations

import ast
import pathlib
import re
import shutil

import nbformat
import numpy as np
import pytest

import mach_tf
from examples import recipes

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "examples"
PATHS = sorted(FOLDER.glob("*.ipynb"))
# Paths of a home or working folder, and addresses in memory.
_OF_A_MACHINE = re.compile(r"/home/|/root/|/Users/|/tmp/|/work/|/var/folders|[A-Z]:\\|\bat 0x[0-9a-f]+")


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def texts(notebook):
    """Every text that an output shows; images are base64, in which any letters may follow each other."""
    for output in outputs(notebook):
        yield str(output.get("text", ""))
        for kind, content in output.get("data", {}).items():
            if not kind.startswith("image/"):
                yield str(content)


def test_there_are_three():
    assert [path.stem for path in PATHS] == ["many_machines", "quick_start", "robust_and_explained"]


def test_it_is_valid_and_small(path, notebook):
    nbformat.validate(notebook)
    assert path.stat().st_size < 200_000
    assert notebook.metadata.kernelspec.name == "python3"


def test_it_was_executed_from_top_to_bottom_without_an_error(notebook):
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    kinds = {(output.output_type, output.get("name")) for output in outputs(notebook)}
    assert kinds <= {("execute_result", None), ("display_data", None), ("stream", "stdout")}  # nor a warning


def test_it_shows_nothing_of_the_machine(notebook):
    assert [text for text in texts(notebook) if _OF_A_MACHINE.search(text)] == []
    assert "language_info" not in notebook.metadata
    assert not any("execution" in cell.metadata for cell in notebook.cells)


def test_it_uses_the_public_names_only(notebook):
    """Every cell parses, and what it takes from mach_tf is offered by `import mach_tf`."""
    names = set()
    for cell in code_cells(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                assert not [alias.name for alias in node.names if alias.name.startswith("mach_tf.")]
            if isinstance(node, ast.ImportFrom):
                assert node.module is not None and node.module.split(".")[0] != "mach_tf"
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "mach_tf":
                names.add(node.attr)
    assert {"write_dataset", "fit"} <= names <= set(mach_tf.__all__)


def test_its_links_lead_somewhere(notebook):
    text = "".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert [link for link in links if not (FOLDER / link).exists()] == []


def test_recipes_are_the_same_for_the_same_seed():
    one, same, other = recipes.make(50, seed=3), recipes.make(50, seed=3), recipes.make(50, seed=4)
    assert (one.X != same.X).nnz == 0 and (one.Y != same.Y).nnz == 0 and (one.X != other.X).nnz > 0
    assert one.X.shape == (50, len(recipes.INGREDIENTS)) and one.Y.shape == (50, len(recipes.LABELS))


def test_a_recipe_has_a_cuisine_a_dish_and_both_and_pinches_of_its_seasonings():
    made = recipes.make(200, seed=0)
    for x, y in zip(made.X, made.Y):
        cuisine, dish, both = (recipes.LABELS[label] for label in y.indices)
        assert cuisine in recipes.SEASONINGS and dish in recipes.DISHES and both == f"{cuisine} {dish}"
        amounts = {recipes.INGREDIENTS[feature]: amount for feature, amount in zip(x.indices, x.data)}
        pinches = {name for name, amount in amounts.items() if amount < 2 * recipes.PINCH}
        assert pinches <= set(recipes.SEASONINGS[cuisine])
        assert all(amount >= recipes.CUP / 2 for name, amount in amounts.items() if name not in pinches)


def test_rows_by_name_become_a_matrix():
    found = recipes.matrix([{"b": 2.0}, {}, {"c": 3.0, "a": 1.0}], ["a", "b", "c"])
    np.testing.assert_array_equal(found.toarray(), [[0, 2, 0], [0, 0, 0], [1, 0, 3]])


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """examples/execute.py on a folder of this test's."""
    pytest.importorskip("nbclient", reason="the extra 'examples' is not installed")
    pytest.importorskip("ipykernel", reason="the extra 'examples' is not installed")
    from examples import execute

    monkeypatch.setattr(execute, "_FOLDER", tmp_path)
    shutil.copy(FOLDER / "recipes.py", tmp_path)
    return execute


def write(folder, source):
    cell = nbformat.v4.new_code_cell(source)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / "mine.ipynb")
    return (folder / "mine.ipynb").read_text()


def test_execution_happens_in_a_temporary_folder(execute, tmp_path, monkeypatch, capsys):
    before = write(
        tmp_path, "import os, recipes\nopen('trace', 'w').close()\nsorted(set(os.listdir()) - {'__pycache__'})"
    )
    monkeypatch.setattr("sys.argv", ["execute.py"])
    execute.main()
    assert (tmp_path / "mine.ipynb").read_text() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mine.ipynb", "recipes.py"]
    monkeypatch.setattr("sys.argv", ["execute.py", "--write", "mine"])
    execute.main()
    written = nbformat.read(tmp_path / "mine.ipynb", as_version=4)
    assert [output.data["text/plain"] for output in outputs(written)] == ["['recipes.py', 'trace']"]
    test_it_shows_nothing_of_the_machine(written)
    assert capsys.readouterr().out.count("mine.ipynb: executed in") == 2


def test_an_exception_fails_and_leaves_the_notebook_as_it_is(execute, tmp_path, monkeypatch):
    before = write(tmp_path, "raise RuntimeError('no salt')")
    monkeypatch.setattr("sys.argv", ["execute.py", "--write"])
    with pytest.raises(SystemExit, match=r"(?s)mine.ipynb: a cell raised an exception.*no salt"):
        execute.main()
    assert (tmp_path / "mine.ipynb").read_text() == before
