"""What is recorded of how training files were read."""

from __future__ import annotations

import pytest

from mach_tf.data.libsvm import TextInput
from mach_tf.record_layout import RecordLayout
from mach_tf.text.readers.settings import InputSettings
from mach_tf.text.readers.training_layout import training_layout

CSV = "title,tags\nA wave,optics;light\n"
ANNIF = "A wave\thttp://example.org/1\n"


@pytest.mark.parametrize(
    ("files", "settings", "expected"),
    [
        ({"a.csv": CSV}, InputSettings("auto", ("title",), ("tags",), ";"), RecordLayout("auto", (), ("tags",), ";")),
        ({"a.csv": CSV}, InputSettings("csv", ("title",), ("tags",)), RecordLayout("auto", (), ("tags",))),
        ({"a.txt": CSV}, InputSettings("csv", ("title",), ("tags",)), RecordLayout("csv", (), ("tags",))),
        ({"a.tsv": ANNIF}, InputSettings("annif"), RecordLayout("annif", ("tsv",))),
        ({"a.tsv": ANNIF, "b.txt": ANNIF}, InputSettings("annif"), RecordLayout("annif", ("tsv",))),
        (
            {"a.csv": CSV},
            InputSettings("auto", ("title",), ("tags",), label_indicators=True),
            RecordLayout("auto", (), ("tags",), None, True),
        ),
    ],
)
def test_a_format_is_recorded_unless_the_files_show_it(tmp_path, files, settings, expected):
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    assert training_layout([TextInput(str(tmp_path / name)) for name in files], settings) == expected
