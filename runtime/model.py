"""``ChatModel``: anything that answers a :class:`~runtime.chat.ChatRequest`."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace

from runtime.chat import ChatDelta, ChatReply, ChatRequest, Message, ModelMeta, TokenLogprob, Usage
from runtime.errors import FeatureNotAvailable


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

    def score(self, request: ChatRequest, options: Sequence[str]) -> tuple[float, ...]:
        """How likely each of several texts is as the request's whole reply.

        Nothing is generated: the options are read behind the prompt.

        Args:
            request: What is asked; its constraint and its lengths are not looked at.
            options: Different texts, none empty.

        Returns:
            For each option the natural logarithm of the probability that the reply is this text
            (its tokens' log probabilities and the end token's, added up).

        Raises:
            FeatureNotAvailable: The backend cannot tell.
        """
        raise FeatureNotAvailable(f"scoring options with {self.meta.backend}")

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
        asked = params.but(best_of=1, logprobs=params.logprobs or 0)
        seed = 0 if params.seed is None else params.seed
        replies: list[ChatReply] = []
        for i in range(params.best_of):
            # One at a time and all under one id, so that abort() stops whichever runs.
            replies.append(self.generate(replace(request, params=asked.but(seed=seed + i))))
            if replies[-1].finish_reason == "abort":
                return replace(replies[-1], usage=sum((r.usage for r in replies), Usage()))
        best = max(replies, key=lambda reply: reply.cumulative_logprob / (len(reply.logprobs) or 1))
        return replace(
            best,
            usage=sum((reply.usage for reply in replies), Usage()),
            logprobs=best.logprobs if params.logprobs is not None else (),
        )

    async def agenerate(self, request: ChatRequest) -> ChatReply:
        """:meth:`generate` for an event loop. Cancelling the task stops the generation."""
        done = asyncio.ensure_future(asyncio.to_thread(self.generate, request))
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            await self._stopped(request.request_id, done.done)
            with contextlib.suppress(asyncio.CancelledError):
                done.exception()  # it has been seen: asyncio need not complain of it
            raise

    async def _stopped(self, request_id: str, ended: Callable[[], bool]) -> None:
        """Abort until it has ended: what has not begun yet cannot be aborted yet."""
        pause_s = 0.001
        while not ended():
            self.abort(request_id)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, 0.1)

    async def astream(self, request: ChatRequest) -> AsyncIterator[ChatDelta]:
        """:meth:`stream` for an event loop. Closing it, or cancelling, stops the generation."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[ChatDelta | BaseException | None] = asyncio.Queue()
        left = threading.Event()

        def put(item: ChatDelta | BaseException | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is gone, and so is the reader
                loop.call_soon_threadsafe(queue.put_nowait, item)

        def produce() -> None:
            try:
                deltas = self.stream(request)
                try:
                    for delta in deltas:
                        if left.is_set():
                            break
                        put(delta)
                finally:
                    getattr(deltas, "close", _nothing)()
            except BaseException as error:  # noqa: BLE001 - handed to the reader, who raises it
                put(error)
            finally:
                put(None)

        producer = threading.Thread(target=produce, name=f"astream-{self.name}", daemon=True)
        producer.start()
        try:
            while (item := await queue.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
            producer.join()  # it has nothing left to do
        finally:
            left.set()
            await self._stopped(request.request_id, lambda: not producer.is_alive())


def _nothing() -> None:
    return None


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
