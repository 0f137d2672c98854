"""``stream_extract`` and ``stream_items``: values while they are being written."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterator
from contextlib import aclosing
from typing import Any, TypeVar

from byzer_agents.calls import DEFAULT_MAX_ATTEMPTS, DEFAULT_REPAIRS
from byzer_agents.extraction import aclient_for, client_for
from runtime import ChatModel
from structured.partial import Partial

T = TypeVar("T")


def stream_extract(
    type_: type[T] | Any,
    text: str,
    *,
    partial_strings: bool = False,
    model: str | ChatModel | None = None,
    instructions: str = "",
    context: object = None,
    engine: str | None = None,
    max_attempts: int = DEFAULT_MAX_ATTEMPTS,
    repairs: int = DEFAULT_REPAIRS,
    **llm_config: Any,
) -> Iterator[Partial[T] | T]:
    """:func:`~byzer_agents.extract`, shown as it comes: ``Partial[T]`` again and again, then ``T``.

    The last value is what ``extract`` returns; it alone is validated. Each ``Partial`` stands for
    itself and takes the place of the one before it. Where a rejected value is rolled back, or the
    whole is asked for again, the next ``Partial`` has less than the one before it, and goes on
    from there.

    Closing the iterator stops the generation.

    Takes the arguments of ``extract``, and one more.

    Args:
        partial_strings: Show a text that is being written as far as it has come; otherwise it
            appears when it is complete.

    Raises:
        InvalidParameter: ``best_of``: of several replies the best is known when all are complete.
        OutputInvalid, SchemaError, ConstraintError, ModelError: As ``extract``, here while it is
            iterated over.
    """
    llm, name = client_for(model)
    return llm.stream_extract(
        type_,
        text,
        partial_strings=partial_strings,
        model=name,
        instructions=instructions,
        context=context,
        engine=engine,
        max_attempts=max_attempts,
        repairs=repairs,
        llm_config=llm_config,
    )


async def astream_extract(
    type_: type[T] | Any,
    text: str,
    *,
    partial_strings: bool = False,
    model: str | ChatModel | None = None,
    instructions: str = "",
    context: object = None,
    engine: str | None = None,
    max_attempts: int = DEFAULT_MAX_ATTEMPTS,
    repairs: int = DEFAULT_REPAIRS,
    **llm_config: Any,
) -> AsyncGenerator[Partial[T] | T, None]:
    """:func:`stream_extract` for an event loop."""
    llm, name = await aclient_for(model)
    stream = llm.astream_extract(
        type_,
        text,
        partial_strings=partial_strings,
        model=name,
        instructions=instructions,
        context=context,
        engine=engine,
        max_attempts=max_attempts,
        repairs=repairs,
        llm_config=llm_config,
    )
    async with aclosing(stream):
        async for shown in stream:
            yield shown


def stream_items(
    type_: type[Collection[T]] | Any,
    text: str,
    *,
    model: str | ChatModel | None = None,
    instructions: str = "",
    context: object = None,
    engine: str | None = None,
    max_attempts: int = DEFAULT_MAX_ATTEMPTS,
    repairs: int = DEFAULT_REPAIRS,
    **llm_config: Any,
) -> Iterator[T]:
    """Each item of ``extract(list[T], text)`` as soon as it is complete and valid.

    What was given stays: an item that its validators reject stops the generation at once, and is
    written anew, on own workers without touching those before it. A provider, which begins every
    reply anew, is held to the items that were given already.

    Takes the arguments of :func:`~byzer_agents.extract`.

    Args:
        type_: ``list[T]``, ``tuple[T, ...]``, or ``set[T]``, whose equal items are given once.

    Raises:
        InvalidParameter: Not a collection of one type; ``best_of``, as in :func:`stream_extract`.
        OutputInvalid: An item could not be had; or a rule of the whole list is broken, which is
            known only after the last item.
        SchemaError, ConstraintError, ModelError: As ``extract``, here while it is iterated over.
    """
    llm, name = client_for(model)
    return llm.stream_items(
        type_,
        text,
        model=name,
        instructions=instructions,
        context=context,
        engine=engine,
        max_attempts=max_attempts,
        repairs=repairs,
        llm_config=llm_config,
    )


async def astream_items(
    type_: type[Collection[T]] | Any,
    text: str,
    *,
    model: str | ChatModel | None = None,
    instructions: str = "",
    context: object = None,
    engine: str | None = None,
    max_attempts: int = DEFAULT_MAX_ATTEMPTS,
    repairs: int = DEFAULT_REPAIRS,
    **llm_config: Any,
) -> AsyncGenerator[T, None]:
    """:func:`stream_items` for an event loop."""
    llm, name = await aclient_for(model)
    stream = llm.astream_items(
        type_,
        text,
        model=name,
        instructions=instructions,
        context=context,
        engine=engine,
        max_attempts=max_attempts,
        repairs=repairs,
        llm_config=llm_config,
    )
    async with aclosing(stream):
        async for item in stream:
            yield item
