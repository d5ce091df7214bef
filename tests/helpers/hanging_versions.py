"""Processes of versions that hang: while they load, or when they are asked."""

from __future__ import annotations

import psutil

from mach_tf.serving.service import version_process

# In place of version_main: hangs while it loads if `loads` is False. Otherwise it describes a version, reads the rest of what it is sent
# if `reads`, and hangs.
HANGS = """
import sys, time; sys.path[:] = sys.argv[2:]
from multiprocessing.connection import Connection
from mach_tf.serving.service import messages
connection = Connection(int(sys.argv[1]))
connection.recv_bytes()
connection.send_bytes(messages.encode(DESCRIBED)) if LOADS else time.sleep(600)
connection.recv_bytes() if READS else None
time.sleep(600)
"""
DESCRIBED = {
    "contents": {
        **dict.fromkeys(("name", "estimator", "weights", "dataset_fingerprint"), ""),
        **dict.fromkeys(("features", "labels", "prune"), 1),
        **{"signatures": [], "label_names": False, "versions": {}},
    },
    **{"metadata": {}, "examples": [], "specs": {}, "named_features": False},
}


def start_hanging(monkeypatch, loads, reads=True):
    script = HANGS.replace("DESCRIBED", repr(DESCRIBED)).replace("LOADS", repr(loads)).replace("READS", repr(reads))
    monkeypatch.setattr(version_process, "_START", script)


def children_of_versions():
    """The processes that hang; other tests of this process leave children of their own."""
    return [child for child in psutil.Process().children() if _hangs(child)]


def _hangs(process):
    try:
        return any("time.sleep(600)" in part for part in process.cmdline())
    except psutil.NoSuchProcess:  # it has ended
        return False
