"""Loads the service for minutes while versions come and go, and checks every answer, the latencies and the memory.

    python -m benchmarks.soak --servable=servables/eurlex57k --minutes=10

The newest version of --servable is served from a temporary folder. Its rate is measured first, with as many clients as --clients; the load
is --load of that. Every --reload_seconds a new version appears, a hard link to the first, and the oldest but one goes. Each answer is
compared with that of the same request alone, before the load, byte by byte.

The JSON object on the last line holds the requests, those that failed, those whose answer differed, the versions that answered, p50 and p99 in
milliseconds, by minute too, and the memory in megabytes by minute: the median, the least (one version) and the most (two versions, one of which
is being loaded). "ratios" holds answers that are right over requests (the target is 1), and the memory of the last minute over that of the
second, median and least (the target is 0.95 to 1.05).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
import threading
import time
from typing import Any, Optional

import numpy as np
from absl import flags

from benchmarks import load_client, paced_load, served_points
from benchmarks.paced_load import Answer
from benchmarks.served import Served, serving
from mach_tf import startup
from mach_tf.errors import InputError
from mach_tf.programs import program

FLAGS = flags.FLAGS

flags.DEFINE_string("servable", None, "Serves the newest version in this folder.", required=True)
flags.DEFINE_string("texts", None, "Takes texts from this TSV corpus of Annif instead of random points.")
flags.DEFINE_float("minutes", 10, "Loads the service this long, in minutes.", lower_bound=0.01)
flags.DEFINE_float(
    "rate", 0, "Sends this many requests per second; 0 measures what the service can do, and sends --load of it."
)
flags.DEFINE_float("load", 0.8, "Sends this fraction of the measured rate.", lower_bound=0.01, upper_bound=1)
flags.DEFINE_integer("clients", 8, "Measures the rate with this many clients.", lower_bound=1)
flags.DEFINE_integer("connections", 64, "Sends over this many connections.", lower_bound=1)
flags.DEFINE_float("reload_seconds", 30, "Lets a new version appear this often, in seconds.", lower_bound=1)
flags.DEFINE_integer("entries", 76, "The number of features of each random point.", lower_bound=1)
flags.DEFINE_integer("requests", 500, "Sends this many different requests in turn.", lower_bound=1)
flags.DEFINE_integer("k", 5, "Asks for this many labels.", lower_bound=1)
flags.DEFINE_string("path", "/predict", "Sends them to this path.")
flags.DEFINE_list("flags", [], "Starts the service with these flags too.")

_MEASURED_SECONDS = 5.0
_ANSWER = b'"predictions":'
_VERSION = b'"version":'


class Record:
    """What was seen: answers, and memory by the second."""

    def __init__(self, expected: list[bytes]):
        self.expected = expected
        self.answers: list[tuple[float, float]] = []  # when due, and latency
        self.memory: list[tuple[float, float]] = []
        self.failures: list[str] = []
        self.differing = 0
        self.versions: set[int] = set()

    def observe(self, answer: Answer) -> None:
        """Checks one answer."""
        self.answers.append((answer.due, answer.seconds))
        if answer.status != 200:
            self.failures.append(f"{answer.due:.1f} s: {answer.status} {answer.body[:200]!r}")
            return
        self.differing += _predictions(answer.body) != self.expected[answer.request]
        begin = answer.body.find(_VERSION) + len(_VERSION)
        self.versions.add(int(answer.body[begin : answer.body.find(b",", begin)]))

    def result(self, rate: float) -> dict[str, Any]:
        """Returns the JSON object."""
        requests = len(self.answers)
        minutes = sorted({int(due // 60) for due, _ in self.answers})
        by_minute = [[1000 * seconds for due, seconds in self.answers if due // 60 == minute] for minute in minutes]
        memory = [[mb for at, mb in self.memory if at // 60 == minute] or [0.0] for minute in minutes]
        everything = [1000 * seconds for _, seconds in self.answers]
        of_second = memory[min(1, len(memory) - 1)]
        second, last = (float(np.median(each)) for each in (of_second, memory[-1]))
        return {
            "requests": requests,
            "requests_per_second": round(rate, 1),
            "failed": len(self.failures),
            "failures": self.failures[:5],
            "differing": self.differing,
            "versions": len(self.versions),
            "p50_ms": _percentile(everything, 50),
            "p99_ms": _percentile(everything, 99),
            "p99_ms_by_minute": [_percentile(each, 99) for each in by_minute],
            "memory_mb_by_minute": [round(float(np.median(each))) for each in memory],
            "memory_mb_least_by_minute": [round(min(each)) for each in memory],
            "memory_mb_most_by_minute": [round(max(each)) for each in memory],
            "ratios": {
                "right answers/requests": round(1 - (len(self.failures) + self.differing) / max(requests, 1), 6),
                "memory of the last/of the second minute": round(last / max(second, 1.0), 3),
                "least memory of the last/of the second minute": round(min(memory[-1]) / max(min(of_second), 1.0), 3),
            },
        }


def main(_: list[str]) -> None:
    """Runs the program."""
    startup.prepare()
    newest = max((name for name in os.listdir(FLAGS.servable) if name.isdigit()), key=int, default=None)
    if newest is None:
        raise InputError(f"--servable must be a folder of versions (got {FLAGS.servable}).")
    original = os.path.join(FLAGS.servable, newest)
    bodies = _bodies(original)
    requests = [load_client.request(FLAGS.path, body) for body in bodies]
    # Beside the servable, so that hard links are possible.
    with tempfile.TemporaryDirectory(dir=_parent(FLAGS.servable)) as directory:
        folder = os.path.join(directory, os.path.basename(os.path.abspath(FLAGS.servable)))
        _add(original, folder, 1)
        with serving(folder, ["--reload_seconds=1", *FLAGS.flags]) as served:
            record = Record(asyncio.run(_expected(served.port, requests)))
            rate = FLAGS.rate or FLAGS.load * _measured_rate(served, requests)
            stop = threading.Event()
            threads = [
                threading.Thread(target=_reload, args=(original, folder, FLAGS.reload_seconds, stop)),
                threading.Thread(target=_watch_memory, args=(served, record, stop)),
            ]
            for thread in threads:
                thread.start()
            try:
                asyncio.run(
                    paced_load.load(served.port, requests, rate, 60 * FLAGS.minutes, FLAGS.connections, record.observe)
                )
            finally:
                stop.set()
                for thread in threads:
                    thread.join()
    print(json.dumps(record.result(rate)))


def _bodies(original: str) -> list[bytes]:
    if FLAGS.texts:
        return served_points.bodies(None, FLAGS.texts, FLAGS.k)[: FLAGS.requests]
    from mach_tf.serving.contents import ServableContents

    contents = ServableContents.read(original)
    points = served_points.random_points(contents.features, min(FLAGS.entries, contents.features), 0)
    return served_points.bodies(points[: FLAGS.requests], None, FLAGS.k)


def _parent(folder: str) -> Optional[str]:
    parent = os.path.dirname(os.path.abspath(folder))
    return parent if os.access(parent, os.W_OK) else None


async def _expected(port: int, requests: list[bytes]) -> list[bytes]:
    """Returns the predictions of each request alone."""
    found: list[bytes] = []
    for request in requests:
        await paced_load.load(port, [request], 1e6, 1e-6, 1, lambda answer: found.append(_predictions(answer.body)))
    return found


def _predictions(body: bytes) -> bytes:
    return body[body.find(_ANSWER) :]


def _measured_rate(served: Served, requests: list[bytes]) -> float:
    return float(load_client.load(served.port, requests, FLAGS.clients, _MEASURED_SECONDS)["requests_per_second"])


def _add(original: str, folder: str, number: int) -> None:
    """Makes a version: complete in a folder of another name, and then named by its number."""
    temporary = os.path.join(folder, f"{number}.coming")
    try:
        shutil.copytree(original, temporary, copy_function=os.link)
    except (OSError, shutil.Error):
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(original, temporary)
    os.rename(temporary, os.path.join(folder, str(number)))


def _reload(original: str, folder: str, seconds: float, stop: threading.Event) -> None:
    number = 1
    while not stop.wait(seconds):
        number += 1
        _add(original, folder, number)
        if number > 2:
            shutil.rmtree(os.path.join(folder, str(number - 2)))


def _watch_memory(served: Served, record: Record, stop: threading.Event) -> None:
    begin = time.perf_counter()
    while not stop.wait(1):
        record.memory.append((time.perf_counter() - begin, served.memory_mb()["pss_mb"]))


def _percentile(milliseconds: list[float], percent: int) -> Optional[float]:
    return round(float(np.percentile(milliseconds, percent)), 2) if milliseconds else None


if __name__ == "__main__":
    program.run(main)
