"""The streams of a process; tests/mach_tf/programs/test_program.py runs programs with streams that are closed or broken."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from mach_tf.programs import standard_streams


def test_a_pipe_without_a_reader_is_told_from_others():
    reader, writer = os.pipe()
    assert not standard_streams.has_no_reader(writer)
    os.close(reader)
    assert standard_streams.has_no_reader(writer)
    os.close(writer)
    assert not standard_streams.has_no_reader(-1)


def test_a_discarded_descriptor_swallows_what_is_written():
    reader, writer = os.pipe()
    os.close(reader)
    standard_streams.discard(writer)
    assert os.write(writer, b"text") == 4
    os.close(writer)


@pytest.mark.parametrize(("number", "error"), [(32, standard_streams.NoReaderError), (28, OSError)])
def test_flush_names_standard_output(monkeypatch, number, error):
    class Failing(io.StringIO):
        def flush(self):
            raise OSError(number, os.strerror(number))

        def fileno(self):
            return descriptor

    descriptor = os.open(os.devnull, os.O_WRONLY)
    monkeypatch.setattr(sys, "stdout", Failing())
    with pytest.raises(error):
        standard_streams.flush()
    os.close(descriptor)


def test_streams_that_are_missing_lead_to_nowhere(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    standard_streams.prepare()
    assert sys.stderr.writable()


def test_what_is_said_of_an_output_never_mixes_with_it(tmp_path):
    assert standard_streams.beside(str(tmp_path / "top.jsonl")) is sys.stdout
    ask = "import sys; from mach_tf.programs import standard_streams as s; print('said', file=s.beside(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", ask, "/dev/stdout"], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "said\n")
    with open(tmp_path / "log", "w") as log:
        command = [sys.executable, "-c", ask, str(tmp_path / "log")]
        assert subprocess.run(command, stdout=log, stderr=subprocess.PIPE, text=True, check=True).stderr == "said\n"
    assert (tmp_path / "log").read_text() == ""
