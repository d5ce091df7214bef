"""Writes the embedded data set: which modules and names does a Python file import, given the identifiers it uses?

    python -m preprocess.demo_data --output_dir demo-text

The points are the source files of this interpreter's standard library and installed packages (or of --source_dirs), each
content once. They are parsed, never executed or imported. Features: identifiers of at least two training files, tf-idf
weighted (see preprocess/python_points.py for what counts). Labels: imported modules and names (`numpy`, `os.path.join`)
of at least two files. A file that does not parse, uses no identifier or has no label is left out, and counted.

A file's split is a hash of its content and --seed: 80% train, 10% valid, 10% test, and it stays what it is when packages
come and go. The output is text of the Extreme Classification Repository for preprocess.to_tfrecord: train.txt, valid.txt,
test.txt; with feature_names.txt, label_names.txt; and {train,valid,test}_files.txt, the points' source files in order.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import sysconfig
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Optional

import scipy.sparse
import tabulate
import tqdm
from absl import flags

from mach_tf import files
from mach_tf.errors import InputError
from mach_tf.manifest import FEATURE_NAMES_FILE, LABEL_NAMES_FILE
from mach_tf.programs import program
from preprocess import python_points, tfidf

# Input and output.
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Directory for the data set; made if missing.", required=True)
_SOURCE_DIRS = flags.DEFINE_list(
    "source_dirs", None, "Directories to take .py files from [the running interpreter's standard library and packages]."
)

# How.
_SEED = flags.DEFINE_integer("seed", 0, "Which files are train, valid and test.")
_WORKERS = flags.DEFINE_integer("workers", os.cpu_count() or 1, "Processes that parse.", lower_bound=1)

_FILES_A_TASK = 16
_SPLIT_OF_DIGIT = ("train",) * 8 + ("valid", "test")


class SourceFile(NamedTuple):
    """A file to parse: its path, the name to show, and the split its content falls in."""

    path: str
    name: str
    split: str


class ParsedFile(NamedTuple):
    """A file that makes a point."""

    file: SourceFile
    content: python_points.PythonFile


def interpreter_directories() -> list[str]:
    """The standard library and the installed packages of the running interpreter."""
    paths = sysconfig.get_paths()
    return list(dict.fromkeys(paths[name] for name in ("stdlib", "purelib", "platlib")))


def python_files(directory: str) -> list[str]:
    """The .py files below a directory, sorted; installed packages below a standard library are not part of it."""
    found = []
    for parent, directories, names in os.walk(directory):
        directories[:] = [name for name in directories if name not in ("site-packages", "dist-packages")]
        found += [os.path.join(parent, name) for name in names if name.endswith(".py")]
    return sorted(found)


def distinct_files(directories: Iterable[str], seed: int) -> tuple[list[SourceFile], int]:
    """The files of all directories, the first of each content; and how many repeat another's."""
    found: dict[str, SourceFile] = {}
    total = 0
    for directory in directories:
        for path in python_files(directory):
            total += 1
            digest = files.sha256(path)
            name = os.path.join(os.path.basename(os.path.normpath(directory)), os.path.relpath(path, directory))
            found.setdefault(digest, SourceFile(path, name, split_of(digest, seed)))
    return list(found.values()), total - len(found)


def split_of(digest: str, seed: int) -> str:
    """ "train", "valid" or "test", with probabilities 0.8, 0.1, 0.1."""
    mixed = hashlib.sha256(f"{seed} {digest}".encode()).digest()
    return _SPLIT_OF_DIGIT[int.from_bytes(mixed[:8], "big") % len(_SPLIT_OF_DIGIT)]


def parse_files(sources: Sequence[SourceFile], workers: int) -> list[Optional[python_points.PythonFile]]:
    """Parses in processes; None where a file is not valid Python."""
    paths = [source.path for source in sources]
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        results = pool.map(_parse_file, paths, chunksize=_FILES_A_TASK)
        return list(tqdm.tqdm(results, "Parsing", len(paths), unit="file", smoothing=0.05))


def write_text(path: str, features: scipy.sparse.csr_matrix, labels: scipy.sparse.csr_matrix) -> None:
    """Writes Extreme Classification Repository text."""
    lines = [f"{features.shape[0]} {features.shape[1]} {labels.shape[1]}"]
    for row in range(features.shape[0]):
        label_ids = labels.indices[labels.indptr[row] : labels.indptr[row + 1]]
        part = slice(features.indptr[row], features.indptr[row + 1])
        pairs = [f"{i}:{value:.6g}" for i, value in zip(features.indices[part], features.data[part])]
        lines.append(" ".join([",".join(map(str, label_ids)), *pairs]))
    _write_lines(path, lines)


def main(argv: list[str]) -> None:
    """Runs the program."""
    del argv
    directories = _SOURCE_DIRS.value or interpreter_directories()
    for directory in directories:
        if not os.path.isdir(directory):
            raise InputError(f"--source_dirs must name directories (got {directory!r}, which is none).")
    sources, repeated = distinct_files(directories, _SEED.value)
    parsed = parse_files(sources, _WORKERS.value)
    used = [ParsedFile(s, p) for s, p in zip(sources, parsed) if p is not None and p.identifiers]
    label_names = tfidf.shared_names(file.content.imports for file in used)
    points = [file for file in used if not file.content.imports.isdisjoint(label_names)]
    feature_names = tfidf.shared_names(p.content.identifiers for p in points if p.file.split == "train")
    by_split = {split: [p for p in points if p.file.split == split] for split in dict.fromkeys(_SPLIT_OF_DIGIT)}
    empty = [split for split, members in by_split.items() if not members]
    if empty:
        raise InputError(
            f"Each split must have a point (got none in {', '.join(empty)}, {len(points)} points from {len(sources)} "
            "different files). Give more files by --source_dirs, or another --seed."
        )

    os.makedirs(_OUTPUT_DIR.value, exist_ok=True)
    rows = _write(_OUTPUT_DIR.value, by_split, feature_names, label_names)
    print(tabulate.tabulate(rows, ("split", "points", "features a point", "labels a point"), floatfmt=".1f"))
    print(
        f"{len(feature_names)} features and {len(label_names)} labels from {len(points)} files. Left out: {repeated} files "
        f"that repeat another, {parsed.count(None)} that do not parse, {len(sources) - parsed.count(None) - len(points)} "
        f"without identifiers or labels.\nWrote {_OUTPUT_DIR.value}. Next: python -m preprocess.to_tfrecord"
    )


def _write(
    directory: str, by_split: dict[str, list[ParsedFile]], feature_names: list[str], label_names: list[str]
) -> list[tuple[str, int, float, float]]:
    counts = {s: tfidf.count_matrix([p.content.identifiers for p in ps], feature_names) for s, ps in by_split.items()}
    frequencies = tfidf.document_frequencies(counts["train"])
    rows = []
    for split, members in by_split.items():
        features = tfidf.tf_idf(counts[split], frequencies, len(by_split["train"]))
        labels = tfidf.count_matrix([dict.fromkeys(p.content.imports, 1) for p in members], label_names)
        write_text(os.path.join(directory, f"{split}.txt"), features, labels)
        _write_lines(os.path.join(directory, f"{split}_files.txt"), [p.file.name for p in members])
        rows.append((split, len(members), features.nnz / len(members), labels.nnz / len(members)))
    _write_lines(os.path.join(directory, FEATURE_NAMES_FILE), feature_names)
    _write_lines(os.path.join(directory, LABEL_NAMES_FILE), label_names)
    return rows


def _parse_file(path: str) -> Optional[python_points.PythonFile]:
    with open(path, "rb") as file:
        return python_points.read_source(file.read())


def _write_lines(path: str, lines: list[str]) -> None:
    with files.atomic_write(path) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())


if __name__ == "__main__":
    program.run(main)
