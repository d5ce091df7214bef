from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from mach_tf.serving.service.batcher import Batcher, BatchLimits
from mach_tf.serving.service.jobs import Job
from mach_tf.serving.service.problems import RequestError, invalid
from tests.helpers import event_loops
from tests.helpers.waiting import LONG

# Seconds that pass only where a test skips them.
HOURS = 10_000.0


def job(value, points=1, signature="double"):
    return Job(signature, {"x": np.full((points, 1), value)}, points, 1)


class Model:
    """Doubles what it gets, once `gate` is open, and remembers the sizes of its calls."""

    def __init__(self, open_gate=True):
        self.calls, self.signatures = [], []
        self.begun, self.gate = threading.Event(), threading.Event()
        if open_gate:
            self.gate.set()

    def __call__(self, merged):
        self.begun.set()
        self.gate.wait(LONG)
        self.calls.append(merged.points)
        self.signatures.append(merged.signature)
        if (merged.inputs["x"] < 0).any():
            raise invalid("x must not be negative")
        if (merged.inputs["x"] == 13).any():
            raise ValueError("a defect")
        return {"y": 2 * merged.inputs["x"]}


def test_each_job_gets_its_own_answer():
    async def run():
        batcher = Batcher(Model(), BatchLimits(points=8))
        found = await asyncio.gather(*(batcher.submit(job(i, 1 + i % 3)) for i in range(1, 40) if i != 13))
        await batcher.close()
        return found

    expected = [(1 + i % 3, 2 * i) for i in range(1, 40) if i != 13]
    assert [(len(part["y"]), part["y"][0, 0]) for part in asyncio.run(run())] == expected


def test_jobs_gather_while_a_call_runs():
    async def run():
        model, sizes = Model(open_gate=False), []
        batcher = Batcher(model, BatchLimits(points=10), sizes.append)
        tasks = [asyncio.create_task(batcher.submit(job(1))) for _ in range(25)]
        await asyncio.sleep(0.05)
        model.gate.set()
        await asyncio.gather(*tasks)
        assert sizes == model.calls
        return model.calls, batcher.queued

    calls, queued = asyncio.run(run())
    assert queued == 0
    assert max(calls) <= 10
    assert len(calls) <= 4


def test_a_delay_lets_jobs_wait_for_others():
    async def run(loop):
        model = Model()
        batcher = Batcher(model, BatchLimits(points=10, delay=HOURS, timeout=2 * HOURS))
        first = asyncio.create_task(batcher.submit(job(1)))
        await asyncio.sleep(0.02)
        second = asyncio.create_task(batcher.submit(job(2)))
        await asyncio.sleep(0)
        assert not model.begun.is_set()
        loop.skip(HOURS)
        await asyncio.gather(first, second)
        return model.calls

    assert event_loops.run(run) == [2]


def test_one_wrong_job_fails_alone():
    async def run():
        model = Model(open_gate=False)
        batcher = Batcher(model, BatchLimits())
        tasks = [asyncio.create_task(batcher.submit(job(value))) for value in (7, 1, -1, 2)]
        await asyncio.sleep(0.05)
        model.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(run())
    assert isinstance(found[2], RequestError)
    assert [part["y"][0, 0] for part in (found[0], found[1], found[3])] == [14, 2, 4]


def test_jobs_that_were_given_up_are_not_asked_alone():
    async def run(loop):
        asked, begun, gate = [], threading.Event(), threading.Event()

        def fail(merged):
            asked.append(merged.points)
            begun.set()
            gate.wait(LONG)
            raise ValueError("it hung")

        batcher = Batcher(fail, BatchLimits(timeout=HOURS))
        tasks = [asyncio.create_task(batcher.submit(job(1))) for _ in range(3)]
        await asyncio.to_thread(begun.wait, LONG)
        loop.skip(HOURS)
        found = await asyncio.gather(*tasks, return_exceptions=True)
        gate.set()
        await batcher.close()
        return asked, {error.status for error in found}

    assert event_loops.run(run) == ([3], {504})


def test_a_defect_harms_no_other_job():
    """13 fails in the model; the job with two columns cannot be merged with the others."""

    async def run():
        model = Model(open_gate=False)
        batcher = Batcher(model, BatchLimits())
        wide = Job("double", {"x": np.full((1, 2), 5)}, 1, 1)
        tasks = [asyncio.create_task(batcher.submit(each)) for each in (job(7), job(1), job(13), wide, job(2))]
        await asyncio.sleep(0.05)
        model.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(run())
    assert isinstance(found[2], ValueError)
    assert [found[place]["y"][0, 0] for place in (0, 1, 3, 4)] == [14, 2, 10, 4]


def test_a_defect_reaches_whoever_waits():
    async def run():
        await Batcher(Model(), BatchLimits()).submit(job(13))

    with pytest.raises(ValueError, match="a defect"):
        asyncio.run(run())


def test_what_cannot_be_measured_is_told_to_whoever_waits():
    """prometheus_client writes to files if there are several workers, and a disk may be full."""

    def observe(_):
        raise OSError("No space left on device")

    async def run():
        await asyncio.wait_for(Batcher(Model(), BatchLimits(), observe).submit(job(1)), LONG)

    with pytest.raises(OSError, match="No space left"):
        asyncio.run(run())


def test_signatures_are_not_mixed():
    async def run():
        model = Model(open_gate=False)
        batcher = Batcher(model, BatchLimits())
        tasks = [asyncio.create_task(batcher.submit(job(i, signature="ab"[i % 2]))) for i in range(1, 7)]
        await asyncio.sleep(0.05)
        model.gate.set()
        found = await asyncio.gather(*tasks)
        assert [part["y"][0, 0] for part in found] == [2, 4, 6, 8, 10, 12]
        return model.calls, model.signatures

    assert asyncio.run(run()) == ([3, 3], ["b", "a"])


def test_a_full_queue_refuses_and_a_slow_call_is_given_up():
    async def run(loop):
        model = Model(open_gate=False)
        batcher = Batcher(model, BatchLimits(points=1, queued=2, timeout=HOURS))
        tasks = [asyncio.create_task(batcher.submit(job(1))) for _ in range(6)]
        await asyncio.to_thread(model.begun.wait, LONG)
        loop.skip(HOURS)
        found = await asyncio.gather(*tasks, return_exceptions=True)
        model.gate.set()
        await batcher.close()
        return [error.status for error in found], batcher.queued

    statuses, queued = event_loops.run(run)
    assert statuses.count(503) >= 2
    assert set(statuses) == {503, 504}
    assert queued == 0


def test_closing_waits_for_what_was_accepted():
    async def run():
        model = Model(open_gate=False)
        batcher = Batcher(model, BatchLimits(points=2))
        tasks = [asyncio.create_task(batcher.submit(job(i))) for i in range(1, 6)]
        await asyncio.sleep(0.05)
        asyncio.get_running_loop().call_later(0.05, model.gate.set)
        await batcher.close()
        return [task.done() and task.result()["y"][0, 0] for task in tasks]

    assert asyncio.run(run()) == [2, 4, 6, 8, 10]


def test_closing_waits_for_a_call_that_hangs_only_as_long_as_it_is_told():
    async def run(loop):
        model = Model(open_gate=False)
        batcher = Batcher(model, BatchLimits(timeout=HOURS))
        task = asyncio.create_task(batcher.submit(job(1)))
        await asyncio.to_thread(model.begun.wait, LONG)
        loop.skip(HOURS)
        with pytest.raises(RequestError):
            await task
        closing = asyncio.create_task(batcher.close(HOURS))
        await asyncio.sleep(0.02)
        assert not closing.done()
        loop.skip(HOURS)
        await asyncio.wait_for(closing, LONG)
        assert not model.calls
        model.gate.set()

    event_loops.run(run)


def test_versions_and_too_many_explained_labels_are_not_mixed():
    async def run(jobs):
        model = Model(open_gate=False)
        batcher = Batcher(model, BatchLimits(explained=12))
        tasks = [asyncio.create_task(batcher.submit(each)) for each in jobs]
        await asyncio.sleep(0.05)
        model.gate.set()
        await asyncio.gather(*tasks)
        return model.calls

    assert asyncio.run(run([job(1)] * 3)) == [3]
    assert asyncio.run(run([job(1)._replace(served=object()) for _ in range(3)])) == [1, 1, 1]
    explained = [job(1, 2, "explain")._replace(k=k) for k in (1, 1, 3, 1)]
    assert asyncio.run(run(explained)) == [6, 2], "6 points times 3 labels are too many"


def test_too_many_features_are_not_explained_together():
    def explained(features):
        inputs = {"row_splits": np.array([0, features]), "feature_ids": np.arange(features), "x": np.ones((1, 1))}
        return Job("explain", inputs, 1, 3)

    async def run(sizes):
        model = Model(open_gate=False)
        batcher = Batcher(model, BatchLimits(attributions=12))
        tasks = [asyncio.create_task(batcher.submit(explained(size))) for size in sizes]
        await asyncio.sleep(0.05)
        model.gate.set()
        await asyncio.gather(*tasks)
        return model.calls

    assert asyncio.run(run([1, 2, 1])) == [3]
    assert asyncio.run(run([2, 2, 1, 9])) == [2, 1, 1], "9 features are a call of their own"
