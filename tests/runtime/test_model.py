"""What ``ChatModel`` makes of a backend's ``stream``."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from runtime import (
    ChatDelta,
    ChatModel,
    ChatReply,
    ChatRequest,
    GenerationFailed,
    GenerationParams,
    Message,
    ModelMeta,
    RequestTimeout,
    Timing,
    TokenLogprob,
    Usage,
)
from runtime.model import collect

PATIENCE_S = 20
"""Only a test that is about to fail waits this long."""


class FakeModel(ChatModel):
    """Streams what a function of the request says; aborts as a backend would."""

    def __init__(
        self, reply: Callable[[ChatRequest, threading.Event], Iterator[ChatDelta]]
    ) -> None:
        self.name = "fake"
        self.requests: list[ChatRequest] = []
        self.closed: list[str] = []
        self._reply = reply
        self._running: dict[str, threading.Event] = {}

    @property
    def meta(self) -> ModelMeta:
        return ModelMeta("fake", 100)

    def stream(self, request: ChatRequest) -> Iterator[ChatDelta]:
        aborted = threading.Event()
        self._running[request.request_id] = aborted
        self.requests.append(request)
        try:
            yield from self._reply(request, aborted)
        finally:
            self.closed.append(request.request_id)
            self._running.pop(request.request_id, None)

    def abort(self, request_id: str) -> bool:
        running = self._running.get(request_id)
        if running is not None:
            running.set()
        return running is not None

    def tokenize(self, text: str) -> list[int]:
        return [ord(character) for character in text]

    def apply_chat_template(self, messages: Sequence[Message]) -> str:
        return "".join(message.content for message in messages)


def letters(request: ChatRequest, aborted: threading.Event) -> Iterator[ChatDelta]:
    for i, letter in enumerate("abc", start=1):
        yield ChatDelta(letter, usage=Usage(5, i), logprobs=(TokenLogprob(i, letter, -i),))
    yield ChatDelta("", "length", Usage(5, 3, 1), Timing(0.5, 1.0))


def endless(request: ChatRequest, aborted: threading.Event) -> Iterator[ChatDelta]:
    while not aborted.wait(0.002):
        yield ChatDelta("x")
    yield ChatDelta("", "abort")


def request(**params: object) -> ChatRequest:
    return ChatRequest(prompt="hello", params=GenerationParams(**params), request_id="r")


def threads_of(model: ChatModel) -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == f"astream-{model.name}"]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.001)


# --- generate -------------------------------------------------------------------------------


def test_the_pieces_of_a_stream_are_one_reply():
    model = FakeModel(letters)
    assert model.generate(request()) == ChatReply(
        text="abc",
        finish_reason="length",
        usage=Usage(5, 3, 1),
        timing=Timing(0.5, 1.0),
        model="fake",
        request_id="r",
        logprobs=tuple(TokenLogprob(i, c, -i) for i, c in enumerate("abc", start=1)),
    )


def test_a_stream_that_says_nothing_is_an_empty_reply():
    reply = collect(iter([]), request(), "m")
    assert (reply.text, reply.finish_reason, reply.usage) == ("", "stop", Usage())
    assert collect(iter([ChatDelta("a")]), request(), "m").finish_reason == "stop"


def test_a_backends_error_comes_through():
    def fail(request: ChatRequest, aborted: threading.Event) -> Iterator[ChatDelta]:
        yield ChatDelta("a")
        raise RequestTimeout(timeout_s=1, model="fake", text="a")

    model = FakeModel(fail)
    with pytest.raises(RequestTimeout) as caught:
        model.generate(request())
    assert caught.value.text == "a"
    assert model.closed == ["r"]


def test_closing_a_model_that_holds_nothing():
    assert FakeModel(letters).close() is None


# --- best_of --------------------------------------------------------------------------------

LIKELIHOODS = {0: [-3.0, -3.0], 1: [-0.5] * 5, 2: [-2.0]}


def likely(request: ChatRequest, aborted: threading.Event) -> Iterator[ChatDelta]:
    assert request.params.seed is not None
    number = request.params.seed % 10
    asked = request.params.logprobs is not None
    for logprob in LIKELIHOODS[number]:
        yield ChatDelta("", logprobs=(TokenLogprob(0, "", logprob),) if asked else ())
    yield ChatDelta(str(number), "stop", Usage(5, len(LIKELIHOODS[number])))


def test_of_several_replies_the_likeliest_token_for_token_is_taken():
    model = FakeModel(likely)
    reply = model.generate(request(best_of=3))
    assert reply.text == "1"  # -0.5 a token; all of them together, -2.5, are less likely than "2"
    assert reply.usage == Usage(15, 8)
    assert reply.logprobs == ()
    assert reply.request_id == "r"
    assert [r.params.seed for r in model.requests] == [0, 1, 2]
    assert {r.params.best_of for r in model.requests} == {1}


def test_the_log_probabilities_that_were_asked_for_are_kept():
    reply = FakeModel(likely).generate(request(best_of=3, logprobs=2, seed=10))
    assert [token.logprob for token in reply.logprobs] == LIKELIHOODS[1]


def test_a_seed_makes_the_same_replies_again():
    model = FakeModel(likely)
    for _ in range(2):
        model.generate(request(best_of=2, seed=30))
    assert [r.params.seed for r in model.requests] == [30, 31, 30, 31]


def test_an_abort_stops_all_of_the_replies():
    model = FakeModel(endless)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(model.generate, request(best_of=5))
        deadline = time.monotonic() + PATIENCE_S
        while not model.abort("r"):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        assert future.result(PATIENCE_S).finish_reason == "abort"
    assert len(model.requests) == 1


# --- agenerate ------------------------------------------------------------------------------


async def test_a_reply_for_an_event_loop_that_goes_on_meanwhile():
    entered, leave = threading.Event(), threading.Event()

    def waits(request: ChatRequest, aborted: threading.Event) -> Iterator[ChatDelta]:
        entered.set()
        assert leave.wait(PATIENCE_S)
        yield ChatDelta("done", "stop")

    task = asyncio.create_task(FakeModel(waits).agenerate(request()))
    await until(entered.is_set)
    leave.set()
    assert (await task).text == "done"


async def test_cancelling_stops_the_generation_and_waits_for_its_end():
    model = FakeModel(endless)
    task = asyncio.create_task(model.agenerate(request()))
    await until(lambda: model.requests)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, PATIENCE_S)
    assert model.closed == ["r"]


async def test_cancelling_before_the_generation_began_stops_it_too():
    model = FakeModel(endless)
    busy = threading.Event()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as pool:
        loop.set_default_executor(pool)
        blocker = loop.run_in_executor(None, busy.wait, PATIENCE_S)
        task = asyncio.create_task(model.agenerate(request()))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.sleep(0.01)
        assert not model.requests
        busy.set()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, PATIENCE_S)
        await blocker
    assert len(model.closed) == len(model.requests)


async def test_cancelling_a_best_of_stops_the_reply_that_runs():
    def second_is_endless(request: ChatRequest, aborted: threading.Event) -> Iterator[ChatDelta]:
        if request.params.seed == 0:
            yield ChatDelta("short", "stop")
        else:
            yield from endless(request, aborted)

    model = FakeModel(second_is_endless)
    task = asyncio.create_task(model.agenerate(request(best_of=9)))
    await until(lambda: len(model.requests) == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, PATIENCE_S)
    assert len(model.requests) == 2


async def test_a_reply_that_fails_after_its_task_was_cancelled_is_nobodys_error():
    def fails_when_aborted(r: ChatRequest, aborted: threading.Event) -> Iterator[ChatDelta]:
        yield ChatDelta("a")
        aborted.wait(PATIENCE_S)
        raise GenerationFailed("fake", "torn down")

    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, about: complaints.append(about))
    model = FakeModel(fails_when_aborted)
    task = asyncio.create_task(model.agenerate(request()))
    await until(lambda: model.requests)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, PATIENCE_S)
    await asyncio.sleep(0.01)
    assert complaints == []


async def test_an_error_comes_through_to_the_event_loop():
    def fail(request: ChatRequest, aborted: threading.Event) -> Iterator[ChatDelta]:
        raise GenerationFailed("fake", "no memory")
        yield

    with pytest.raises(GenerationFailed, match="no memory"):
        await FakeModel(fail).agenerate(request())


# --- astream --------------------------------------------------------------------------------


async def test_a_stream_for_an_event_loop():
    model = FakeModel(letters)
    deltas = [delta async for delta in model.astream(request())]
    assert deltas == list(letters(request(), threading.Event()))
    assert threads_of(model) == []
    assert model.closed == ["r"]


async def test_leaving_a_stream_stops_the_generation_and_its_thread():
    model = FakeModel(endless)
    async with contextlib.aclosing(model.astream(request())) as deltas:
        async for delta in deltas:
            assert delta.text == "x"
            assert len(threads_of(model)) == 1
            break
    assert model.closed == ["r"]
    assert threads_of(model) == []


async def test_cancelling_the_reader_stops_the_generation_and_its_thread():
    model = FakeModel(endless)
    seen: list[ChatDelta] = []

    async def read() -> None:
        async for delta in model.astream(request()):
            seen.append(delta)

    task = asyncio.create_task(read())
    await until(lambda: seen)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, PATIENCE_S)
    await until(lambda: not threads_of(model))
    assert model.closed == ["r"]


async def test_an_error_in_the_middle_of_a_stream_comes_through():
    def fail(request: ChatRequest, aborted: threading.Event) -> Iterator[ChatDelta]:
        yield ChatDelta("a")
        raise GenerationFailed("fake", "no memory")

    model = FakeModel(fail)
    stream = model.astream(request())
    assert (await anext(stream)).text == "a"
    with pytest.raises(GenerationFailed, match="no memory"):
        await anext(stream)
    assert threads_of(model) == []


class Eager(FakeModel):
    """A backend that looks at the request before it makes an iterator."""

    def stream(self, request: ChatRequest) -> Iterator[ChatDelta]:
        if request.prompt == "hello":
            raise GenerationFailed("fake", "refused")
        return iter([ChatDelta("a", "stop")])  # a plain iterator: nothing to close


async def test_an_error_before_the_stream_comes_through():
    model = Eager(letters)
    with pytest.raises(GenerationFailed, match="refused"):
        async with asyncio.timeout(PATIENCE_S):
            await anext(model.astream(request()))
    deltas = [delta async for delta in model.astream(ChatRequest(prompt="other"))]
    assert [delta.text for delta in deltas] == ["a"]


async def test_a_stream_that_is_never_read_starts_nothing():
    model = FakeModel(endless)
    await model.astream(request()).aclose()  # type: ignore[attr-defined]
    assert model.requests == []


async def test_many_streams_at_once_do_not_mix():
    def spell(request: ChatRequest, aborted: threading.Event) -> Iterator[ChatDelta]:
        for letter in request.prompt or "":
            time.sleep(0.001)
            yield ChatDelta(letter)
        yield ChatDelta("", "stop")

    model = FakeModel(spell)

    async def read(word: str) -> str:
        return "".join([d.text async for d in model.astream(ChatRequest(prompt=word))])

    words = [f"word number {i}" for i in range(20)]
    assert await asyncio.gather(*map(read, words)) == words


def test_one_model_serves_event_loops_in_several_threads():
    model = FakeModel(letters)

    async def both() -> tuple[str, str]:
        reply = await model.agenerate(ChatRequest(prompt="x"))
        streamed = [delta.text async for delta in model.astream(ChatRequest(prompt="x"))]
        return reply.text, "".join(streamed)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: asyncio.run(both()), range(12)))
    assert set(results) == {("abc", "abc")}
    asyncio.run(both())


def test_a_loop_that_ends_while_a_stream_is_open_ends_the_stream():
    model = FakeModel(endless)
    kept: list[AsyncIterator[ChatDelta]] = []

    async def leave_open() -> None:
        stream = model.astream(request())
        await anext(stream)
        kept.append(stream)

    asyncio.run(leave_open())
    assert model.closed == ["r"]
    assert threads_of(model) == []
