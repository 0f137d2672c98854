"""Test doubles: models that say what a test tells them to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any

from runtime import (
    ChatDelta,
    ChatModel,
    ChatReply,
    ChatRequest,
    FeatureNotAvailable,
    Message,
    ModelMeta,
    Templates,
    Timing,
    Usage,
)

Reply = str | Exception | Callable[[ChatRequest], "str | Exception"]


class ScriptedModel(ChatModel):
    """A model that gives the replies of a script, one a request, in order.

    A reply is its text, an exception to raise, or a function of the request that returns either.
    A request after the script's end fails, and so does leaving the ``with`` block before it:

    >>> from byzer_agents import extract
    >>> with ScriptedModel("42") as model:
    ...     extract(int, "six times seven", model=model)
    42

    Constraints are not enforced: that is what a script is for. Tokens are counted as words.

    With ``resumes=True`` it takes requests that go on from a given text, as own workers do. The
    script says the whole reply then, too; it fails where the reply does not begin with that text,
    or goes on with what the request says to avoid. The usage counts what is new.

    Attributes:
        requests: What was asked so far.
    """

    def __init__(
        self,
        *replies: Reply,
        name: str = "scripted",
        meta: ModelMeta | None = None,
        resumes: bool = False,
    ) -> None:
        self.name = name
        self.resumes = resumes
        self.requests: list[ChatRequest] = []
        self._replies = list(replies)
        self._meta = meta or ModelMeta(backend="scripted", max_model_len=8192)
        self._lock = threading.Lock()

    @property
    def meta(self) -> ModelMeta:
        """As given, or a plausible one."""
        return self._meta

    def generate(self, request: ChatRequest) -> ChatReply:
        """The next reply of the script.

        Raises:
            AssertionError: The script has none left, or a reply that does not go on as asked.
            FeatureNotAvailable: The request is to be resumed, and this model does not.
        """
        started = time.perf_counter()
        text = self._next(request)
        total = time.perf_counter() - started
        return ChatReply(
            text,
            "stop",
            self._usage(request, text),
            Timing(total, total),
            self.name,
            request.request_id,
        )

    def stream(self, request: ChatRequest) -> Iterator[ChatDelta]:
        """The next reply of the script, a word at a time; what was given at once."""
        text = self._next(request)
        usage = self._usage(request, text)
        kept = request.resume.text if request.resume else ""
        if kept:
            yield ChatDelta(kept, usage=Usage(usage.input_tokens))
        for i, word in enumerate(_words(text[len(kept) :]), start=1):
            yield ChatDelta(word, usage=Usage(usage.input_tokens, i))
        yield ChatDelta("", "stop", usage)

    def _next(self, request: ChatRequest) -> str:
        if request.resume is not None and not self.resumes:
            raise FeatureNotAvailable(f"resuming a reply with the scripted model {self.name!r}")
        with self._lock:
            self.requests.append(request)
            if not self._replies:
                raise AssertionError(
                    f"request {len(self.requests)} to the scripted model {self.name!r}, whose "
                    f"script has ended; it asks: {_asked(request)!r}"
                )
            reply = self._replies.pop(0)
        if callable(reply):
            reply = reply(request)
        if isinstance(reply, Exception):
            raise reply
        _check_resumed(request, reply)
        return reply

    def _usage(self, request: ChatRequest, text: str) -> Usage:
        kept = request.resume.text if request.resume else ""
        return Usage(len(_words(_asked(request) + kept)), len(_words(text[len(kept) :])))

    def abort(self, request_id: str) -> bool:
        """Nothing runs here for long enough to stop it."""
        return False

    def tokenize(self, text: str) -> list[int]:
        """One number a word."""
        return list(range(len(_words(text))))

    def apply_chat_template(self, messages: Sequence[Message]) -> str:
        """By ``Templates.default()``."""
        return Templates.default().render(messages)

    def __enter__(self) -> ScriptedModel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and self._replies:
            raise AssertionError(
                f"{len(self._replies)} replies of the scripted model {self.name!r} were not asked "
                f"for; the next is {self._replies[0]!r}"
            )


def _check_resumed(request: ChatRequest, reply: str) -> None:
    if request.resume is None:
        return
    kept = request.resume.text
    if not reply.startswith(kept):
        raise AssertionError(f"the reply is to begin with {kept!r}; the script says {reply!r}")
    rest = reply[len(kept) :]
    for avoid in request.resume.avoid:
        after = rest[len(avoid) : len(avoid) + 1]
        if rest.startswith(avoid) and (after in (*",:]} \n",) or avoid[-1] in '"]}'):
            raise AssertionError(f"after {kept!r} {avoid!r} is to be avoided: {reply!r}")


def _asked(request: ChatRequest) -> str:
    if request.prompt is not None:
        return request.prompt
    return "\n".join(message.content for message in request.messages)


def _words(text: str) -> list[Any]:
    """The text cut after its spaces: joined, the pieces are the text again."""
    pieces, start = [], 0
    for i, character in enumerate(text):
        if character == " ":
            pieces.append(text[start : i + 1])
            start = i + 1
    if start < len(text):
        pieces.append(text[start:])
    return pieces
