"""Small files of texts and labels, in several formats, that hold the same records."""

from __future__ import annotations

import csv
import json
import pathlib
from typing import NamedTuple

import numpy as np

TOPICS = {"physics": "wave particle field", "optics": "lens light mirror", "biology": "cell gene protein"}


class Example(NamedTuple):
    """A record: a title, a content, and its labels."""

    title: str
    content: str
    labels: tuple[str, ...]


def examples(n: int, seed: int = 0) -> list[Example]:
    """Returns records whose words follow their labels, in lower-case ASCII words divided by spaces."""
    random = np.random.default_rng(seed)
    made = []
    for i in range(n):
        labels = tuple(str(label) for label in random.choice(list(TOPICS), random.integers(1, 3), replace=False))
        words = [word for label in labels for word in TOPICS[label].split()] + [f"word{j}" for j in range(12)]
        title, content = (" ".join(random.choice(words, size)) for size in (3, 15))
        made.append(Example(title, f"{content} unique{seed}x{i}", labels))
    return made


def write_jsonl(path: pathlib.Path, records: list[Example]) -> str:
    """Writes JSON Lines with title, content and labels; returns the path."""
    lines = [json.dumps({"title": title, "content": content, "labels": labels}) for title, content, labels in records]
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def write_csv(path: pathlib.Path, records: list[Example]) -> str:
    """Writes a table with header whose labels stand in one column, separated by semicolons; returns the path."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["title", "content", "labels"])
        writer.writerows([title, content, ";".join(labels)] for title, content, labels in records)
    return str(path)


def write_annif(path: pathlib.Path, records: list[Example]) -> str:
    """Writes a TSV corpus of Annif, with title and content in one text and URIs of the labels; returns the path."""
    lines = [
        f"{title} {content}\t{' '.join(f'<http://example.org/{label}>' for label in labels)}"
        for title, content, labels in records
    ]
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)
