"""Batches: while one call of the servable runs, requests gather, and the next call answers them together."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Optional

from mach_tf.serving.service import jobs, problems
from mach_tf.serving.service.jobs import Arrays, Job, Totals


@dataclasses.dataclass(frozen=True)
class BatchLimits:
    """How requests are batched.

    Attributes:
      points: most points per call; a larger request is a call of its own.
      delay: seconds that a request waits for others while no call runs.
      queued: most points that wait; further requests are refused.
      timeout: seconds after which a request that is not answered is given up.
      explained: most pairs of a point and a label per call that explains; a larger request is a call of its own.
      attributions: most pairs of a feature and a label per call that explains, likewise.
    """

    points: int = 64
    delay: float = 0.0
    queued: int = 1024
    timeout: float = 10.0
    explained: int = 640
    attributions: int = 2_000_000


@dataclasses.dataclass
class _Waiting:
    job: Job
    answered: asyncio.Future[Arrays]
    since: float


class Batcher:
    """Queues jobs, and answers them in batches of one signature. Used from one event loop.

    Attributes:
      queued: number of points that wait.
    """

    def __init__(
        self,
        answer: Callable[[Job], Arrays],
        limits: BatchLimits,
        observe: Callable[[int], None] = lambda points: None,
    ):
        """Creates the queue.

        Args:
          answer: answers a job; called in another thread.
          limits: the limits.
          observe: called with the number of points of each call.
        """
        self._answer = answer
        self._limits = limits
        self._observe = observe
        self._waiting: collections.deque[_Waiting] = collections.deque()
        # One call at a time: TensorFlow divides each among all processors.
        self._pool = ThreadPoolExecutor(1, "batch")
        self._running: Optional[asyncio.Task[None]] = None
        self.queued = 0

    async def submit(self, job: Job) -> Arrays:
        """Returns the answer to a job.

        Raises:
          RequestError: the queue is full, the time is over, or the content of the job breaks a rule.
        """
        if self.queued and self.queued + job.points > self._limits.queued:
            raise problems.busy()
        waiting = _Waiting(job, asyncio.get_running_loop().create_future(), time.monotonic())
        self._waiting.append(waiting)
        self.queued += job.points
        self._start()
        try:
            return await asyncio.wait_for(waiting.answered, self._limits.timeout)
        except asyncio.TimeoutError:
            raise problems.too_slow(self._limits.timeout) from None

    async def close(self, seconds: Optional[float] = None) -> None:
        """Waits until everything that was accepted is answered, but at most `seconds` if they are given."""
        if self._running is not None:
            await asyncio.wait([self._running], timeout=seconds)
        self._pool.shutdown(wait=False)

    def _start(self) -> None:
        if self._running is None or self._running.done():
            self._running = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while self._waiting:
            if self._limits.delay and self.queued < self._limits.points:
                await asyncio.sleep(max(0.0, self._waiting[0].since + self._limits.delay - time.monotonic()))
            batch = self._take()
            if not batch:
                continue
            loop = asyncio.get_running_loop()
            try:
                self._observe(sum(waiting.job.points for waiting in batch))
                merged = jobs.merge([waiting.job for waiting in batch])
                answer = await loop.run_in_executor(self._pool, self._answer, merged)
                parts = jobs.divide(answer, [waiting.job for waiting in batch])
            except Exception as error:  # whoever waits must learn of it
                await self._one_by_one(batch, error)
                continue
            for waiting, part in zip(batch, parts):
                if not waiting.answered.done():
                    waiting.answered.set_result(part)

    async def _one_by_one(self, batch: list[_Waiting], error: Exception) -> None:
        """Answers the jobs of a batch in which one is wrong each alone, so that only the wrong one fails."""
        if len(batch) == 1:
            return _fail(batch, error)
        for waiting in batch:
            if waiting.answered.done():  # given up
                continue
            loop = asyncio.get_running_loop()
            try:
                answer = await loop.run_in_executor(self._pool, self._answer, waiting.job)
            except Exception as own:
                _fail([waiting], own)
                continue
            if not waiting.answered.done():
                waiting.answered.set_result(jobs.divide(answer, [waiting.job])[0])

    def _take(self) -> list[_Waiting]:
        """Takes the first job and those after it of the same signature, up to the limit; drops those that nobody waits for."""
        batch: list[_Waiting] = []
        left: collections.deque[_Waiting] = collections.deque()
        limits = (self._limits.points, self._limits.explained, self._limits.attributions)
        totals = Totals()
        while self._waiting:
            waiting = self._waiting.popleft()
            job = waiting.job
            if waiting.answered.done():  # given up
                self.queued -= job.points
                continue
            together = totals.plus(job)
            if batch and not job.joins(batch[0].job, together, *limits):
                left.append(waiting)
            else:
                batch.append(waiting)
                totals = together
                self.queued -= job.points
        self._waiting = left
        return batch


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.answered.done():
            waiting.answered.set_exception(error)
