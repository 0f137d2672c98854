"""Values from models: extracted whole, as they come, or chosen among options."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Generator, Iterator, Mapping, Set
from contextlib import aclosing, closing
from dataclasses import replace
from typing import Annotated, Any, TypedDict, TypeVar, get_args, get_origin

from typing_extensions import Unpack

from byzer_agents.calls import (
    DEFAULT_MAX_ATTEMPTS,
    DEFAULT_REPAIRS,
    Steps,
    TypedReply,
    adrive,
    drive,
)
from byzer_agents.chatting import extraction_messages, extraction_steps, value_contract
from byzer_agents.choices import Choice, Question
from byzer_agents.plan import Plan, Terms, typed
from byzer_agents.text import TextCalls
from byzer_agents.watching import ItemWatch, ValueWatch, awatched, watched
from runtime import (
    ChatModel,
    ChatRequest,
    FeatureNotAvailable,
    GenerationParams,
    InvalidParameter,
)
from structured import OutputSchema, output_schema
from structured.partial import Partial

T = TypeVar("T")


class ValueOptions(TypedDict, total=False):
    """Options of the calls that return values: what :func:`byzer_agents.extract` says of them."""

    model: str | ChatModel | None
    """A deployed model's name, or a model; ``None``: this object's default."""
    instructions: str
    context: object
    engine: str | None
    max_attempts: int
    repairs: int
    llm_config: Mapping[str, Any] | None
    """Generation parameters, as a mapping."""


class ValueCalls(TextCalls):
    """The part of ``ByzerLLM`` that returns values. Each method is a function of
    :mod:`byzer_agents` under the same name, for models that this object knows."""

    def extract(self, type_: type[T] | Any, text: str, **options: Unpack[ValueOptions]) -> T:
        """See :func:`byzer_agents.extract`."""
        plan, _, steps = self._extraction(type_, text, options)
        value: T = drive(plan.model, steps).value
        return value

    async def aextract(self, type_: type[T] | Any, text: str, **options: Unpack[ValueOptions]) -> T:
        """:meth:`extract` for an event loop."""
        plan, _, steps = self._extraction(type_, text, options)
        value: T = (await adrive(plan.model, steps)).value
        return value

    def stream_extract(
        self,
        type_: type[T] | Any,
        text: str,
        *,
        partial_strings: bool = False,
        **options: Unpack[ValueOptions],
    ) -> Iterator[Partial[T] | T]:
        """See :func:`byzer_agents.stream_extract`."""
        plan, watch, steps = self._partials(type_, text, options, strings=partial_strings)
        return _values_of(watched(plan.model, steps, watch))

    async def astream_extract(
        self,
        type_: type[T] | Any,
        text: str,
        *,
        partial_strings: bool = False,
        **options: Unpack[ValueOptions],
    ) -> AsyncGenerator[Partial[T] | T, None]:
        """:meth:`stream_extract` for an event loop."""
        plan, watch, steps = self._partials(type_, text, options, strings=partial_strings)
        async with aclosing(awatched(plan.model, steps, watch)) as stream:
            async for shown in stream:
                yield shown.value if isinstance(shown, TypedReply) else shown

    def stream_items(
        self, type_: type[Collection[T]] | Any, text: str, **options: Unpack[ValueOptions]
    ) -> Iterator[T]:
        """See :func:`byzer_agents.stream_items`."""
        plan, watch, steps = self._items(type_, text, options)
        return _items_of(watched(plan.model, steps, watch))

    async def astream_items(
        self, type_: type[Collection[T]] | Any, text: str, **options: Unpack[ValueOptions]
    ) -> AsyncGenerator[T, None]:
        """:meth:`stream_items` for an event loop."""
        plan, watch, steps = self._items(type_, text, options)
        async with aclosing(awatched(plan.model, steps, watch)) as stream:
            async for shown in stream:
                if not isinstance(shown, TypedReply):
                    yield shown

    def choose(
        self, type_or_options: type[T] | Any, text: str, **options: Unpack[ValueOptions]
    ) -> Choice[T]:
        """See :func:`byzer_agents.choose`."""
        question, plan, request = self._question(type_or_options, text, options)
        choice = _scored(plan.model, request, question)
        if choice is not None:
            return choice
        steps = extraction_steps(plan, question.schema, text, options.get("instructions", ""))
        return Choice(question.chosen(drive(plan.model, steps).value), None, None)

    async def achoose(
        self, type_or_options: type[T] | Any, text: str, **options: Unpack[ValueOptions]
    ) -> Choice[T]:
        """:meth:`choose` for an event loop."""
        question, plan, request = self._question(type_or_options, text, options)
        choice = await asyncio.to_thread(_scored, plan.model, request, question)
        if choice is not None:
            return choice
        steps = extraction_steps(plan, question.schema, text, options.get("instructions", ""))
        return Choice(question.chosen((await adrive(plan.model, steps)).value), None, None)

    def _extraction(
        self, type_: Any, text: str, options: ValueOptions
    ) -> tuple[Plan, OutputSchema[Any], Steps[TypedReply[Any]]]:
        plan, schema = self._settle(type_, options)
        return plan, schema, extraction_steps(plan, schema, text, options.get("instructions", ""))

    def _partials(
        self, type_: Any, text: str, options: ValueOptions, *, strings: bool
    ) -> tuple[Plan, ValueWatch[Any], Steps[TypedReply[Any]]]:
        plan, schema, steps = self._extraction(type_, text, options)
        return plan, ValueWatch(schema, type_, strings=strings), steps

    def _question(
        self, type_or_options: Any, text: str, options: ValueOptions
    ) -> tuple[Question[Any], Plan, ChatRequest]:
        question = Question.of(type_or_options, options.get("context"))
        plan, schema = self._settle(question.schema, options)
        messages = extraction_messages(schema, text, options.get("instructions", ""))
        return question, plan, plan.request(messages)

    def _items(
        self, type_: Any, text: str, options: ValueOptions
    ) -> tuple[Plan, ItemWatch[Any], Steps[TypedReply[Any]]]:
        item, once = _item_type(type_)
        plan, schema = self._settle(type_, options)
        watch = ItemWatch(schema, output_schema(item), plan.terms.context, once=once)
        contract = replace(value_contract(plan, schema), read=watch.read)
        messages = extraction_messages(schema, text, options.get("instructions", ""))
        return plan, watch, typed(plan, messages, contract, watch.floor)

    def _settle(self, type_: Any, options: ValueOptions) -> tuple[Plan, OutputSchema[Any]]:
        for name in options:
            if name not in ValueOptions.__annotations__:
                raise TypeError(f"got an unexpected keyword argument {name!r}")
        plan = self._plan(
            options.get("model"),
            options.get("llm_config") or {},
            base=GenerationParams(temperature=0),
            terms=Terms(
                options.get("context"),
                options.get("engine"),
                options.get("max_attempts", DEFAULT_MAX_ATTEMPTS),
                options.get("repairs", DEFAULT_REPAIRS),
            ),
        )
        return plan, output_schema(type_)


def _scored(model: ChatModel, request: ChatRequest, question: Question[Any]) -> Choice[Any] | None:
    """The choice by the model's own figures; ``None`` where it has none."""
    try:
        scores = model.score(request, [option.text for option in question.options])
    except FeatureNotAvailable:
        return None
    return Choice.of(question.options, scores) if scores else None


def _values_of(
    stream: Generator[Partial[T] | TypedReply[T], None, None],
) -> Iterator[Partial[T] | T]:
    with closing(stream):
        for shown in stream:
            yield shown.value if isinstance(shown, TypedReply) else shown


def _items_of(stream: Generator[T | TypedReply[Any], None, None]) -> Iterator[T]:
    with closing(stream):
        for shown in stream:
            if not isinstance(shown, TypedReply):
                yield shown


def _item_type(type_: Any) -> tuple[Any, bool]:
    """The type of a collection's items, and whether equal ones count once."""
    inner = type_
    while get_origin(inner) is Annotated:
        inner = get_args(inner)[0]
    origin, arguments = get_origin(inner), get_args(inner)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return arguments[0], False
    listed = isinstance(origin, type) and origin is not tuple and issubclass(origin, Collection)
    if listed and len(arguments) == 1 and not isinstance(arguments[0], TypeVar):
        return arguments[0], issubclass(origin, Set)
    raise InvalidParameter("type_", type_, "a collection of one type: list[…], set[…]")
