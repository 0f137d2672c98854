"""``ChatModel``: anything that answers a :class:`~runtime.chat.ChatRequest`."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace

from runtime.chat import ChatDelta, ChatReply, ChatRequest, Message, ModelMeta, TokenLogprob, Usage


class ChatModel(ABC):
    """Answers requests, whole or as a stream, from any thread and any event loop.

    A backend implements :meth:`stream`; the rest follows from it.
    """

    name: str

    @property
    @abstractmethod
    def meta(self) -> ModelMeta:
        """What the model is and can do."""

    @abstractmethod
    def stream(self, request: ChatRequest) -> Iterator[ChatDelta]:
        """The reply in pieces; the last one has a ``finish_reason``.

        Closing the iterator stops the generation.

        Raises:
            PromptTooLong, RequestTimeout, GenerationFailed, WorkerDied, ConstraintError
        """

    @abstractmethod
    def abort(self, request_id: str) -> bool:
        """Stop a running request; it ends with ``finish_reason="abort"``. False if not running."""

    @abstractmethod
    def tokenize(self, text: str) -> list[int]:
        """Token ids of ``text``, control tokens in it recognised, none added."""

    @abstractmethod
    def apply_chat_template(self, messages: Sequence[Message]) -> str:
        """The prompt that the model's own template makes, with the assistant's turn opened."""

    def close(self) -> None:
        """Free what the model holds. Requests under way end with ``ModelClosed``."""
        return None  # a model that holds nothing has nothing to free

    def generate(self, request: ChatRequest) -> ChatReply:
        """The whole reply; of ``best_of`` replies, the likeliest. Raises as :meth:`stream`."""
        if request.params.best_of > 1:
            return self._best_of(request)
        return collect(self.stream(request), request, self.name)

    def _best_of(self, request: ChatRequest) -> ChatReply:
        params = request.params
        asked = replace(request, params=params.but(best_of=1, logprobs=params.logprobs or 0))
        seed = 0 if params.seed is None else params.seed
        replies = [
            self.generate(
                replace(
                    asked,
                    params=asked.params.but(seed=seed + i),
                    request_id=f"{request.request_id}-{i}" if i else request.request_id,
                )
            )
            for i in range(params.best_of)
        ]
        best = max(replies, key=lambda reply: reply.cumulative_logprob / (len(reply.logprobs) or 1))
        return replace(
            best,
            usage=sum((reply.usage for reply in replies), Usage()),
            logprobs=best.logprobs if params.logprobs is not None else (),
            request_id=request.request_id,
        )

    async def agenerate(self, request: ChatRequest) -> ChatReply:
        """:meth:`generate` for an event loop. Cancelling the task stops the generation."""
        done = asyncio.ensure_future(asyncio.to_thread(self.generate, request))
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            self.abort(request.request_id)
            with contextlib.suppress(Exception):
                await done
            raise

    async def astream(self, request: ChatRequest) -> AsyncIterator[ChatDelta]:
        """:meth:`stream` for an event loop. Closing it, or cancelling, stops the generation."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[ChatDelta | BaseException | None] = asyncio.Queue()
        left = threading.Event()

        def put(item: ChatDelta | BaseException | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is gone, and so is the reader
                loop.call_soon_threadsafe(queue.put_nowait, item)

        def produce() -> None:
            deltas = self.stream(request)
            try:
                for delta in deltas:
                    if left.is_set():
                        break
                    put(delta)
            except BaseException as error:  # noqa: BLE001 - handed to the reader, who raises it
                put(error)
            finally:
                close = getattr(deltas, "close", None)
                if close is not None:
                    close()
                put(None)

        producer = threading.Thread(target=produce, name=f"astream-{self.name}", daemon=True)
        producer.start()
        try:
            while (item := await queue.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            left.set()
            self.abort(request.request_id)


def collect(deltas: Iterator[ChatDelta], request: ChatRequest, model: str) -> ChatReply:
    """A stream's pieces as one reply."""
    text: list[str] = []
    logprobs: list[TokenLogprob] = []
    last = ChatDelta("", "stop")
    for last in deltas:
        text.append(last.text)
        logprobs += last.logprobs
    return ChatReply(
        text="".join(text),
        finish_reason=last.finish_reason or "stop",
        usage=last.usage,
        timing=last.timing,
        model=model,
        request_id=request.request_id,
        logprobs=tuple(logprobs),
    )
