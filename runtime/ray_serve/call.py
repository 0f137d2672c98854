"""One call of a replica, awaited in time, with its failures as our errors."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from runtime.chat import ChatDelta, ChatRequest, Timing, Usage
from runtime.errors import ModelClosed, RequestTimeout, WorkerDied
from runtime.ray_serve.failures import Failure, call_error, is_cancellation

T = TypeVar("T")

LATE_S = 1.0
"""How much later than the replica the caller gives up: time in queues and on the way."""
LOOK_S = 2.0
"""How often a call that waits looks whether its deployment still exists."""

_lookouts = ThreadPoolExecutor(2, thread_name_prefix="ray-models-look")


class Aborted(Exception):
    """The call was cancelled from here, because :meth:`RayModel.abort` asked for it."""


class Call:
    """A call under way.

    Args:
        model: The deployment's name.
        response: Ray Serve's handle of the answer.
        exists: Whether the deployment is still there.
        request: What is asked; ``None`` for a call that is not a generation.
    """

    def __init__(
        self,
        model: str,
        response: Any,
        exists: Callable[[], bool],
        request: ChatRequest | None = None,
    ) -> None:
        self.response = response
        self.usage = Usage()
        self.finished = False
        """Whether the answer is complete; else leaving the call stops the generation."""
        self.aborted = False
        self.closed = False
        """Whether this program gave the deployment up while the call was under way."""
        self._model = model
        self._exists = exists
        self._limit_s = request.params.timeout_s if request else None
        self._started = time.perf_counter()
        self._first_s = 0.0
        self._text: list[str] = []

    def elapsed_s(self) -> float:
        """Seconds since the call was made."""
        return time.perf_counter() - self._started

    def cancel(self) -> None:
        """Stop it, in a queue or on its replica. Does not wait."""
        with contextlib.suppress(Exception):  # that of a call which has failed already
            self.response.cancel()

    def leave(self) -> None:
        """Stop it unless it is complete."""
        if not self.finished:
            self.cancel()

    def received(self, delta: ChatDelta) -> ChatDelta:
        """A piece as the caller gets it: with the times that the caller sees."""
        now = self.elapsed_s()
        self._first_s = self._first_s or now
        self._text.append(delta.text)
        self.usage = delta.usage
        self.finished = delta.finish_reason is not None
        return replace(delta, timing=Timing(self._first_s, now))

    async def wait(self, answer: Awaitable[T | Failure]) -> T:
        """An answer of the call, the only one or the next.

        Raises:
            Aborted, RequestTimeout, ModelClosed, WorkerDied, QueueFull, GenerationFailed: And
                every error of ours that the replica raised.
        """
        task = asyncio.ensure_future(_awaited(answer))
        task.add_done_callback(_seen)
        try:
            while not task.done():
                done, _ = await asyncio.wait({task}, timeout=self._patience_s())
                if not done and not await asyncio.wrap_future(_lookouts.submit(self._exists)):
                    raise ModelClosed(self._model)
        finally:
            task.cancel()
        try:
            result = task.result()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - made one of ours
            # Not a cancellation of the caller's: that would have come out of asyncio.wait.
            raise await self._failure(error) from None
        if isinstance(result, Failure):
            self.finished = True
            raise result.error
        return result

    def _patience_s(self) -> float:
        if self._limit_s is None:
            return LOOK_S
        left_s = self._limit_s + LATE_S - self.elapsed_s()
        if left_s <= 0:
            raise RequestTimeout(
                timeout_s=self._limit_s, model=self._model, text="".join(self._text)
            )
        return min(LOOK_S, left_s)

    async def _failure(self, error: BaseException) -> Exception:
        if self.aborted and is_cancellation(error):
            return Aborted()
        if self.closed and is_cancellation(error):
            return ModelClosed(self._model)
        ours = call_error(self._model, error)
        if isinstance(ours, WorkerDied):
            there = await asyncio.wrap_future(_lookouts.submit(self._exists))
            return ours if there else ModelClosed(self._model)
        return ours


async def _awaited(answer: Awaitable[T]) -> T:
    return await answer


def _seen(task: asyncio.Task[Any]) -> None:
    """Keep asyncio from reporting the failure of a task that was left."""
    if not task.cancelled():
        task.exception()
