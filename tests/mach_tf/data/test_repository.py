"""Archives of the repository, zip or folder, make the dataset that their plain texts make, and unclear ones are refused."""

from __future__ import annotations

import gzip
import json
import os
import pathlib
import random
import re
import tarfile
import zipfile

import pytest

import mach_tf
from mach_tf.data import repository
from mach_tf.errors import InputError
from mach_tf.explanations.reporting import source_text
from mach_tf.explanations.reporting.point_files import BagFile, read_files
from mach_tf.manifest import DatasetManifest
from tests.helpers import archives


def _preprocess(directory, **arguments):
    return mach_tf.preprocess(str(directory), progress=False, workers=1, **arguments)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The dataset of the plain texts."""
    directory = tmp_path_factory.mktemp("plain")
    for name, content in (
        ("train", archives.joint(archives.TRAIN)),
        ("test", archives.joint(archives.TEST)),
        *archives.NAMES.items(),
    ):
        (directory / name).write_bytes(content)
    arguments = {"train": directory / "train", "test": directory / "test", "valid_fraction": 0.3}
    names = {"feature_names": directory / "Xf.txt", "label_names": directory / "Yf.txt"}
    return _preprocess(directory / "data", **arguments, **names).manifest


@pytest.mark.parametrize("layout", archives.LAYOUTS)
@pytest.mark.parametrize(("kind", "folder"), [("zip", "E/"), ("zip", ""), ("folder", "E/"), ("folder", "")])
def test_an_archive_makes_the_dataset_of_its_texts(tmp_path, monkeypatch, plain, layout, kind, folder):
    path = archives.archive(tmp_path, archives.LAYOUTS[layout], kind, folder)
    before = sorted(os.listdir(tmp_path))
    # Many blocks, so that points that count and points that do not fall together in some.
    blocks = mach_tf.data.libsvm.TextReader.blocks
    monkeypatch.setattr(mach_tf.data.libsvm.TextReader, "blocks", lambda reader, size=200: blocks(reader, size))
    split_number = 1 if layout == "row numbers" else 0
    made = _preprocess(tmp_path / "data", repository=path, split_number=split_number, valid_fraction=0.3)
    manifest = DatasetManifest.read(str(tmp_path / "data"))
    assert manifest.fingerprint == plain.fingerprint and manifest.names_sha256 == plain.names_sha256
    assert made.notes[0].startswith(f"{path}: train from {folder}") and made.notes[0] in str(made)
    assert ("not read" in made.notes[0]) == (layout == "split form")
    assert sorted(os.listdir(tmp_path)) == sorted([*before, "data"])


@pytest.mark.parametrize("layout", archives.LAYOUTS)
def test_sources_are_those_of_the_extracted_files(tmp_path, layout):
    path = archives.archive(tmp_path, archives.LAYOUTS[layout])
    manifest = _preprocess(
        tmp_path / "data", repository=path, split_number=2 if layout == "row numbers" else 0
    ).manifest
    extracted = tmp_path / "extracted"
    with zipfile.ZipFile(path) as opened:
        opened.extractall(extracted)
    sources = [source for split in manifest.splits.values() for source in split.sources]
    assert len(sources) == {"joint": 2, "compressed": 2}.get(layout, 4)
    for source in sources:
        file = extracted / os.path.relpath(source.path, path)
        assert (source.bytes, source.sha256) == (file.stat().st_size, mach_tf.files.sha256(str(file)))
        assert source.column == (2 if "Split" in file.name else -1)


@pytest.mark.parametrize("layout", archives.LAYOUTS)
def test_explanations_find_the_text_in_the_archive(tmp_path, layout):
    path = archives.archive(tmp_path, archives.LAYOUTS[layout])
    manifest = _preprocess(
        tmp_path / "data", repository=path, split_number=1 if layout == "row numbers" else 0
    ).manifest
    texts = source_text.find_text(manifest, None, None, "test")
    points = read_files([BagFile(text, manifest) for text in texts]).points
    assert [points.label_ids[a:b].tolist() for a, b in zip(points.label_splits, points.label_splits[1:])] == [
        labels.tolist() for labels, _ in archives.TEST
    ]
    os.remove(path)
    with pytest.raises(InputError, match="is gone or changed"):
        source_text.find_text(manifest, None, None, "test")


def test_members_can_be_named_one_by_one(tmp_path, plain):
    path = archives.archive(tmp_path, archives.LAYOUTS["joint"])
    names = {"feature_names": f"{path}/E/Xf.txt", "label_names": f"{path}/E/Yf.txt"}
    files = {"train": f"{path}/E/eurlex_train.txt", "test": f"{path}/E/eurlex_test.txt"}
    manifest = _preprocess(tmp_path / "data", **files, **names, valid_fraction=0.3).manifest
    assert manifest.fingerprint == plain.fingerprint and manifest.names_sha256 == plain.names_sha256


def test_a_bad_line_is_told_once_with_its_place(tmp_path):
    """Of all points in one file, each split tells its own bad lines, with their numbers in that file."""
    files = dict(archives.LAYOUTS["row numbers"])
    lines = files["Small_data.txt"].splitlines(keepends=True)
    lines[3], lines[40] = b"x\n", b"1:1:1\n"
    path = archives.archive(tmp_path, {**files, "Small_data.txt": b"".join(lines)})
    made = _preprocess(tmp_path / "data", repository=path, split_number=1, on_bad_line="skip")
    assert (
        sorted(bad.line for bad in made.skipped) == [4, 41]
        and made.points == len(archives.TRAIN) + len(archives.TEST) - 2
    )
    with pytest.raises(InputError, match=r"archive\.zip/E/Small_data\.txt, line (4|41): "):
        _preprocess(tmp_path / "other", repository=path, split_number=1)


@pytest.mark.parametrize(
    ("names", "read", "note"),
    [
        (
            {"Yf.txt": archives.names("x", archives.LABELS + 1)},
            None,
            "Yf.txt is not read as label names, because it holds 7 lines for 6 labels",
        ),
        (
            {"Yf.txt": b"6 9\n" + b"0:1\n" * 6, "Y.txt": archives.NAMES["Yf.txt"]},
            "Y.txt",
            "Yf.txt is not read .* holds a matrix",
        ),
        ({"Yf.txt": b""}, None, "holds 0 lines"),
        ({"label_names.txt": archives.NAMES["Yf.txt"]}, "label_names.txt", None),
    ],
)
def test_a_file_that_does_not_fit_is_no_file_of_names(tmp_path, names, read, note):
    files = {"train.txt": archives.joint(archives.TRAIN), "test.txt": archives.joint(archives.TEST)}
    path = archives.archive(tmp_path, {**files, **names}, folder="")
    found = repository.find(path)
    assert found.label_names == (read and os.path.join(path, read)) and found.feature_names is None
    assert len(found.notes) == (1 if note is None else 2) and re.search(note or "", found.notes[-1])


def test_names_that_are_given_come_first(tmp_path):
    path = archives.archive(tmp_path, {**archives.LAYOUTS["joint"], "Y.txt": archives.NAMES["Yf.txt"]})
    with pytest.raises(InputError, match=r"must hold one file of label names \(got E/Yf.txt, E/Y.txt\)\. Say which"):
        _preprocess(tmp_path / "data", repository=path)
    given = tmp_path / "names"
    given.write_bytes(archives.names("mine", archives.LABELS))
    _preprocess(tmp_path / "data", repository=path, label_names=given)
    assert (tmp_path / "data" / "label_names.txt").read_bytes() == given.read_bytes()


def _rows(train, test):
    files = dict(archives.LAYOUTS["row numbers"])
    for name, rows in (("small_trSplit.txt", train), ("small_tstSplit.txt", test)):
        files[name] = "".join(f"{row}\n" for row in rows).encode()
    return files


def test_points_in_neither_split_are_told(tmp_path):
    made = _preprocess(tmp_path / "data", repository=archives.archive(tmp_path, _rows(range(1, 31), range(41, 51))))
    assert made.notes[1] == "15 of 55 points are in neither split." and made.points == 40


@pytest.mark.parametrize(
    ("files", "arguments", "message"),
    [
        (archives.LAYOUTS["row numbers"], {"split_number": 3}, "split_number must be below 3, the number of splits in"),
        (archives.LAYOUTS["row numbers"], {"split_number": -1}, "split_number must be 0 or more"),
        (archives.LAYOUTS["joint"], {"split_number": 1}, "split_number must be left out for a data set with one split"),
        (archives.LAYOUTS["joint"], {"train": "x"}, "repository must be given without train"),
        (
            _rows([1, 2], [2, 3]),
            {},
            r"small_trSplit.txt and small_tstSplit.txt must name different rows \(got row 2 in both",
        ),
        (_rows([1, 56], [2, 3]), {}, "small_trSplit.txt, line 2: a row number must be from 1 to 55"),
        ({}, {}, r"must hold a data set by the repository's names, .* \(got no file\)"),
        ({"a.csv": b"", "b\x1b[2J.txt": b""}, {}, r"\(got (E/a.csv|a.csv)"),
        ({"train.txt": b""}, {}, r"must hold a complete data set \(got E/train.txt without one file of train points"),
        (
            {**archives.LAYOUTS["joint"], **archives.LAYOUTS["split form"]},
            {},
            r"must hold one data set .*eurlex_train.txt, .*; .*trn_X_Xf.txt",
        ),
        (
            {**archives.LAYOUTS["joint"], "sub/train.txt": b"x", "sub/test.txt": b"x"},
            {},
            r"must hold one data set .*; E/sub/train.txt",
        ),
    ],
)
def test_what_is_unclear_is_refused(tmp_path, files, arguments, message):
    path = archives.archive(tmp_path, files)
    if "train" in arguments:
        arguments = {"train": [os.path.join(path, "E", "eurlex_train.txt")]}
    with pytest.raises(InputError, match=message) as caught:
        _preprocess(tmp_path / "data", repository=path, **arguments)
    assert "\x1b" not in str(caught.value) and not (tmp_path / "data").exists()


def test_pipes_and_unprintable_names_in_a_folder_are_left_alone(tmp_path):
    path = archives.archive(tmp_path, archives.LAYOUTS["joint"], "folder")
    os.mkfifo(os.path.join(path, "train.txt"))
    (tmp_path / "archive.folder" / "E" / "\x1b[2J_train.txt").touch()
    (tmp_path / "archive.folder" / "loop").symlink_to("..")
    assert set(repository.find(path).inputs) == {"train", "test"}


@pytest.mark.slow
@pytest.mark.parametrize("layout", archives.LAYOUTS)
def test_spoiled_archives_are_right_or_refused(tmp_path, layout):
    path = pathlib.Path(archives.archive(tmp_path, archives.LAYOUTS[layout]))
    whole, rng = path.read_bytes(), random.Random(layout)
    expected = _preprocess(tmp_path / "whole", repository=path).manifest.fingerprint
    for turn in range(300):
        spoiled = bytearray(whole)
        for _ in range(rng.choice([1, 1, 3, 20])):
            at = rng.randrange(len(spoiled))
            spoiled[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
        path.write_bytes(spoiled)
        try:
            assert _preprocess(tmp_path / str(turn), repository=path).manifest.fingerprint == expected
        except InputError:
            assert not (tmp_path / str(turn)).exists()


def test_only_folders_and_zip_archives_are_archives(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_bytes(archives.joint(archives.TRAIN))
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as opened:
        opened.add(tmp_path / "a.txt", "a.txt")
    whole = pathlib.Path(archives.archive(tmp_path, archives.LAYOUTS["joint"]))
    (tmp_path / "cut.zip").write_bytes(whole.read_bytes()[:-40])
    for name, message in (
        ("a.txt", "got a text file"),
        ("a.tar.gz", "got a file compressed by gzip"),
        ("missing", "got a path that does not exist"),
        ("cut.zip", "must be a whole zip archive"),
    ):
        with pytest.raises(InputError, match=message):
            repository.find(str(tmp_path / name))
    monkeypatch.setattr(repository, "_MOST_FILES", 2)
    with pytest.raises(InputError, match="must be the folder of one data set"):
        repository.find(str(tmp_path))


RAW = {
    "trn.json.gz": [("a", "Light waves", [0, 2]), ("b", "Waves of light", [2]), ("c", "Heavy light", [1])],
    "tst.json.gz": [("d", "Light", [2])],
    "lbl.json.gz": [("0", "Optics", None), ("1", "Mass", None), ("2", "Waves", None), ("3", "Never seen", None)],
}


def _raw(content=True):
    """Raw text as the repository has it; data sets of titles have no content."""
    files = {}
    for name, records in RAW.items():
        lines = [
            {
                "uid": uid,
                "title": title,
                **({"content": "light"} if content else {}),
                "target_ind": labels,
                "target_rel": [],
            }
            for uid, title, labels in records
        ]
        files[name] = gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode())
    return files


@pytest.mark.parametrize(("kind", "content"), [("zip", True), ("folder", False)])
def test_raw_text(tmp_path, kind, content):
    path = archives.archive(tmp_path, _raw(content), kind)
    made = _preprocess(tmp_path / "data", repository=path)
    fields = {"text_fields": ["title", "content"] if content else ["title"], "label_field": "target_ind"}
    files = {"train": f"{path}/E/trn.json.gz", "test": f"{path}/E/tst.json.gz", "label_names": f"{path}/E/lbl.json.gz"}
    expected = _preprocess(tmp_path / "expected", **files, **fields)
    assert made.manifest == expected.manifest and made.manifest.labels == 4
    assert made.manifest.read_label_names(str(tmp_path / "data"))[:2] == ["Optics", "Mass"]
    assert made.notes[-1].endswith("; names from E/lbl.json.gz.")
    assert len(made.manifest.text.text.fields) == (2 if content else 1)


def test_an_archive_with_raw_text_and_features(tmp_path):
    path = archives.archive(tmp_path, {**archives.LAYOUTS["split form"], **_raw()})
    with pytest.raises(
        InputError, match=r"must hold one data set .*trn_X_Xf.txt.*; E/trn.json.gz.*Say input_format=bow"
    ):
        _preprocess(tmp_path / "data", repository=path)
    assert _preprocess(tmp_path / "bow", repository=path, input_format="bow").points == 55
    made = _preprocess(tmp_path / "titles", repository=path, text_fields="title", text_weights=2)
    assert made.points == 4 and [field.name for field in made.manifest.text.text.fields] == ["title"]


def test_raw_text_that_is_none_is_refused(tmp_path):
    path = archives.archive(tmp_path, {**_raw(), "trn.json.gz": gzip.compress(b"nothing\n")})
    with pytest.raises(InputError, match=r"trn\.json\.gz, line 1: "):
        _preprocess(tmp_path / "data", repository=path)
