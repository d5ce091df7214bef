"""A small data set in each layout of the repository's archives, as a zip file or a folder."""

from __future__ import annotations

import gzip
import lzma
import zipfile

import numpy as np

RNG = np.random.default_rng(7)
FEATURES, LABELS = 12, 6


def points(n):
    """The two parts of each line: labels, and features."""
    labels = [np.flatnonzero(RNG.random(LABELS) < 0.3) for _ in range(n)]
    features = [
        " ".join(f"{i}:{RNG.random():.3f}" for i in np.flatnonzero(RNG.random(FEATURES) < 0.4)) for _ in range(n)
    ]
    return list(zip(labels, features))


def joint(points):
    lines = [f"{','.join(map(str, labels))} {features}" for labels, features in points]
    return "".join(f"{line}\n" for line in [f"{len(points)} {FEATURES} {LABELS}", *lines]).encode()


def features_part(points):
    return "".join(
        f"{line}\n" for line in [f"{len(points)} {FEATURES}", *(features for _, features in points)]
    ).encode()


def labels_part(points):
    lines = [" ".join(f"{label}:1" for label in labels) for labels, _ in points]
    return "".join(f"{line}\n" for line in [f"{len(points)} {LABELS}", *lines]).encode()


def names(what, count):
    return "".join(f"{what} {i}\n" for i in range(count)).encode()


TRAIN, TEST = points(40), points(15)
MIXED = RNG.permutation([0] * len(TRAIN) + [1] * len(TEST))
NAMES = {"Xf.txt": names("feature", FEATURES), "Yf.txt": names("label", LABELS)}


def with_row_numbers():
    """All points in one file, and three splits; the middle one is that of TRAIN and TEST."""
    parts = iter(TRAIN), iter(TEST)
    data = [next(parts[which]) for which in MIXED]
    columns = [[], []]
    for number in range(3):
        order = RNG.permutation(len(data)) if number != 1 else np.argsort(MIXED, kind="stable")
        columns[0].append(RNG.permutation(order[: len(TRAIN)]) + 1)
        columns[1].append(RNG.permutation(order[len(TRAIN) :]) + 1)
    rows = ["".join(" ".join(map(str, line)) + "\n" for line in np.transpose(part)).encode() for part in columns]
    return {"Small_data.txt": joint(data), "small_trSplit.txt": rows[0], "small_tstSplit.txt": rows[1]}


LAYOUTS = {
    "joint": {"eurlex_train.txt": joint(TRAIN), "eurlex_test.txt": joint(TEST), **NAMES},
    "compressed": {"train.txt.xz": lzma.compress(joint(TRAIN)), "test.txt.gz": gzip.compress(joint(TEST)), **NAMES},
    "split form": {
        "trn_X_Xf.txt": features_part(TRAIN),
        "trn_X_Y.txt": labels_part(TRAIN),
        "tst_X_Xf.txt": features_part(TEST),
        "tst_X_Y.txt": labels_part(TEST),
        "filter_labels_train.txt": b"",
        "filter_labels_test.txt": b"0 1\n",
        **NAMES,
    },
    "row numbers": {**with_row_numbers(), **NAMES},
}


def archive(tmp_path, files, kind="zip", folder="E/"):
    """Writes files as a zip archive or a folder, in a folder inside it or not."""
    path = tmp_path / f"archive.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
            opened.writestr("__MACOSX/E/._train.txt", b"x")
            for name, content in files.items():
                opened.writestr(folder + name, content)
    else:
        (path / folder).mkdir(parents=True)
        for name, content in files.items():
            (path / folder / name).write_bytes(content)
    return str(path)
