"""A call as the requests it makes, and the one way of answering them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from types import TracebackType
from typing import Generic, TypeVar

from runtime import ChatModel, ChatReply, ChatRequest

R = TypeVar("R")

Steps = Generator[ChatRequest, ChatReply, R]
"""Each request is yielded, its reply is sent back, and the call's result is returned.

What the model raises instead of a reply is thrown in. The same steps serve threads
(:func:`drive`), event loops (:func:`adrive`) and streams (:mod:`byzer_agents.watching`): each is a
:class:`Run` that says how a reply is had.
"""


class Run(Generic[R]):
    """Steps under way::

        run = Run(steps)
        while run.request is not None:
            with run:
                run.reply = model.generate(run.request)
        return run.result

    Where the block raises an ``Exception``, the steps are told of it: they ask again, or raise.

    Attributes:
        request: What is to be answered next; ``None`` when the call is over.
        reply: Its answer, to be set in the block.
        result: What the call came to, when it is over.
    """

    request: ChatRequest | None
    reply: ChatReply
    result: R

    def __init__(self, steps: Steps[R]) -> None:
        self._steps = steps
        self._advance(partial(next, steps))

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is None:
            self._advance(partial(self._steps.send, self.reply))
        elif isinstance(error, Exception):
            self._advance(partial(self._steps.throw, error))
        return isinstance(error, Exception)  # a block that is cancelled or closed ends the run

    def _advance(self, step: Callable[[], ChatRequest]) -> None:
        try:
            self.request = step()
        except StopIteration as stop:
            self.request, self.result = None, stop.value


def drive(model: ChatModel, steps: Steps[R]) -> R:
    """Run steps against a model, in this thread."""
    run = Run(steps)
    while run.request is not None:
        with run:
            run.reply = model.generate(run.request)
    return run.result


async def adrive(model: ChatModel, steps: Steps[R]) -> R:
    """Run steps against a model, in this event loop."""
    run = Run(steps)
    while run.request is not None:
        with run:
            run.reply = await model.agenerate(run.request)
    return run.result
