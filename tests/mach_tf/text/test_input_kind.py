from __future__ import annotations

import pytest

from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.text.input_kind import holds_texts
from mach_tf.text.options import TextOptions

FIELDS = TextOptions(text_fields="text", label_field="labels")


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    contents = {
        "bow.txt": "1 5 3\n0 1:1\n",
        "bow.csv": "1 5 3\n0 1:1\n",
        "no_header.txt": "0 1:1\n",
        "a.jsonl": '{"text": "a", "labels": ["b"]}\n',
        "corpus.tsv": "A text\t<http://example.org/1>\n",
        "ft.txt": "__label__a some text\n",
        "plain.txt": "some text\n",
        "labels.txt": "a b\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)


@pytest.mark.parametrize(
    ("inputs", "options", "expected"),
    [
        (["bow.txt"], {}, False),
        (["bow.csv"], {}, False),
        (["no_header.txt"], {}, False),
        (["none.txt"], {}, False),
        ([("plain.txt", "labels.txt")], {}, False),
        ([("plain.txt", "labels.txt")], {"input_format": "lines"}, True),
        ([("plain.txt", "labels.txt")], {"max_vocabulary": 5}, True),
        (["a.jsonl"], {}, True),
        (["corpus.tsv", "ft.txt"], {}, True),
        (["bow.txt"], {"input_format": "bow"}, False),
        (["a.jsonl"], {"input_format": "bow"}, False),
        (["plain.txt"], {"input_format": "csv"}, True),
    ],
)
def test_the_kind_of_files(files, inputs, options, expected):
    given = [TextInput(*((one,) if isinstance(one, str) else one)) for one in inputs]
    assert holds_texts(given, TextOptions(**options)) is expected


def test_options_of_texts_are_refused_for_bags_of_words(files):
    with pytest.raises(
        InputError, match=r"^text_fields, label_field are options for texts, and bow\.txt was read as a bag"
    ):
        holds_texts([TextInput("bow.txt")], FIELDS)
    with pytest.raises(InputError, match=r"^max_vocabulary is an option for texts, .* because input_format says so"):
        holds_texts([TextInput("a.jsonl")], TextOptions(input_format="bow", max_vocabulary=5))


def test_files_of_both_kinds_are_refused(files):
    with pytest.raises(
        InputError, match=r"All files must hold texts, or all bags of words \(a\.jsonl was read as jsonl"
    ):
        holds_texts([TextInput("bow.txt"), TextInput("a.jsonl")], TextOptions())


def test_with_options_of_texts_an_unknown_format_is_told(files):
    with pytest.raises(InputError, match=r"plain\.txt must have a known format .*Give input_format"):
        holds_texts([TextInput("plain.txt")], FIELDS)
