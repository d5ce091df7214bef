from __future__ import annotations

import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys

import pytest

from mach_tf.programs import program
from mach_tf.programs.catalogue import PROGRAMS

_PROGRAM = """
from mach_tf import errors
from mach_tf.programs import program
def main(argv):
    {body}
program.run(main)
"""


def run(body, *arguments, stdout=subprocess.DEVNULL, environment=()):
    command = [sys.executable, "-c", _PROGRAM.format(body=body), *arguments]
    every = {**os.environ, **dict(environment)}
    return subprocess.run(
        command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, env=every, preexec_fn=_take_interrupts
    )


def _take_interrupts():
    """What a shell starts in the background ignores SIGINT, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("body", "status", "message", "trace"),
    [
        ("pass", 0, "", False),
        ("raise errors.InputError('fix this')", 1, "error: fix this", False),
        ("raise OSError(28, 'No space left on device', 'there')", 1, "No space left on device: 'there'", False),
        ("open('/dev/null/there')", 1, "error: /dev/null must be a directory, but it is a file.", False),
        ("import os; os.makedirs('/dev/null')", 1, "error: /dev/null must be a directory, but it is a file.", False),
        ("open('/')", 1, "error: / must be a file, but it is a directory.", False),
        ("from absl import logging; logging.warning('look')", 0, "\nwarning: look\n", False),
        ("raise KeyError('a defect')", 1, "error: KeyError: 'a defect'. This is a defect of mach_tf", False),
        ("raise KeyboardInterrupt", 130, "\nInterrupted. ", False),
        ("import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(20)", 130, "\nInterrupted. ", False),
        ("import warnings; warnings.warn('look')", 0, "\nwarning: look\n", False),
        ("print('\\udcff\\u20ac')", 0, "", False),
    ],
)
def test_every_end_is_one_line_without_a_trace(tmp_path, body, status, message, trace):
    done = run(body, environment={"TMPDIR": str(tmp_path), "PYTHONIOENCODING": "ascii"})
    assert done.returncode == status
    assert message in f"\n{done.stderr}" and done.stderr.count("\n") <= 1
    assert ("Traceback" in done.stderr) == trace


def test_the_trace_of_a_defect_is_saved(tmp_path):
    done = run("raise KeyError('a defect')", environment={"TMPDIR": str(tmp_path)})
    (path,) = tmp_path.iterdir()
    assert str(path) in done.stderr and "Traceback (most recent call last)" in path.read_text()


@pytest.mark.parametrize(
    ("body", "arguments"),
    [("print('x' * 100000)", []), ("print('x')", []), ("pass", ["--help"]), ("pass", ["--helpfull"])],
)
@pytest.mark.parametrize("columns", ["30", "80", "400"])
def test_a_reader_that_goes_away_is_no_error(body, arguments, columns):
    """Where the pipe breaks depends on how long the text is: in the middle of it, or when the rest is flushed."""
    reader, writer = os.pipe()
    os.close(reader)
    done = run(body, *arguments, stdout=writer, environment={"COLUMNS": columns})
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_full_standard_output_is_named():
    with open("/dev/full", "w") as full:
        done = run("print('result')", stdout=full)
    assert done.returncode == 1
    assert "error: [Errno 28] No space left on device" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("closed", ["2>&-", "2>&- >&-", "<&- 2>&- >&-"])
def test_no_file_is_opened_in_the_place_of_a_closed_stream(tmp_path, closed):
    body = "file = open('data', 'wb'); import os, sys; os.write(2, b'noise'); print('noise', file=sys.stderr); print('noise')"
    command = shlex.join([sys.executable, "-c", _PROGRAM.format(body=body)])
    assert (
        subprocess.run(
            f"{command} {closed}", shell=True, cwd=tmp_path, check=False, stdout=subprocess.DEVNULL
        ).returncode
        == 0
    )
    assert (tmp_path / "data").read_bytes() == b""


def test_an_argument_that_is_no_flag_is_refused():
    done = run("pass", "input.txt")
    assert done.returncode == 1
    assert done.stderr == "error: 'input.txt' is not a flag; every input is named by a flag. See --help.\n"


@pytest.mark.parametrize(
    ("module", "arguments", "message"),
    [
        (
            "preprocess.to_tfrecord",
            ["train.txt"],
            "'train.txt' is not a flag; every input is named by a flag, such as --train=train.txt. See mach-preprocess --help.",
        ),
        (
            "preprocess.to_tfrecord",
            ["--output_dir", "data", "train.txt"],
            "'train.txt' is not a flag; every input is named by a flag, such as --train=train.txt. See mach-preprocess --help.",
        ),
        ("preprocess.verify", [], "--dataset_dir, --model_dir or --servable is required. See mach-verify --help."),
        (
            "preprocess.verify",
            ["--datset_dir=a"],
            "Unknown command line flag 'datset_dir'. Did you mean: dataset_dir ? See ",
        ),
        ("preprocess.verify", ["--dataset_dir=a", "--verbosity=b"], "flag --verbosity=b: "),
        ("preprocess.verify", ["--flagfile=nowhere.flags"], "Unable to open flagfile: [Errno 2] No such file"),
        ("preprocess.verify", ["--dataset_dir=a"], "a is not a dataset: it holds no dataset.json."),
    ],
)
def test_a_wrong_command_line_gets_one_line(module, arguments, message):
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {message}") and done.stderr.count("\n") == 1


def started(tmp_path, arguments):
    """Runs a program in a folder that holds a train.py and an eval/ of the user's."""
    (tmp_path / "train.py").write_text("raise SystemExit('the train.py of the user')\n")
    for name in ("eval", "explain", "preprocess"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('a folder of the user')\n")
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(program.__file__).parents[2])}
    return subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("entry", PROGRAMS, ids=lambda entry: entry.script)
def test_a_console_script_helps_in_a_folder_with_modules_of_the_same_names(tmp_path, entry):
    """A script's folder, not the current one, comes first on its path."""
    scripts = tmp_path / "bin"
    scripts.mkdir()
    (scripts / entry.script).write_text(f"import sys\nfrom {entry.module} import run\nsys.exit(run())\n")
    done = started(tmp_path, [sys.executable, str(scripts / entry.script), "--help"])
    assert "a folder of the user" not in done.stderr and "the train.py of the user" not in done.stderr
    others = [other for other in PROGRAMS if other != entry]
    assert all(f"  {other.script} " in done.stdout and other.purpose in done.stdout for other in others)
    assert re.search(r"\n +--\w+: ", done.stdout)  # its own flags, though it is not __main__
    assert "absl.app" not in done.stdout  # those of the module alone


@pytest.mark.parametrize("module", ["train.main", "preprocess.to_tfrecord"])
def test_python_m_shows_the_same_help(module):
    done = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=False)
    assert "mach-explain" in done.stdout and "_dir:" in done.stdout
