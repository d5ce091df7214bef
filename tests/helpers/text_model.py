"""A small model of texts with random weights, as training leaves it: with its vocabulary, and the names and keys of its labels."""

from __future__ import annotations

import dataclasses
import json
import os

from mach_tf import files
from mach_tf.manifest import KEPT_FILES, ModelManifest
from mach_tf.text.vocabulary import Vocabulary
from mach_tf.text_spec import TextField, TextSpec
from tests.helpers import model_directory

WORDS = ["light", "matter", "wave", "field", "energy", "quantum", "über", "光"]
TERMS = [*WORDS, *(f"{one} {other}" for one in WORDS for other in WORDS)]
LABELS, COLUMNS = 12, 40
NAMES = [f"Subject {label}" if label else 'A "quoted"\tname' for label in range(LABELS)]
KEYS = [f"https://example.org/{label}" for label in range(LABELS)]
RECORDS = [
    {"title": "Quantum light", "content": "light wave energy"},
    {"title": "MATTER", "content": "Wave field, matter energy. Über quantum"},
    {"title": "光 light", "content": ""},
    {"title": "nothing known", "content": "here"},
]


def write(directory, fields=("title", "content"), keys=True, names=NAMES) -> str:
    """Writes the model into a new directory and returns its path."""
    path = str(directory)
    os.mkdir(path)
    spec = TextSpec(tuple(TextField(name, 1.0 + place) for place, name in enumerate(fields)))
    frequencies = list(range(len(TERMS) + 1, 1, -1))
    text = Vocabulary(spec, TERMS, frequencies, documents=len(TERMS) + 1).write(path)
    for file, lines in (("label_names.txt", names), ("label_keys.txt", KEYS if keys else None)):
        if lines is not None:
            with open(os.path.join(path, file), "w", encoding="utf-8") as output:
                output.writelines(f"{line}\n" for line in lines)
    model_directory.write(path, features=len(TERMS), labels=LABELS, columns=COLUMNS, hidden=7, repetitions=2)
    kept = {file: files.sha256(os.path.join(path, file)) for file in KEPT_FILES if os.path.exists(f"{path}/{file}")}
    dataclasses.replace(ModelManifest.read(path), text=text, files_sha256=kept).write(path)
    return path


def write_records(path, records=RECORDS, **more) -> str:
    """Writes records as JSON Lines, each with more fields, and returns the path."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps({**record, **more}) + "\n" for record in records)
    return str(path)
