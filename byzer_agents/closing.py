"""Streams that are closed however they are left; one that cannot be closed is let be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def closed(stream: Iterator[T]) -> Iterator[Iterator[T]]:
    """A stream, to be closed at the end of the block."""
    try:
        yield stream
    finally:
        if (close := getattr(stream, "close", None)) is not None:
            close()


@asynccontextmanager
async def aclosed(stream: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """:func:`closed` for an event loop."""
    try:
        yield stream
    finally:
        if (close := getattr(stream, "aclose", None)) is not None:
            await close()
