"""``RayModel``: a model that runs in the replicas of a Ray Serve application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from runtime.chat import ChatDelta, ChatReply, ChatRequest, Message, ModelMeta, Timing
from runtime.errors import ModelClosed, WorkerDied
from runtime.model import ChatModel
from runtime.ray_serve import bridge, control
from runtime.ray_serve.call import Aborted, Call
from runtime.ray_serve.failures import Failure, call_error
from runtime.ray_serve.worker import Description


class RayModel(ChatModel):
    """A deployment on a Ray cluster. Safe to share between threads and event loops.

    Blocking methods may be called in a thread whose event loop runs, too (a notebook's): they
    block it. The asynchronous ones never do.

    Args:
        name: Of the deployment.
        handle: Ray Serve's handle of it.
        meta: What one of its replicas says of the model.
        exists: Whether the deployment is still there; asked now and then by calls that wait.
    """

    def __init__(self, name: str, handle: Any, meta: ModelMeta, exists: Callable[[], bool]) -> None:
        self.name = name
        self._meta = meta
        self._methods = {
            method: handle.options(method_name=method, stream=method == "stream")
            for method in ("generate", "stream", "tokenize", "apply_chat_template", "score")
        }
        self._exists = exists
        self._calls: dict[str, Call] = {}
        self._closed = False

    @property
    def meta(self) -> ModelMeta:
        """What the model said of itself when it was deployed, or found."""
        return self._meta

    def generate(self, request: ChatRequest) -> ChatReply:
        """See :meth:`ChatModel.generate`."""
        return bridge.run(self.agenerate(request))

    def stream(self, request: ChatRequest) -> Iterator[ChatDelta]:
        """See :meth:`ChatModel.stream`. The request is sent at the first ``next()``."""
        return bridge.iterate(self.astream(request))

    async def agenerate(self, request: ChatRequest) -> ChatReply:
        """See :meth:`ChatModel.agenerate`."""
        call = self._call("generate", request, request=request)
        try:
            reply: ChatReply = await call.wait(call.response)
            call.finished = True
        except Aborted:
            times = Timing(call.elapsed_s(), call.elapsed_s())
            return ChatReply("", "abort", call.usage, times, self.name, request.request_id)
        finally:
            self._end(call, request)
        if request.params.best_of > 1:  # its times are those of one reply out of several
            return reply
        times, total_s = reply.timing, call.elapsed_s()
        on_the_way_s = max(0.0, total_s - times.total_s)
        return replace(reply, timing=Timing(times.first_token_s + on_the_way_s, total_s))

    async def astream(self, request: ChatRequest) -> AsyncIterator[ChatDelta]:
        """See :meth:`ChatModel.astream`."""
        call = self._call("stream", request, request=request)
        try:
            while not call.finished:
                delta = await call.wait(_next(call.response))
                if delta is None:
                    raise WorkerDied(self.name, "its stream ended before the reply did")
                yield call.received(delta)
        except Aborted:
            yield call.received(ChatDelta("", "abort", call.usage))
        finally:
            self._end(call, request)

    def abort(self, request_id: str) -> bool:
        """See :meth:`ChatModel.abort`.

        Every replica is asked. A request of this program that none of them has (it waits in a
        queue) is cancelled from here, and ends without text.
        """
        if control.abort(self.name, request_id):
            return True
        call = self._calls.get(request_id)
        if call is None:
            return False
        call.aborted = True
        call.cancel()
        return True

    def tokenize(self, text: str) -> list[int]:
        """See :meth:`ChatModel.tokenize`."""
        tokens: list[int] = bridge.run(self._ask("tokenize", text))
        return tokens

    def apply_chat_template(self, messages: Sequence[Message]) -> str:
        """See :meth:`ChatModel.apply_chat_template`."""
        return str(bridge.run(self._ask("apply_chat_template", tuple(messages))))

    def score(self, request: ChatRequest, options: Sequence[str]) -> tuple[float, ...]:
        """See :meth:`ChatModel.score`."""
        scores: tuple[float, ...] = bridge.run(self._ask("score", request, tuple(options)))
        return scores

    def describe(self) -> list[Description]:
        """What each replica says of itself: for diagnosis."""
        return control.describe(self.name)

    def close(self) -> None:
        """End this program's requests with ``ModelClosed``. The deployment itself stays."""
        self._closed = True
        for call in list(self._calls.values()):
            call.closed = True
            call.cancel()

    def _call(self, method: str, *args: Any, request: ChatRequest | None = None) -> Call:
        if self._closed:
            raise ModelClosed(self.name)
        try:
            response = self._methods[method].remote(*args)
        except Exception as error:
            raise call_error(self.name, error) from error
        call = Call(self.name, response, self._exists, request)
        if request is not None:
            self._calls[request.request_id] = call
        return call

    def _end(self, call: Call, request: ChatRequest) -> None:
        if self._calls.get(request.request_id) is call:
            del self._calls[request.request_id]
        call.leave()

    async def _ask(self, method: str, *args: Any) -> Any:
        call = self._call(method, *args)
        try:
            answer = await call.wait(call.response)
            call.finished = True
            return answer
        finally:
            call.leave()


async def _next(response: Any) -> ChatDelta | Failure | None:
    try:
        delta: ChatDelta | Failure = await response.__anext__()
    except StopAsyncIteration:
        return None
    return delta
