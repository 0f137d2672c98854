"""Typed calls whose replies are read while they come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator, Iterator
from dataclasses import replace
from typing import Any, Generic, TypeVar

from byzer_agents.attempts import TypedReply
from byzer_agents.closing import aclosed, closed
from byzer_agents.steps import Run, Steps
from runtime import ChatDelta, ChatModel, ChatReply, ChatRequest, InvalidParameter
from runtime.model import collect
from structured import OutputSchema, ValidationFailed, Violation
from structured.errors import shorten
from structured.partial import Partial, partial_of, partial_text
from structured.scanner import Node, NotJson, Scanner

E = TypeVar("E")
Shown = TypeVar("Shown", covariant=True)
T = TypeVar("T")


class Watch(ABC, Generic[Shown]):
    """Reads the pieces of replies, and says what is to be shown of them.

    Attributes:
        stopped: It has seen enough of this reply: the rest need not be generated.
    """

    stopped: bool = False

    def begin(self) -> None:
        """A reply begins (the first, or the next that was asked for)."""
        self.stopped = False

    @abstractmethod
    def take(self, piece: str) -> Iterator[Shown]:
        """The next piece of it."""


def watched(
    model: ChatModel, steps: Steps[TypedReply[T]], watch: Watch[E]
) -> Generator[E | TypedReply[T], None, None]:
    """Run steps against a model that streams; what the watch shows, and the result last."""
    run = Run(steps)
    while run.request is not None:
        reading = _Reading(model, run.request, watch)
        with run:
            with closed(model.stream(run.request)) as deltas:
                for delta in deltas:
                    yield from reading.take(delta)
                    if reading.enough:
                        break
            run.reply = reading.reply()
    yield run.result


async def awatched(
    model: ChatModel, steps: Steps[TypedReply[T]], watch: Watch[E]
) -> AsyncGenerator[E | TypedReply[T], None]:
    """:func:`watched` for an event loop."""
    run = Run(steps)
    while run.request is not None:
        reading = _Reading(model, run.request, watch)
        with run:
            async with aclosed(model.astream(run.request)) as deltas:
                async for delta in deltas:
                    for shown in reading.take(delta):
                        yield shown
                    if reading.enough:
                        break
            run.reply = reading.reply()
    yield run.result


class _Reading(Generic[E]):
    """One reply under way."""

    def __init__(self, model: ChatModel, request: ChatRequest, watch: Watch[E]) -> None:
        if request.params.best_of > 1:
            raise InvalidParameter("best_of", request.params.best_of, "1 in a stream")
        self.enough = False
        self._model, self._request, self._watch = model, request, watch
        self._deltas: list[ChatDelta] = []
        watch.begin()

    def take(self, delta: ChatDelta) -> Iterator[E]:
        """What is to be shown after a delta."""
        if self._watch.stopped:  # it comes to its end, and says what it has cost
            self._deltas.append(replace(delta, text="", logprobs=()))
            return
        self._deltas.append(delta)
        yield from self._watch.take(delta.text)
        if self._watch.stopped and delta.finish_reason is None:
            self.enough = not self._model.abort(self._request.request_id)

    def reply(self) -> ChatReply:
        """What has come, as one reply."""
        reply = collect(iter(self._deltas), self._request, self._model.name)
        if self._watch.stopped and reply.finish_reason == "abort":
            return replace(reply, finish_reason="stop")
        return reply


class ValueWatch(Watch[Partial[T]]):
    """Shows a value as its parts are completed."""

    def __init__(self, schema: OutputSchema[T], type_: Any, *, strings: bool) -> None:
        self._text_form = schema.form == "text"
        self._type, self._strings = type_, strings

    def begin(self) -> None:
        """A reply begins."""
        super().begin()
        self._scanner, self._broken = Scanner(), False
        self._parts: list[str] = []

    def take(self, piece: str) -> Iterator[Partial[T]]:
        """The next piece; a text that is not JSON shows nothing from there on."""
        if self._text_form:
            self._parts.append(piece)
            if self._strings and piece:
                text: Partial[Any] = partial_text(self._parts)
                yield text
            return
        if self._broken:
            return
        try:
            completed = self._scanner.feed(piece)
        except NotJson:
            self._broken = True
            return
        root = self._scanner.root
        growing = self._strings and piece and self._scanner.open_string is not None
        if growing or any(node is not root for node in completed):
            partial = partial_of(self._scanner, self._type, strings=self._strings)
            if partial is not None:
                yield partial


class ItemWatch(Watch[T]):
    """Shows each item of a list when it is complete and valid. Stops at the first that is not."""

    def __init__(
        self, schema: OutputSchema[Any], item: OutputSchema[T], context: object, *, once: bool
    ) -> None:
        """``once``: equal items are shown once, as in a set."""
        self._schema, self._item, self._context, self._once = schema, item, context, once
        self._shown: list[T] = []
        self._values: set[Any] = set()
        self._raw: list[Any] = []

    def begin(self) -> None:
        """A reply begins."""
        super().begin()
        self._scanner, self._seen, self._in_use = Scanner(), 0, 0
        self._pieces: list[str] = []  # of the text, from `_offset` on
        self._offset = 0
        self._failure: ValidationFailed | None = None

    def floor(self) -> int:
        """Characters of the reply that hold what was shown."""
        return self._in_use

    def take(self, piece: str) -> Iterator[T]:
        """The next piece."""
        self._pieces.append(piece)
        try:
            self._scanner.feed(piece)
        except NotJson:
            self.stopped = True  # reading the text as a whole says what is wrong with it
        root = self._scanner.root
        while root is not None and root.kind == "array" and self._seen < len(root.items):
            node = root.items[self._seen]
            if node.end is None:
                break
            try:
                value = self._validated(node)
            except ValidationFailed as error:
                self._failure, self.stopped = error, True
                return
            self._seen += 1
            if self._seen <= len(self._raw):
                continue  # shown already, in an earlier reply
            self._in_use = node.end
            self._raw.append(node.data())
            if self._once:
                if value in self._values:
                    continue
                self._values.add(value)
            self._shown.append(value)
            yield value

    def read(self, text: str) -> list[T]:
        """The text that was watched, read as a whole.

        Raises:
            ValidationFailed: It breaks the contract; of items, the first that does is named.
        """
        if self._failure is not None:
            found = self._failure
            raise ValidationFailed(self._schema.name, found.violations, text, hint=found.hint)
        self._schema.validate_json(text, context=self._context)
        return self._shown

    def _validated(self, node: Node) -> T:
        assert node.end is not None
        text = "".join(self._pieces)
        written = text[node.start - self._offset : node.end - self._offset]
        self._pieces, self._offset = [text[node.end - self._offset :]], node.end
        at = f"$[{self._seen}]"
        if self._seen < len(self._raw):
            self._in_use = node.end
            if node.data() != self._raw[self._seen]:
                before = shorten(self._raw[self._seen])
                rule = f"{before}, which is in use already"
                found = Violation(at, rule, shorten(node.data()), "in_use")
                raise ValidationFailed(self._item.name, [found], written)
        try:
            return self._item.validate_json(written, context=self._context)
        except ValidationFailed as error:
            moved = [replace(v, path=at + v.path[1:]) for v in error.violations]
            raise ValidationFailed(self._item.name, moved, written) from None
