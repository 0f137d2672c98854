"""Fewer, larger pieces of a stream: each object that crosses a process border costs 0.6 ms."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from runtime.chat import ChatDelta

WINDOW_S = 0.015
"""A piece follows the one before it by at least this much. Slower streams are not held back."""


def merged(deltas: Sequence[ChatDelta]) -> ChatDelta:
    """Consecutive pieces as one."""
    last = deltas[-1]
    if len(deltas) == 1:
        return last
    return ChatDelta(
        "".join(delta.text for delta in deltas),
        last.finish_reason,
        last.usage,
        last.timing,
        tuple(token for delta in deltas for token in delta.logprobs),
    )


async def coalesced(
    deltas: AsyncIterator[ChatDelta], window_s: float = WINDOW_S
) -> AsyncGenerator[ChatDelta, None]:
    """The same stream; what comes within ``window_s`` of the last piece is sent together.

    The first piece goes at once, and so does the last one. Closing closes ``deltas``.
    """
    loop = asyncio.get_running_loop()
    waiting: list[ChatDelta] = []
    came = asyncio.Event()

    async def read() -> None:
        try:
            async for delta in deltas:
                waiting.append(delta)
                came.set()
        finally:
            came.set()

    reader = asyncio.ensure_future(read())
    next_at = 0.0
    try:
        while True:
            await came.wait()
            wait_s = next_at - loop.time()
            if wait_s > 0 and not reader.done():
                await asyncio.wait({reader}, timeout=wait_s)
            came.clear()
            ready, waiting[:] = list(waiting), ()
            if ready:
                yield merged(ready)
                next_at = loop.time() + window_s
            if reader.done() and not waiting:
                reader.result()
                return
    finally:
        reader.cancel()
        with contextlib.suppress(BaseException):
            await reader
        close = getattr(deltas, "aclose", None)
        if close is not None:
            await close()
