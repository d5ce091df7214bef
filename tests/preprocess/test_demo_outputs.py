"""What the demo data must not replace; tests/test_outputs_end_to_end.py has the program's side."""

from __future__ import annotations

import pytest

from mach_tf.errors import InputError
from preprocess import demo_outputs
from preprocess.python_files import SourceFile

FIELDS = ("file", "text")


@pytest.mark.parametrize("split", ["train", "valid", "test"])
@pytest.mark.parametrize(
    "mine", ["", "mine", '{"file": "a"}', '{"text": "a", "file": "b"}', "[" * 100_000, '["file", "text"]', "\0", "[1]"]
)
def test_files_of_the_users_own_are_refused(tmp_path, split, mine):
    (tmp_path / f"{split}.jsonl").write_text(mine + "\n")
    with pytest.raises(InputError, match=rf"holds {split}\.jsonl, which this program did not write"):
        demo_outputs.check(str(tmp_path), FIELDS, [])


def test_a_new_directory_and_files_of_an_earlier_run_are_fine(tmp_path):
    demo_outputs.check(str(tmp_path / "new"), FIELDS, [])
    for split in ("train", "valid", "test"):
        (tmp_path / f"{split}.jsonl").write_text('{"file": "a.py", "text": "b c"}\n')
    demo_outputs.check(str(tmp_path), FIELDS, [])


def test_a_source_file_is_not_replaced(tmp_path):
    (tmp_path / "mine.py").write_text("import this")
    (tmp_path / "train.jsonl").symlink_to("mine.py")
    source = SourceFile(str(tmp_path / "mine.py"), "mine.py", "train")
    with pytest.raises(InputError, match="must not be an input"):
        demo_outputs.check(str(tmp_path), FIELDS, [source])
