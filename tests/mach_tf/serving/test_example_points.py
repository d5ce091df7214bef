from __future__ import annotations

import json

import pytest

from mach_tf.errors import InputError
from mach_tf.network import Network
from mach_tf.serving import example_points, kept_examples
from tests.helpers import text_model


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    return Network.load(text_model.write(tmp_path_factory.mktemp("texts") / "model"))


@pytest.fixture(scope="module")
def points(evaluated):
    return Network.load(evaluated.model_dir)


def test_the_first_short_texts_are_kept(texts, tmp_path):
    records = [{"title": " ", "content": ""}, {"title": "x" * 1001, "content": ""}]
    records += [{"title": f"light {i}", "content": "wave"} for i in range(9)]
    path = text_model.write_records(tmp_path / "new.jsonl", records, subject="left out")
    found = example_points.read_input(texts, path)
    assert found == [{"title": f"light {i}", "content": "wave"} for i in range(5)]
    kept_examples.write(str(tmp_path), found)
    assert kept_examples.read(str(tmp_path)) == found


def test_the_first_points_of_few_features_are_kept(points, tmp_path):
    many = " ".join(f"{i}:1" for i in range(51))
    (tmp_path / "new.txt").write_text(f"3 60 30\n1 {many}\n2,3 \n4 3:0.1 17:-2.5\n")
    found = example_points.read_input(points, str(tmp_path / "new.txt"))
    assert found == [{"feature_ids": [3, 17], "feature_values": [0.1, -2.5]}]
    assert json.dumps(found)


def test_a_file_without_short_examples_is_refused(texts, points, tmp_path):
    path = text_model.write_records(tmp_path / "long.jsonl", [{"title": "x" * 1001, "content": ""}])
    with pytest.raises(InputError, match=r"at most 1000 characters in the field\(s\) title, content \(got none\)"):
        example_points.read_input(texts, path)
    (tmp_path / "empty.txt").write_text("1 60 30\n1 \n")
    with pytest.raises(InputError, match="an example of at most 50 features"):
        example_points.read_input(points, str(tmp_path / "empty.txt"))


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("other.csv", "a;b\nx;y\n", "there must be a column 'title' (got 'a;b')."),
        ("bag.txt", "1 2 3\n0 0:1\n", "must hold texts (got a bag of words"),
        ("lines.txt", "some text\nmore\n", "must have a known format"),
    ],
)
def test_the_errors_of_readers_name_no_settings(texts, tmp_path, name, content, problem):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as refused:
        example_points.read_input(texts, str(tmp_path / name))
    message = str(refused.value)
    assert problem in message
    assert message.endswith(
        "Examples are read as the training texts were: give such a file, with the field(s) title, content."
    )
    assert "text_fields" not in message and "input_format" not in message
