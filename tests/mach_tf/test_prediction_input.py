"""Points of files in every format, for models of texts and of bags of words."""

from __future__ import annotations

import os
import threading
import zipfile

import numpy as np
import pytest

from mach_tf import prediction_input
from mach_tf.data import libsvm
from mach_tf.errors import InputError
from mach_tf.network import Network
from mach_tf.points import concatenate
from mach_tf.prediction_input import open_input
from tests.helpers import text_model
from tests.helpers import world as worlds


@pytest.fixture(scope="module")
def two_fields(tmp_path_factory):
    return Network.load(text_model.write(tmp_path_factory.mktemp("models") / "texts"))


@pytest.fixture(scope="module")
def one_field(tmp_path_factory):
    return Network.load(text_model.write(tmp_path_factory.mktemp("models") / "texts", fields=("title",)))


def read(network, path, *arguments):
    """Returns all points, the number of each, the bad lines, and the input."""
    with open_input(network, str(path), *arguments) as source:
        blocks = list(source.blocks)
        source.finish()
    assert sum(block.done for block in blocks) == source.total or not source.total
    firsts = np.cumsum([0, *(block.n_points for block in blocks)])
    assert [block.first_point for block in blocks] == firsts[:-1].tolist()
    places = [place + block.first_point for block in blocks for place in block.places.tolist()]
    return concatenate([block.points for block in blocks]), places, [b for x in blocks for b in x.bad_lines], source


def assert_same(points, others):
    for name in ("row_splits", "feature_ids", "feature_values"):
        np.testing.assert_array_equal(getattr(points, name), getattr(others, name))


TITLES = [record["title"] for record in text_model.RECORDS]
FORMATS = {
    "new.jsonl": "".join(f'{{"title": "{title}", "id": 7}}\n' for title in TITLES),
    "new.csv": "id,title\n" + "".join(f'7,"{title}"\n' for title in TITLES),
    "new.tsv": "title\tsubjects\n" + "".join(f"{title}\ta\n" for title in TITLES),
    "annif.tsv": "".join(f"{title}\t<https://example.org/1>\n" for title in TITLES),
    "new.ft": "".join(f"__label__x {title}\n" for title in TITLES),
    "new.txt": "".join(f"{title}\n" for title in TITLES),
}


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "new.txt"])
def test_every_format_gives_the_points_of_its_texts(one_field, tmp_path, name):
    (tmp_path / name).write_text(FORMATS[name], encoding="utf-8")
    points, places, bad_lines, source = read(one_field, tmp_path / name)
    assert places == [0, 1, 2, 3] and not bad_lines and source.n_points is None and source.unit == "B"
    assert_same(points, one_field.texts.points(TITLES))


@pytest.mark.parametrize(("name", "form"), [("annif.tsv", "auto"), ("new.ft", "auto"), ("new.txt", "lines")])
def test_a_record_of_one_text_is_that_of_the_first_field(two_fields, tmp_path, name, form):
    (tmp_path / name).write_text(FORMATS[name], encoding="utf-8")
    points = read(two_fields, tmp_path / name, form)[0]
    assert_same(points, two_fields.texts.points(TITLES))


def test_a_table_of_unknown_format_is_not_taken_for_lines_of_text(one_field, tmp_path):
    (tmp_path / "table").write_text(FORMATS["new.csv"], encoding="utf-8")
    with pytest.raises(InputError, match=r"known format.*the field\(s\) title\. Give input_format: csv, tsv"):
        read(one_field, tmp_path / "table")
    points = read(one_field, tmp_path / "table", "csv")[0]
    assert_same(points, one_field.texts.points(TITLES))


@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
def test_texts_are_read_in_blocks_and_bad_lines_keep_their_place(two_fields, tmp_path, monkeypatch, block_bytes):
    monkeypatch.setattr(prediction_input, "_BLOCK_BYTES", block_bytes)
    good = text_model.write_records(tmp_path / "good.jsonl", labels=["a", "b"])
    with open(good, encoding="utf-8") as file:
        lines = file.readlines()
    (tmp_path / "new.jsonl").write_text("".join([lines[0], "{\n", lines[1], '{"title": 3}\n', *lines[2:]]))
    points, places, bad_lines, _ = read(two_fields, tmp_path / "new.jsonl")
    assert places == [0, 2, 4, 5] and [line.line for line in bad_lines] == [2, 4]
    assert_same(points, two_fields.texts.points(text_model.RECORDS))


def test_other_fields_may_stand_for_those_of_the_training_data(two_fields, tmp_path):
    renamed = [{"a": {"b": record["content"]}, "c": record["title"]} for record in text_model.RECORDS]
    source = text_model.write_records(tmp_path / "new.jsonl", renamed)
    points, *_ = read(two_fields, source, "auto", ["c", "a.b"])
    assert_same(points, two_fields.texts.points(text_model.RECORDS))
    for given in ("c", ["c"]):
        with pytest.raises(InputError, match=r"text_fields must name 2 field\(s\), .* title, content .*\(got c\)"):
            read(two_fields, source, "auto", given)


def test_a_pipe_of_texts_is_read(two_fields, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=text_model.write_records, args=(tmp_path / "pipe",))
    writer.start()
    points, *_ = read(two_fields, tmp_path / "pipe")
    writer.join()
    assert_same(points, two_fields.texts.points(text_model.RECORDS))


def test_a_file_in_an_archive_is_read(two_fields, tmp_path):
    text_model.write_records(tmp_path / "new.jsonl")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "new.jsonl", "folder/new.jsonl")
    points, *_ = read(two_fields, tmp_path / "all.zip" / "folder" / "new.jsonl")
    assert_same(points, two_fields.texts.points(text_model.RECORDS))


@pytest.mark.parametrize("input_format", ["auto", "bow"])
def test_a_model_of_texts_takes_a_bag_of_words_of_its_features(two_fields, tmp_path, input_format):
    raw = two_fields.texts.points(text_model.RECORDS).features(len(text_model.TERMS))
    worlds.write_split_form(str(tmp_path / "new.txt"), raw)
    points, places, _, source = read(two_fields, tmp_path / "new.txt", input_format)
    assert places == [0, 1, 2, 3] and source.n_points == source.total == 4 and source.unit == "point"
    np.testing.assert_array_equal(points.features(len(text_model.TERMS)).toarray(), raw.toarray())
    with pytest.raises(InputError, match="text_fields must be left out with input_format=bow"):
        read(two_fields, tmp_path / "new.txt", "bow", ["title", "content"])
    (tmp_path / "other.txt").write_text("1 99 3\n1 3:1\n")
    with pytest.raises(InputError, match="the model was trained on 72 raw features, the file has 99"):
        read(two_fields, tmp_path / "other.txt", input_format)


def test_bad_lines_of_a_bag_of_words_keep_their_place(evaluated, tmp_path, monkeypatch):
    monkeypatch.setattr(libsvm.TextReader.blocks, "__defaults__", (1,))
    (tmp_path / "new.txt").write_text("4 60 30\n1 3:1\n1 3:x\n2 4:1\n2 5:y\n")
    points, places, bad_lines, source = read(Network.load(evaluated.model_dir), tmp_path / "new.txt")
    assert places == [0, 2] and [line.line for line in bad_lines] == [3, 5] and source.n_points == 4
    assert points.feature_ids.tolist() == [3, 4]


@pytest.mark.parametrize(
    ("name", "arguments", "seen"),
    [
        ("new.jsonl", [], "its name ends in .jsonl"),
        ("new", [], "its first line begins with {"),
        ("new", ["jsonl"], "input_format says so"),
        ("new.txt", ["auto", ["title"]], "text_fields was given"),
        ("pipe", ["jsonl"], "input_format says so"),
    ],
)
def test_texts_for_a_model_of_bags_of_words_are_refused(evaluated, tmp_path, name, arguments, seen):
    if name == "pipe":
        os.mkfifo(tmp_path / name)
    else:
        text_model.write_records(tmp_path / name)
    message = rf"must be a bag of words, because .* was trained on bags of words \(got \w+, because {seen}\)"
    with pytest.raises(InputError, match=message):
        read(Network.load(evaluated.model_dir), tmp_path / name, *arguments)


def test_what_is_in_no_format_is_refused_by_the_reader_that_says_most(evaluated, two_fields, tmp_path):
    (tmp_path / "new.txt").write_text("hello\n")
    with pytest.raises(InputError, match=r"new\.txt, line 1"):
        read(Network.load(evaluated.model_dir), tmp_path / "new.txt")
    with pytest.raises(InputError, match="must have a known format"):
        read(two_fields, tmp_path / "new.txt")
