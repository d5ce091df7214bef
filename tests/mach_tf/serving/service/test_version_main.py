"""The process of a version, as far as it needs no process; test_version_process.py starts one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mach_tf.serving.contents import ServableContents
from mach_tf.serving.service import messages, problems, version_main
from mach_tf.serving.service.jobs import InputSpec
from mach_tf.serving.service.messages import Message
from mach_tf.serving.service.served import Served
from tests.helpers.waiting import LONG

CONTENTS = ServableContents("demo", 3, 3, "logit_mean", "float32", 0.0, ["sparse"], True, "", {})


class Loaded(Served):
    def __init__(self):
        specs = {"sparse": {"feature_ids": InputSpec(np.dtype(np.int64), (None,))}}
        super().__init__(1, CONTENTS, {"sparse": {}}, ({"title": "a"},), specs, True)

    def answer(self, job):
        if job.k > 3:
            raise problems.invalid("k is too large")
        return {"labels": job.inputs["feature_ids"][: 10 // job.k]}

    def feature_names(self):
        return np.array([b"cat", b"dog"], object)

    def close(self):
        pass


def answer(value, **arrays):
    return messages.decode(version_main._answer(Loaded(), Message(value, arrays)))


def test_questions_are_answered():
    asked = {"signature": "sparse", "points": 1, "k": 3}
    assert answer(asked, feature_ids=np.arange(9)).arrays["labels"].tolist() == [0, 1, 2]
    assert answer({messages.NAMES: True}).arrays[messages.NAMES].tolist() == [b"cat", b"dog"]


def test_a_refusal_and_a_defect_are_told_apart(caplog):
    refused = answer({"signature": "sparse", "points": 1, "k": 9}, feature_ids=np.arange(9))
    assert refused.value == {messages.REFUSED: "k is too large"}
    failed = answer({"signature": "sparse", "points": 1, "k": 0}, feature_ids=np.arange(9))
    assert failed.value == {messages.FAILED: "ZeroDivisionError"}
    assert "Traceback" in caplog.text


def test_a_version_is_described_in_json():
    described = messages.decode(messages.encode(version_main._description(Loaded()))).value
    assert described["specs"] == {"sparse": {"feature_ids": ["<i8", [None]]}}
    assert ServableContents(**described["contents"]) == CONTENTS
    assert (described["examples"], described["named_features"]) == ([{"title": "a"}], True)


def test_a_process_that_hangs_or_loads_ends_with_the_service():
    start = (
        "import sys, time; sys.path[:] = sys.argv[2:]; from mach_tf.serving.service import version_main; "
        "version_main._serve = lambda _: print(flush=True) or time.sleep(600); version_main.main()"
    )
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-c", start, str(theirs.fileno()), *sys.path]
    with ours, subprocess.Popen(command, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE) as process:
        theirs.close()
        try:
            assert process.stdout and process.stdout.readline() == b"\n"
            ours.send(b"x")
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.3)
            ours.close()
            assert process.wait(LONG) == -9
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no niceness of their own")
@pytest.mark.parametrize("already", [0, 12])
def test_only_the_thread_that_loads_yields(already):
    def start():
        os.nice(already)
        version_main._yield_to_others()

    with ThreadPoolExecutor(1, initializer=start) as pool:
        loading = pool.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())).result()
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert loading > own or loading == 19
    assert loading == min(19, own + already + 10)
