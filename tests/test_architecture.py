"""The rules of the house: imports point downward, programs stay thin, and every file is short and has its tests."""

from __future__ import annotations

import itertools
import pathlib

import pytest

from tests.helpers import imports

ROOT = pathlib.Path(__file__).parents[1]
PROGRAMS = ("preprocess", "train", "eval", "explain", "serve")
MOST_LINES, MOST_PROGRAM_LINES = 300, 150

# From the bottom. A module may import what is on its own floor or below. A folder is one entry; a module of a folder that is
# named itself stands on its own floor.
FLOORS = (
    # Foundations. `mach_tf` is its __init__.py alone, which every import of the library runs first.
    (
        "mach_tf",
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
        "versions",
        "choices",
        "presets",
        "typed_json",
        "visible_text",
        "array_files",
        "sealed_json",
        "check_result",
        "unfinished_run",
        "zstd_file",
    ),
    # Vocabulary
    (
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
    ("data",),
    ("text",),
    ("preprocessing",),
    # TensorFlow from here on and in text, except for decoding, metrics and sizing
    (
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
    ("decoding",),
    ("metrics",),
    ("ranker",),
    ("model_verification",),
    ("network",),
    ("name_scores", "objectives", "prediction_input", "prediction_writer", "prediction", "prediction_format"),
    ("serving",),
    ("attacks", "certificates"),
    ("explanations",),
    ("evaluation",),
    ("sizing",),
    ("training",),
    ("predicted_labels", "robust_network", "ensemble"),
    ("training.fit",),
    ("fitted",),
    ("sklearn", "mach_ensemble"),
    # What the programs share
    ("programs",),
)
WITHOUT_TENSORFLOW = (*FLOORS[0], *FLOORS[1], "decoding", "metrics", "sizing")
# Rooms of pure functions, and all that they may import of the library.
PURE = {
    "decoding": {"arguments", "buckets", "estimators", "errors", "kernels"},
    "metrics": {"errors", "files", "array_files"},
}

LIBRARY_FILES = imports.modules(ROOT, ["mach_tf"])
PROGRAM_FILES = imports.modules(ROOT, PROGRAMS)
BENCHMARK_FILES = imports.modules(ROOT, ["benchmarks"])
IMPORTS = {name: imports.imported(name, LIBRARY_FILES) for name in LIBRARY_FILES}


def entry(module: str) -> str:
    """The entry of FLOORS that a module of the library belongs to: the longest that it lies in."""
    parts = module.split(".")[1:] or ["mach_tf"]
    entries = [".".join(parts[:i]) for i in range(len(parts), 0, -1)]
    return next((name for floor in FLOORS for name in floor if name == entries[0]), entries[-1])


def floor(module: str) -> int:
    return next((height for height, floor in enumerate(FLOORS) if entry(module) in floor), -1)


def test_every_module_stands_on_a_floor():
    assert {entry(module) for module in LIBRARY_FILES if floor(module) < 0} == set(), "place them in FLOORS"


def test_no_import_points_upward():
    upward = {f"{one} -> {other}" for one, others in IMPORTS.items() for other in others if floor(other) > floor(one)}
    assert upward == set()


def test_no_modules_import_each_other_in_a_circle():
    assert imports.circles(IMPORTS) == []


@pytest.mark.parametrize("room", PURE)
def test_rooms_of_pure_functions_import_little(room):
    reached = {entry(other) for name, others in IMPORTS.items() if entry(name) == room for other in others}
    assert reached - {room} <= PURE[room]


def test_the_library_imports_no_program():
    every = (*PROGRAMS, "benchmarks", "tests")
    found = {name for name, path in LIBRARY_FILES.items() if imports.packages_imported(path) & {*every}}
    assert found == set()


def test_only_what_programs_share_knows_flags():
    found = {name for name, path in LIBRARY_FILES.items() if "absl" in imports.packages_imported(path)}
    assert {name for name in found if entry(name) != "programs"} == set()


def test_every_benchmark_prints_ratios():
    """As benchmarks/__init__.py promises, on the last line of its output; what they are is tested with each."""
    sources = {name: pathlib.Path(path).read_text(encoding="utf-8") for name, path in BENCHMARK_FILES.items()}
    programs = {name for name, source in sources.items() if "program.run(main)" in source}
    assert len(programs) > 20
    assert {name for name in programs if '"ratios"' not in sources[name]} == set()


@pytest.mark.parametrize("call", ["print", "sys.exit", "os._exit", "exit", "quit", "SystemExit"])
def test_the_library_does_not_print_or_exit(call):
    found = {name for name, path in LIBRARY_FILES.items() if call in imports.calls(path) and entry(name) != "programs"}
    assert found == set()


def test_the_lower_rooms_do_without_tensorflow():
    found = {
        name
        for name, path in LIBRARY_FILES.items()
        if entry(name) in WITHOUT_TENSORFLOW and imports.packages_imported(path) & {"tensorflow", "tensorflow_addons"}
    }
    assert found == set()


def test_no_program_has_the_name_of_a_file_of_the_library():
    library, programs = (
        {path.name for path in files.values()} - {"__init__.py"} for files in (LIBRARY_FILES, PROGRAM_FILES)
    )
    assert library & programs == set()


def test_files_are_short():
    every = {*LIBRARY_FILES.values(), *PROGRAM_FILES.values(), *BENCHMARK_FILES.values(), *ROOT.glob("tests/**/*.py")}
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in every}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}
    programs = {str(path.relative_to(ROOT)) for path in PROGRAM_FILES.values()}
    assert {name: lines[name] for name in programs if lines[name] > MOST_PROGRAM_LINES} == {}


def test_every_file_has_its_tests():
    """`a/b.py` has `tests/a/test_b.py`; a package with code has a test of the package's name, mach_tf itself test_init.py."""
    missing = set()
    for path in itertools.chain(LIBRARY_FILES.values(), PROGRAM_FILES.values(), BENCHMARK_FILES.values()):
        source = path.relative_to(ROOT)
        name = source.stem
        if name == "__init__":
            if not imports.holds_code(path):
                continue
            name = source.parent.name if len(source.parts) > 2 else "init"
        if not (ROOT / "tests" / source.parent / f"test_{name}.py").is_file():
            missing.add(str(source))
    assert missing == set()


@pytest.mark.parametrize(
    "text",
    [
        "import house.cellar.wine",
        "import house.cellar.wine as red",
        "from house.cellar import wine",
        "from house.cellar.wine import drink",
        "from .cellar import wine",
        "from .cellar.wine import *",
        "def late():\n    from house.cellar import wine",
        "if TYPE_CHECKING:\n    from house.cellar.wine import Wine",
        "import house\nhouse.cellar.wine.drink()",
        "from house import lazy_wine",
        "import house\ndef late():\n    return house.lazy_wine()",
    ],
)
def test_imports_are_found_in_every_form(tmp_path, text):
    files = _house(tmp_path, {"__init__": '_MODULES = {"lazy_wine": "house.cellar.wine"}', "guest": text})
    assert "house.cellar.wine" in imports.imported("house.guest", files)


def test_a_package_is_imported_only_for_a_name_of_its_own(tmp_path):
    files = _house(tmp_path, {"guest": "from house import cellar\nfrom house.cellar import wine, door\nimport numpy"})
    assert imports.imported("house.guest", files) == {"house.cellar", "house.cellar.wine"}
    assert imports.packages_imported(files["house.guest"]) == {"house", "numpy"}


def test_calls_are_found_wherever_they_stand(tmp_path):
    text = "def f():\n    print(1)\n    raise SystemExit\nclass A:\n    x = [sys.exit(2)]\n'exit()'\nos.path.join('a')"
    files = _house(tmp_path, {"guest": text})
    assert imports.calls(files["house.guest"]) == {"print", "SystemExit", "sys.exit", "os.path.join"}


def test_circles_are_groups_that_reach_each_other():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"a"}, "f": {"g"}, "g": {"f"}}
    assert imports.circles(graph) == [["a", "b", "c"], ["f", "g"]]


def _house(root: pathlib.Path, texts: dict[str, str]) -> dict[str, pathlib.Path]:
    """A package `house` with a room `cellar` that holds `wine`, and with files of these texts."""
    (root / "house" / "cellar").mkdir(parents=True)
    for name, text in {"__init__": "", "cellar/__init__": "door = 1", "cellar/wine": "", **texts}.items():
        (root / "house" / f"{name}.py").write_text(text)
    return imports.modules(root, ["house"])
