from __future__ import annotations

import os

import pytest
from absl import flags

from mach_tf.errors import InputError
from mach_tf.programs.flag_values import check_arguments, check_values


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999"])
def test_a_number_that_is_not_finite_is_refused(text):
    values = flags.FlagValues()
    flags.DEFINE_float("hours", 1.0, "Hours.", lower_bound=0 if text == "nan" else None, flag_values=values)
    values(["program", f"--hours={text}"])
    with pytest.raises(InputError, match=r"^--hours must be a finite number \(got -?(nan|inf)\)"):
        check_values(values)


@pytest.mark.parametrize(
    ("text", "accepted"), [(f"{2**63 - 1}", True), (f"{2**63}", False), ("0x" + "f" * 5000, False)]
)
def test_an_integer_has_at_most_64_bits(text, accepted):
    values = flags.FlagValues()
    flags.DEFINE_integer("epochs", 1, "Epochs.", flag_values=values)
    flags.DEFINE_bool("overwrite", True, "Overwrites.", flag_values=values)
    values(["program", f"--epochs={text}"])
    if accepted:
        check_values(values)
    else:
        with pytest.raises(InputError, match=r"^--epochs must have at most 64 bits"):
            check_values(values)


def test_an_argument_that_is_not_utf8_is_refused():
    with pytest.raises(InputError, match=r"must be UTF-8 \(got --train=\\xff\.txt\)"):
        check_arguments(["program", os.fsdecode(b"--train=\xff.txt")])
    check_arguments(["program", "--train=\u00e4.txt"])


@pytest.mark.parametrize("form", ["--flagfile={}", "-flagfile={}", "--flagfile {}"])
def test_a_flagfile_is_text_that_ends(tmp_path, form):
    def arguments(path):
        return ["program", *form.format(path).split()]

    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero", tmp_path):
        with pytest.raises(InputError, match="must be a regular file"):
            check_arguments(arguments(path))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="must be UTF-8 text"):
        check_arguments(arguments(tmp_path / "binary"))
    (tmp_path / "flags").write_text("--epochs=1\n")
    check_arguments(arguments(tmp_path / "flags"))
    check_arguments(arguments(tmp_path / "missing"))  # absl names it


@pytest.mark.parametrize("name", ["input", "output", "model_dir", "dataset_dir", "output_dir"])
def test_an_empty_path_is_refused(name):
    values = flags.FlagValues()
    flags.DEFINE_string(name, None, "A path.", flag_values=values)
    flags.DEFINE_string("test", "", "Files, which may be none.", flag_values=values)
    flags.DEFINE_string("log_dir", "", "A path that absl leaves empty.", flag_values=values)
    values(["program", "--test="])
    check_values(values)
    values(["program", f"--{name}="])
    with pytest.raises(InputError, match=rf"^--{name} must be a path \(got an empty one\)"):
        check_values(values)


@pytest.mark.parametrize("form", ["--flagfile={}", "--flagfile {}"])
def test_the_output_is_not_the_flagfile(tmp_path, form):
    flagfile, link = tmp_path / "mine.flags", tmp_path / "link"
    flagfile.write_text("--output=x\n")
    link.symlink_to(flagfile)
    values = flags.FlagValues()
    flags.DEFINE_string("output", None, "A path.", flag_values=values)
    read = check_arguments(["program", *form.format(flagfile).split()])
    for output, refused in ((link, True), (tmp_path / "new", False), (tmp_path, False)):
        values(["program", f"--output={output}"])
        if refused:
            with pytest.raises(InputError, match=r"--output must not be the flagfile .*mine\.flags"):
                check_values(values, read)
        else:
            check_values(values, read)
