"""What the demo data set must not replace; tests/test_outputs_end_to_end.py has the program's side."""

from __future__ import annotations

import pytest

from mach_tf.errors import InputError
from preprocess import demo_outputs
from preprocess.python_files import SourceFile


@pytest.mark.parametrize("name", ["train.txt", "valid.txt", "test.txt", "feature_names.txt", "label_names.txt"])
def test_files_of_the_users_own_are_refused_and_those_of_an_earlier_run_are_not(tmp_path, name):
    demo_outputs.check(str(tmp_path / "new"), [])
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=rf"holds {name}, which this program did not write"):
        demo_outputs.check(str(tmp_path), [])
    for split in ("train", "valid", "test"):
        (tmp_path / f"{split}_files.txt").touch()
    demo_outputs.check(str(tmp_path), [])


def test_a_source_file_is_not_replaced(tmp_path):
    (tmp_path / "mine.py").write_text("import this")
    (tmp_path / "train_files.txt").symlink_to("mine.py")
    source = SourceFile(str(tmp_path / "mine.py"), "mine.py", "train")
    with pytest.raises(InputError, match="must not be an input"):
        demo_outputs.check(str(tmp_path), [source])
