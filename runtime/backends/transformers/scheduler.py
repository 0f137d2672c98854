"""The decode loop: one thread per model that reads prompts and takes steps for all rows at once.

Between two steps, rows that are finished, aborted or late leave the batch, and waiting ones enter
it. A prompt is read alone, long ones in pieces, so that the rows under way do not stand still.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from runtime.backends.transformers.batching import Batch
from runtime.backends.transformers.forward import Forward
from runtime.backends.transformers.greedy import likeliest
from runtime.backends.transformers.prefixes import Prefixes
from runtime.backends.transformers.reading import Job, Reading
from runtime.backends.transformers.row import Row
from runtime.errors import GenerationFailed, ModelClosed, WorkerDied

log = logging.getLogger(__name__)

_PROMPT_TOKENS = 512
"""Prompt tokens that are read between two steps."""
_STEP_TOKENS = 64
"""Tokens of one step of several rows, rows times the longest: forced tokens may swell it so far.
On two CPU cores that takes less than twice as long as a step of eight rows with one token each."""


class Scheduler:
    """Decodes the rows that are submitted to it. Safe to use from any thread."""

    def __init__(
        self, name: str, forward: Forward, batch: Batch, prefixes: Prefixes | None = None
    ) -> None:
        """Decode with a model; ``prefixes`` keeps what was read for later requests."""
        self._name = name
        self._forward = forward
        self._batch = batch
        self._prefixes = prefixes or Prefixes(limit_mb=0)
        self._running: list[Row] = []  # in the batch's order
        self._reading: Reading | None = None
        self._waiting: deque[Job] = deque()
        self._work = threading.Condition()
        self._closing = False
        self._end: Callable[[], Exception] | None = None  # what to say once the loop has ended
        self._thread = threading.Thread(target=self._run, name=f"decode-{name}", daemon=True)
        self._thread.start()
        # A thread that the interpreter stops inside torch can take the process down with it.
        atexit.register(self.close)

    @property
    def alive(self) -> bool:
        """Whether rows are still decoded."""
        return self._thread.is_alive()

    def submit(self, job: Job) -> None:
        """Have a job done, after those that wait already.

        Raises:
            ModelClosed, WorkerDied: The loop has ended.
        """
        with self._work:
            if self._end is not None:
                raise self._end()
            if self._closing:
                raise ModelClosed(self._name)
            if not self.alive:
                raise WorkerDied(self._name)
            self._waiting.append(job)
            self._work.notify()

    def close(self) -> None:
        """End the loop, and all rows with ``ModelClosed``; returns when the thread has ended."""
        atexit.unregister(self.close)
        with self._work:
            self._closing = True
            self._work.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        end: Callable[[], Exception] = lambda: ModelClosed(self._name)  # noqa: E731
        try:
            with torch.inference_mode():
                while self._wait_for_work():
                    self._drop_unwanted()
                    self._admit()
                    self._step()
        except BaseException as error:
            reason = f"{type(error).__name__}: {error}"
            log.exception("the decode loop of %r has ended", self._name)
            end = lambda: WorkerDied(self._name, reason)  # noqa: E731
        finally:
            with self._work:
                self._end = end
                jobs: list[Job] = [*self._running, *self._waiting]
                if self._reading is not None:
                    jobs.append(self._reading.job)
                self._running, self._reading = [], None
                self._waiting.clear()
            for job in jobs:
                job.fail(end())
            self._batch.clear()
            self._prefixes.clear()

    def _wait_for_work(self) -> bool:
        """Wait until there is something to do; False when the loop is to end."""
        with self._work:
            while not (self._closing or self._running or self._reading or self._waiting):
                self._work.wait()
            return not self._closing

    def _drop_unwanted(self) -> None:
        for i in reversed(range(len(self._running))):
            if self._running[i].unwanted:
                self._remove(i)
        if self._reading is not None and self._reading.job.unwanted:
            self._reading = None
        with self._work:
            self._waiting = deque(job for job in self._waiting if not job.unwanted)

    def _remove(self, i: int) -> None:
        """As :meth:`Batch.remove`: the last row takes the number of the one that goes."""
        if self._batch.plain:
            length, layers = self._batch.contents(i)
            self._prefixes.keep(self._running[i].tokens[:length], layers)
        self._batch.remove(i)
        self._running[i] = self._running[-1]
        self._running.pop()

    def _admit(self) -> None:
        """Read waiting prompts, as far as there is room and as a step's delay allows."""
        left = _PROMPT_TOKENS
        while left > 0 and (reading := self._next_to_read()):
            count = left if self._batch.ragged else len(reading.job.prompt)
            try:
                left -= reading.advance(count, self._name)
                if reading.finished:
                    self._reading = None
                    self._enter(reading)
            except Exception as error:  # noqa: BLE001 - it fails its row, not the model
                self._reading = None
                self._fail([reading.job], "reading a prompt", error)

    def _next_to_read(self) -> Reading | None:
        if self._reading is None and len(self._running) < self._batch.capacity:
            while (job := self._next_waiting()) is not None:
                job.open(self._name)
                if not job.done:
                    self._reading = Reading(job, self._forward, self._batch, self._prefixes)
                    break
                job.end()
        return self._reading

    def _next_waiting(self) -> Job | None:
        with self._work:
            return self._waiting.popleft() if self._waiting else None

    def _enter(self, reading: Reading) -> None:
        job = reading.job
        if isinstance(job, Row) and not job.tries:
            job.plan()
            job.advance(reading.logits[None], self._name)
        if job.done:
            job.end()
        elif isinstance(job, Row):
            self._batch.add(reading.cache, len(job.prompt))
            self._running.append(job)

    def _step(self) -> None:
        if not self._running:
            return
        tokens, longest = [], self._longest()
        for row in self._running:
            due = row.pending[:longest]
            del row.pending[:longest]
            guessed = row.guess(longest - len(due)) if self._batch.plain else []
            tokens.append([*due, *guessed])
        last = 1 + max(len(row.guessed) for row in self._running)
        try:
            logits = self._batch.step(tokens, last=last)
            # A device is only being told what to do by now: the masks are made meanwhile.
            picks = self._pick(logits)
        except Exception as error:  # noqa: BLE001 - it fails these rows, not the model
            rows, self._running = self._running, []
            self._batch.clear()
            self._fail(rows, "decoding", error)
            return
        for i in reversed(range(len(self._running))):
            row = self._running[i]
            if row.pending:
                continue
            count = len(row.guessed)
            row.advance(logits[i, last - 1 - count :], self._name, picks.get(i))
            if count > row.right:
                self._batch.cut(i, count - row.right)
            if row.done:
                self._remove(i)
                row.end()

    def _pick(self, logits: Any) -> dict[int, list[tuple[int, float]]]:
        """What comes next in the rows that take the likeliest, by row: for all of them at once."""
        plans: dict[int, list[Any]] = {}
        for i, row in enumerate(self._running):
            if not row.pending:
                plan = row.plan()
                if row.plain:
                    plans[i] = [mask if isinstance(mask, np.ndarray) else None for mask in plan]
        if not plans:
            return {}
        first = {i: logits.shape[1] - 1 - len(self._running[i].guessed) for i in plans}
        places = [logits[i, first[i] : first[i] + len(plan)] for i, plan in plans.items()]
        found = iter(likeliest(torch.cat(places), [m for plan in plans.values() for m in plan]))
        return {i: [next(found) for _ in plan] for i, plan in plans.items()}

    def _longest(self) -> int:
        """How many tokens of a row one step may read."""
        if not self._batch.ragged:
            return 1
        rows = len(self._running)
        return _PROMPT_TOKENS if rows == 1 else max(1, _STEP_TOKENS // rows)

    def _fail(self, jobs: Sequence[Job], doing: str, error: Exception) -> None:
        """End jobs with what happened. The exception itself is let go: it holds on to tensors."""
        log.error("%s of %r failed", doing, self._name, exc_info=error)
        for job in jobs:
            job.fail(GenerationFailed(self._name, f"{type(error).__name__}: {error}"))
        self._prefixes.clear()  # it may be memory that was lacking
        if self._forward.device.type == "cuda":
            torch.cuda.empty_cache()
