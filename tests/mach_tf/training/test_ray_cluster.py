from __future__ import annotations

import os
import pathlib
import signal
import sys
import threading
import time
import types

import numpy as np
import pytest

import mach_tf
from mach_tf.errors import InputError
from mach_tf.manifest import ModelManifest
from mach_tf.training import checkpoints, ray_cluster
from mach_tf.training.progress import Progress
from mach_tf.training.results import TrainingResult
from mach_tf.training.stop import Stop
from tests.helpers import tiny

ROOT = pathlib.Path(__file__).parents[3]
SMALL = {
    "strategy": "one_device",
    "plan": None,
    "buckets": 8,
    "hidden_units": 16,
    "batch_size": 16,
    "curves": False,
    "progress": False,
}


class Lost(Exception):
    pass


class Raised(Lost):
    def __init__(self, cause):
        super().__init__(f"a trace\n{cause}")
        self.cause = cause


class FakeRay:
    """A cluster whose tasks end as `outcomes` says, by part: each a result, an exception, or None for one that never ends."""

    exceptions = types.SimpleNamespace(RayError=Lost, RayTaskError=Raised)

    def __init__(self, **outcomes):
        self.outcomes = {tuple(map(int, name[1:].split("_"))): list(values) for name, values in outcomes.items()}
        self.options, self.cancelled, self._calls = None, [], 0

    def remote(self, **options):
        self.options = options
        return lambda _: types.SimpleNamespace(remote=self._start)

    def _start(self, _, part):
        self._calls += 1
        return (self._calls, part, self.outcomes[part].pop(0))

    def wait(self, references, num_returns, timeout):
        return [each for each in references if each[2] is not None][:num_returns], []

    def get(self, reference):
        if isinstance(reference[2], Exception):
            raise reference[2]
        return reference[2]

    def cancel(self, reference):
        self.cancelled.append(reference[1])


def result(*warnings):
    return TrainingResult("model", warnings=warnings)


def run(ray, parts, warned=None, stop=None):
    nodes = [{"CPU": 8.0, "GPU": 2.0}, {"CPU": 4.0, "GPU": 1.0}]
    tasks = ray_cluster._Tasks(ray, None, nodes)
    try:
        return tasks.run(parts, Progress(warn=(warned if warned is not None else []).append), stop or Stop())
    finally:
        tasks.cancel()


def test_each_part_asks_for_all_of_the_smallest_node():
    ray = FakeRay(p0_2=[result("odd")], p2_4=[result("odd", "even")])
    warned = []
    assert run(ray, [(0, 2), (2, 4)], warned) == [result("odd"), result("odd", "even")]
    assert ray.options == {"max_retries": 0, "num_cpus": 4.0, "num_gpus": 1.0}
    assert warned == ["odd", "even"] and not ray.cancelled


def test_a_lost_part_is_started_again_and_said():
    ray, warned = FakeRay(p0_2=[Lost("gone"), result()]), []
    assert run(ray, [(0, 2)], warned) == [result()]
    assert warned == [
        "Ray lost the process that trained repetitions 0:2 (Lost); another one goes on from its last checkpoint (attempt 2 of 4)."
    ]


def test_a_part_that_is_lost_again_and_again_ends_the_run_and_stops_the_others():
    ray = FakeRay(p0_2=[Lost("gone\nfor good")] * 4, p2_4=[None])
    with pytest.raises(InputError, match=r"Repetitions 0:2 must .* Ray lost 4 of them; the last: gone for good\."):
        run(ray, [(0, 2), (2, 4)])
    assert ray.cancelled == [(2, 4)]


@pytest.mark.parametrize(
    ("cause", "kind", "text"),
    [
        (InputError("No points."), InputError, r"^Repetitions 0:2: No points\.$"),
        (MemoryError(), InputError, "need more memory than their node has"),
        (KeyError("a defect"), Raised, "a trace"),
    ],
)
def test_what_a_part_raises_is_not_tried_again(cause, kind, text):
    ray = FakeRay(p0_2=[Raised(cause)], p2_4=[None])
    with pytest.raises(kind, match=text):
        run(ray, [(0, 2), (2, 4)])
    assert ray.cancelled == [(2, 4)]


def test_a_stop_cancels_all_parts():
    class Requested(Stop):
        def requested(self):
            return True

    ray = FakeRay(p0_2=[None])
    assert run(ray, [(0, 2)], stop=Requested()) == [] and ray.cancelled == [(0, 2)]


@pytest.mark.parametrize(
    ("pending", "group_size", "nodes", "begun", "recorded", "parts"),
    [
        (range(8), "auto", 3, [], [], [(0, 3), (3, 6), (6, 8)]),
        (range(8), "auto", 20, [], [], [(r, r + 1) for r in range(8)]),
        (range(8), 4, 3, [], [(0, 1)], [(0, 4), (4, 8)]),
        ([0, 3, 4, 5], 2, 2, [], [], [(0, 4), (4, 6)]),
        (range(8), "auto", 2, [], [(0, 1), (2, 3), (4, 5, 6, 7)], [(0, 2), (2, 4), (4, 8)]),
        (range(8), 2, 2, [(0, 1, 2, 3)], [], [(0, 4), (4, 6), (6, 8)]),
        (range(4), 2, 2, [(0, 3)], [], [(0, 4)]),
    ],
)
def test_parts_are_the_groups_of_a_run_without_a_cluster(
    pending, group_size, nodes, begun, recorded, parts, monkeypatch
):
    monkeypatch.setattr(ray_cluster.checkpoints, "unfinished_groups", lambda _: begun)
    monkeypatch.setattr(ray_cluster.group_plan, "recorded", lambda _: recorded)
    assert ray_cluster.divide("model", pending, group_size, nodes) == parts


def test_without_ray_it_says_what_to_install(dataset, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'mach-tf\[ray\]'"):
        mach_tf.fit(dataset, tmp_path / "model", cluster="auto", **SMALL)
    assert not (tmp_path / "model").exists()


def test_workers_of_tf_config_are_refused(dataset, tmp_path):
    with pytest.raises(InputError, match="got 'multiworker'"):
        mach_tf.fit(dataset, tmp_path / "model", cluster="auto", **{**SMALL, "strategy": "multiworker"})


@pytest.mark.parametrize("address", ["", 6379, True])
def test_what_is_no_address_is_refused(address, dataset, tmp_path):
    with pytest.raises(InputError, match=r"^cluster must be the address of a Ray cluster"):
        mach_tf.fit(dataset, tmp_path / "model", cluster=address, **SMALL)


@pytest.fixture
def cluster(monkeypatch):
    """A Ray cluster on this machine: two nodes of one processor each, beside a head that trains nothing."""
    utilities = pytest.importorskip("ray.cluster_utils", reason="needs the extra ray")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    started = utilities.Cluster(True, head_node_args={"num_cpus": 0, "object_store_memory": 10**8})
    started.nodes = [started.add_node(num_cpus=1, object_store_memory=10**8) for _ in range(2)]
    yield started
    started.shutdown()


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_a_node_that_is_killed_changes_no_bit(dataset, tmp_path, cluster):
    settings = {**SMALL, "repetitions": 4, "group_size": 1, "epochs": 150, "dropout": 0.2, "validation_points": 0}
    alone, ours = str(tmp_path / "alone"), str(tmp_path / "ours")
    mach_tf.fit(dataset, alone, **settings)
    killed = []

    def kill():
        until(lambda: len(checkpoints.unfinished_groups(ours)) == 2)
        killed.extend(checkpoints.positions(ours))
        cluster.remove_node(cluster.nodes[1], allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.warns(UserWarning, match="attempt 2 of 4"):
        model = mach_tf.fit(dataset, ours, cluster=cluster.address, checkpoint_minutes=0.005, **settings)
    killer.join()
    assert len(killed) == 2
    assert model.manifest.decisive() == ModelManifest.read(alone).decisive()
    for repetition in range(4):
        for mine, other in zip(tiny.weights(ours, repetition), tiny.weights(alone, repetition)):
            np.testing.assert_array_equal(mine, other)
    assert not checkpoints.positions(ours) and not [name for name in os.listdir(ours) if name.endswith(".lock")]


@pytest.mark.slow
def test_errors_of_a_node_arrive(dataset, tmp_path, cluster):
    with pytest.raises(InputError, match=r"^Repetitions 0:1: .*learning_rate"):
        mach_tf.fit(
            dataset, tmp_path / "model", cluster=cluster.address, repetitions=2, learning_rate=1e30, epochs=50, **SMALL
        )


@pytest.mark.slow
def test_ctrl_c_saves_the_parts_and_the_same_call_resumes(dataset, tmp_path, cluster):
    ours, handler = str(tmp_path / "ours"), signal.getsignal(signal.SIGTERM)
    settings = {**SMALL, "repetitions": 2, "epochs": 300, "validation_points": 0, "checkpoint_minutes": 0}

    def interrupt():
        until(lambda: len(checkpoints.unfinished_groups(ours)) == 2)
        os.kill(os.getpid(), signal.SIGINT)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt, match="the same call goes on from there"):
        mach_tf.fit(dataset, ours, cluster=cluster.address, **settings)
    interrupter.join()
    assert len(checkpoints.positions(ours)) == 2 and signal.getsignal(signal.SIGTERM) == handler
    assert not [name for name in os.listdir(ours) if name.endswith((".lock", ".partial"))]
    model = mach_tf.fit(dataset, ours, **{**settings, "strategy": "one_device"})
    assert model.manifest.run["groups"] == [[0], [1]]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nonsense", "127.0.0.1:99999"])
def test_an_address_without_a_cluster(address):
    pytest.importorskip("ray", reason="needs the extra ray")
    with pytest.raises(InputError, match=r"must be the address of a running Ray cluster"):
        with ray_cluster._connected(address):
            pass
