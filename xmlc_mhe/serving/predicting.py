"""Predictions in a few threads; texts that wait for one are tagged together."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..ranking.candidates import NUM_CANDIDATES
from .models import ServedModel
from .problems import Problem

MOST_TOGETHER = 16  # texts in one call of the model

Suggestion = tuple[int, float]  # label, probability


@dataclass
class _Text:
    served: ServedModel
    k: int
    text: str
    done: asyncio.Future[Any]


@dataclass
class _Call:
    function: Callable[[], Any]
    done: asyncio.Future[Any]


class Predictor:
    """Runs models in threads, whose kernels release the interpreter. All methods belong to the event loop.

    No text waits for company: a free thread takes a text at once, and where all are at work, the next free one takes
    those that have come in between. Requests that nobody waits for any more are left out.

    Args:
        threads: how many predictions run at a time.
        seconds: how long a caller waits at most.
    """

    def __init__(self, *, threads: int, seconds: float, most_together: int = MOST_TOGETHER) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="predict")
        self._free, self._seconds, self._most_together = threads, seconds, most_together
        self._waiting: deque[_Text | _Call] = deque()

    async def suggest(self, served: ServedModel, text: str, k: int) -> list[Suggestion]:
        """Return the k best labels of one text with their probabilities, best first."""
        job = _Text(served, num_predicted(served, k), text, asyncio.get_running_loop().create_future())
        return (await self._wait_for(job))[:k]

    async def run(self, function: Callable[[], Any]) -> Any:
        """Return what a function returns that runs in one of the threads."""
        return await self._wait_for(_Call(function, asyncio.get_running_loop().create_future()))

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    async def _wait_for(self, job: _Text | _Call) -> Any:
        self._waiting.append(job)
        self._start()
        try:
            return await asyncio.wait_for(job.done, self._seconds)
        except asyncio.TimeoutError:  # noqa: UP041  # Python 3.10 has its own
            detail = f"The answer must be there in {self._seconds:g} seconds. It is not; send less, or try again."
            raise Problem(503, detail, {"Retry-After": "1"}) from None

    def _start(self) -> None:
        while self._free and self._waiting:
            jobs = self._next_jobs()
            if not jobs:
                continue
            self._free -= 1
            first = jobs[0]
            if isinstance(first, _Call):
                work: Callable[[], Sequence[Any]] = partial(_call, first.function)
            else:
                work = partial(suggestions, first.served, [job.text for job in jobs], first.k)  # type: ignore[union-attr]
            asyncio.get_running_loop().run_in_executor(self._pool, work).add_done_callback(partial(self._end, jobs))

    def _next_jobs(self) -> list[_Text | _Call]:
        """Take what the next thread does: one call, or texts that one call of a model can tag."""
        jobs: list[_Text | _Call] = []
        while self._waiting and len(jobs) < self._most_together:
            job = self._waiting[0]
            if not job.done.done():
                if jobs and not _go_together(jobs[0], job):
                    break
                jobs.append(job)
            self._waiting.popleft()
        return jobs

    def _end(self, jobs: list[_Text | _Call], finished: asyncio.Future[Sequence[Any]]) -> None:
        self._free += 1
        error = finished.exception()
        for number, job in enumerate(jobs):
            if job.done.done():
                continue
            if error is not None:
                job.done.set_exception(error)
            else:
                job.done.set_result(finished.result()[number])
        self._start()


def suggestions(
    served: ServedModel, texts: Sequence[str], k: int, **choice: Sequence[str] | None
) -> list[list[Suggestion]]:
    """Return the k best labels of each text with their probabilities, best first.

    Args:
        choice: among, without: as for `XMLCClassifier.predict`.
    """
    labels, scores = served.model.predict(texts, k, **choice)
    probs = served.model.probs_of(scores)
    return [
        [(label, prob) for label, prob in zip(*row, strict=True) if label >= 0]
        for row in zip(labels.tolist(), probs.tolist(), strict=True)
    ]


def num_predicted(served: ServedModel, k: int) -> int:
    """Return how many labels are predicted where k are asked for: as many as are ranked anyway, or more.

    So most requests can be answered together, and none depends on its company.
    """
    return min(max(k, NUM_CANDIDATES), len(served.model.label_names_))


def _go_together(first: _Text | _Call, other: _Text | _Call) -> bool:
    return isinstance(first, _Text) and isinstance(other, _Text) and first.served is other.served and first.k == other.k


def _call(function: Callable[[], Any]) -> list[Any]:
    return [function()]
