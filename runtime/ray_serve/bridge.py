"""One event loop in a thread of its own, by which blocking calls use the asynchronous code.

Ray Serve's handles refuse to block in a thread whose event loop runs (a notebook's, say), and
cannot wait with a deadline for the next piece of a stream. Awaited in this loop, they do both.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def submit(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Start ``work`` in the loop; cancelling the future cancels it."""
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="ray-models", daemon=True).start()
    return asyncio.run_coroutine_threadsafe(work, _loop)


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``; an interrupt cancels it."""
    future = submit(work)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def iterate(items: AsyncIterator[T]) -> Iterator[T]:
    """An asynchronous iterator as a blocking one; closing closes it."""
    came: queue.SimpleQueue[tuple[T] | BaseException | None] = queue.SimpleQueue()

    async def pump() -> None:
        try:
            async for item in items:
                came.put((item,))
            came.put(None)
        except BaseException as error:
            came.put(error)
            raise

    future = submit(pump())
    try:
        while (item := came.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item[0]
    finally:
        future.cancel()
