"""A version in a process of its own: it answers as in this process, and is replaced if it dies."""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import psutil
import pytest

from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.serving.exporting import export
from mach_tf.serving.service import messages, version_process
from mach_tf.serving.service.jobs import Job
from mach_tf.serving.service.problems import RequestError
from mach_tf.serving.service.served_version import ServedVersion
from mach_tf.serving.service.version_process import VersionProcess
from tests.helpers.hanging_versions import DESCRIBED, children_of_versions, start_hanging
from tests.helpers.waiting import LONG, until


@pytest.fixture(scope="module")
def directory(evaluated, tmp_path_factory):
    path = tmp_path_factory.mktemp("servables") / "tiny" / "1"
    export(Ensemble.load(evaluated.model_dir), path)
    return path


def job(ids, k=3):
    inputs = {"row_splits": [0, len(ids)], "feature_ids": ids, "feature_values": [1.0] * len(ids)}
    return Job("sparse", {name: np.array(value) for name, value in inputs.items()}, 1, k)


def until_ended(process):
    until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


def test_it_answers_as_in_this_process_and_is_replaced_when_it_dies(directory, caplog):
    here = ServedVersion.load(str(directory), 1)
    version = VersionProcess(str(directory), 1)
    assert version.contents.labels == here.contents.labels and version.contents.signatures == here.contents.signatures
    assert (version.metadata, version.specs) == (here.metadata, here.specs)
    assert version.feature_ids is None
    expected = here.answer(job([3, 4]))
    for killed in (False, True):
        if killed:
            psutil.Process(version._process._process.pid).kill()
        found = version.answer(job([3, 4]))
        assert {*found} == {*expected}
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert "The process of version 1 ended; another is started." in caplog.text
    with pytest.raises(RequestError, match=r"point 0: feature_ids must be in \[0, 60\) \(got 60\)"):
        version.answer(job([3, 60]))
    with pytest.raises(UnicodeEncodeError):
        version.answer(job([3])._replace(inputs={"texts": np.array(["\ud800"], object)}))
    with pytest.raises(RuntimeError, match="failed with KeyError"):
        version.answer(job([3])._replace(signature="none"))
    process = psutil.Process(version._process._process.pid)
    np.testing.assert_array_equal(version.answer(job([3, 4]))["labels"], expected["labels"])
    # A terminal sends these to all of its processes, and the service still answers what it accepted.
    process.send_signal(2)
    process.terminate()
    np.testing.assert_array_equal(version.answer(job([3, 4]))["labels"], expected["labels"])
    del version
    gc.collect()
    until_ended(process)


def test_what_cannot_be_loaded_is_refused(directory, tmp_path):
    shutil.copytree(directory, tmp_path / "1")
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"x")
    with pytest.raises(InputError, match=r"saved_model.pb must have \d+ bytes \(got 1\)"):
        VersionProcess(str(tmp_path / "1"), 1)


def hanging(monkeypatch, reads, seconds):
    start_hanging(monkeypatch, True, reads)
    monkeypatch.setattr(version_process, "_HANGING_SECONDS", seconds)
    version = VersionProcess("a/1", 1, timeout=0.01)
    return version, psutil.Process(version._process._process.pid)


@pytest.mark.parametrize("reads", [True, False])
def test_a_process_that_hangs_is_ended_and_not_asked_again(monkeypatch, caplog, reads):
    version, process = hanging(monkeypatch, reads, 0.3)
    large = job([3])._replace(inputs={"feature_ids": np.zeros(1 << 20, np.int64)})
    begin = time.monotonic()
    with pytest.raises(RequestError, match="process of the model ended"):
        version.answer(large)
    assert time.monotonic() - begin < LONG
    until_ended(process)
    assert "did not answer within 0.3 s" in caplog.text
    assert "another is started" not in caplog.text


def test_a_version_that_is_not_loaded_in_time_is_refused_and_its_process_ended(monkeypatch):
    start_hanging(monkeypatch, False)
    begin = time.monotonic()
    with pytest.raises(InputError, match=r"a/1 must be .* loaded within 0\.3 s, but .* raise --load_timeout"):
        VersionProcess("a/1", 1, load_timeout=0.3)
    assert time.monotonic() - begin < LONG
    until(lambda: not children_of_versions())


def test_a_version_that_was_loaded_is_not_loaded_for_ever_in_its_second_process(monkeypatch, caplog):
    start_hanging(monkeypatch, True)
    version = VersionProcess("a/1", 1)
    start_hanging(monkeypatch, False)
    version._process._process.kill()
    version._start.keywords["load_timeout"] = 0.3
    with pytest.raises(RequestError, match="process of the model ended"):
        version.answer(job([3]))
    assert "cannot be started: a/1 must be" in caplog.text
    assert not version.ready
    until(lambda: not children_of_versions())


def test_a_limit_of_centuries_is_none(monkeypatch):
    start_hanging(monkeypatch, True)
    VersionProcess("a/1", 1, timeout=1e300, load_timeout=1e300).close()


@pytest.mark.parametrize("loads", [True, False], ids=["answer", "load"])
def test_the_end_of_the_service_ends_a_call_that_hangs(monkeypatch, loads):
    version, process = hanging(monkeypatch, True, 60)
    if not loads:
        start_hanging(monkeypatch, False)
        process.kill()
        until_ended(process)
    refused = []

    def ask():
        try:
            version.answer(job([3]))
        except RequestError as error:
            refused.append(error.code)

    asking = threading.Thread(target=ask)
    asking.start()
    until(children_of_versions)
    time.sleep(0.1)  # the call has mostly begun by then; if not, it is refused all the same
    version.close()
    asking.join(LONG)
    assert refused == ["stopping"], "no other process is started"
    until(lambda: not children_of_versions())
    version.close()


def test_a_stopped_process_ends_with_its_version(monkeypatch):
    version, process = hanging(monkeypatch, True, 60)
    process.suspend()
    del version
    gc.collect()
    until_ended(process)


def test_modules_of_the_working_directory_are_not_imported(tmp_path):
    (tmp_path / "signal.py").write_text("raise SystemExit(3)")
    start = version_process._START.rpartition("from mach_tf")[0]
    path = [place for place in sys.path if place]
    assert subprocess.run([sys.executable, "-c", start, "0", *path], check=False, cwd=tmp_path).returncode == 0


class Scripted:
    """In place of a process: dies when it is told to, and answers by its number."""

    started: list[Scripted] = []  # noqa: RUF012
    fails = False

    def __init__(self, *_, **__):
        self.dies = 0
        self.over = False
        self.described = DESCRIBED

    def load(self):
        if Scripted.fails:
            self.over = True
            raise InputError("memory is short")
        Scripted.started.append(self)
        return self.described

    def ask(self, value, arrays=None):
        if self.dies:
            self.over = True
            raise EOFError
        return messages.Message({}, {"process": np.array(Scripted.started.index(self))})

    def ended(self):
        return self.over

    def end(self):
        self.over = True


@pytest.fixture
def scripted(monkeypatch):
    monkeypatch.setattr(version_process, "_Process", Scripted)
    monkeypatch.setattr(Scripted, "started", [])
    monkeypatch.setattr(Scripted, "fails", False)
    return VersionProcess("a/1", 1)


def test_a_question_is_asked_twice_at_most(scripted, monkeypatch):
    Scripted.started[0].dies = 1
    assert scripted.answer(job([3]))["process"] == 1, "another process answers"
    monkeypatch.setattr(Scripted, "ask", lambda self, *_: setattr(self, "over", True) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        scripted.answer(job([3]))

    def die(self, *_):
        self.over = True
        raise EOFError

    monkeypatch.setattr(Scripted, "ask", die)
    with pytest.raises(RequestError) as refused:
        scripted.answer(job([3]))
    assert (refused.value.status, refused.value.code, refused.value.retry_after) == (503, "restarting", 1)
    assert len(Scripted.started) == 4


def test_what_cannot_be_started_is_tried_again_after_a_pause(scripted, monkeypatch, caplog):
    Scripted.started[0].over = Scripted.fails = True
    monkeypatch.setattr(version_process.time, "monotonic", lambda: 1.0)
    for _ in range(3):
        with pytest.raises(RequestError, match="process of the model ended"):
            scripted.answer(job([3]))
    assert not scripted.ready
    assert caplog.text.count("cannot be started: memory is short") == 1
    monkeypatch.setattr(version_process.time, "monotonic", lambda: 1.0 + version_process._PAUSE)
    Scripted.fails = False
    assert scripted.answer(job([3]))["process"] == 1
    assert scripted.ready


def test_one_that_dies_unasked_is_replaced_unasked(scripted, monkeypatch):
    scripted.restart_if_ended()
    assert len(Scripted.started) == 1
    Scripted.started[0].over = Scripted.fails = True
    scripted.restart_if_ended()
    assert not scripted.ready
    Scripted.fails = False
    monkeypatch.setattr(version_process.time, "monotonic", lambda: time.time() + 1e9)
    with scripted._lock:
        scripted.restart_if_ended()  # does not wait for a request
    assert not scripted.ready
    scripted.restart_if_ended()
    assert scripted.ready
    assert len(Scripted.started) == 2


def test_another_servable_in_the_same_folder_does_not_take_over_unseen(scripted, monkeypatch, caplog):
    class Other(Scripted):
        def __init__(self, *_, **__):
            super().__init__()
            self.described = {**self.described, "metadata": {"sparse": {}}}

    Scripted.started[0].over = True
    scripted._start = Other
    with pytest.raises(RequestError):
        scripted.answer(job([3]))
    assert "holds another servable now" in caplog.text
    assert not scripted.ready
