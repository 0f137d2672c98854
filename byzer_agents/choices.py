"""The options of a choice: the values of a type that has few, and how a model would write them."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin

from runtime import InvalidParameter
from structured import Choices, OutputSchema, SchemaError, ValidationFailed, output_schema

T = TypeVar("T")

MAX_OPTIONS = 10_000
_ANY: OutputSchema[Any] = OutputSchema.of(Any)


class Distribution(Mapping[T, float]):
    """A number for each option.

    A mapping from values that need not be hashable, and in which ``1``, ``1.0`` and ``True`` are
    three. Iterates in the order of the options.
    """

    def __init__(self, options: Sequence[Option[T]], numbers: Sequence[float]) -> None:
        """``numbers`` in the order of the options."""
        self._values = tuple(option.value for option in options)
        self._numbers = tuple(numbers)
        self._index: dict[str, int] = {}
        for i, value in enumerate(self._values):
            self._index.setdefault(_key(value), i)

    def __getitem__(self, value: T) -> float:
        try:
            return self._numbers[self._index[_key(value)]]
        except KeyError:
            raise KeyError(value) from None

    def __iter__(self) -> Iterator[T]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        pairs = zip(self._values, self._numbers, strict=True)
        return f"{{{', '.join(f'{value!r}: {number:.4g}' for value, number in pairs)}}}"


def _spelled(value: Any) -> str:
    return _ANY.dump_json(value)


def _key(value: Any) -> str:
    """The same for the same value; of what a validator made, and JSON cannot say, its identity."""
    try:
        return _spelled(value)
    except SchemaError:
        return f"object {id(value)}"


@dataclass(frozen=True, slots=True)
class Option(Generic[T]):
    """One value, and its text."""

    value: T
    text: str


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """The likeliest of several options."""

    value: T
    probabilities: Distribution[T] | None
    """How likely each option is, given that it is one of them: they sum to 1. ``None`` for a model
    that cannot tell, such as a provider's."""
    logprobs: Distribution[T] | None
    """The natural logarithm of the probability that the model's whole reply is this option's text,
    free to reply anything."""

    @property
    def probability(self) -> float | None:
        """Of the chosen value."""
        return None if self.probabilities is None else self.probabilities[self.value]

    @staticmethod
    def of(options: Sequence[Option[T]], logprobs: Sequence[float]) -> Choice[T] | None:
        """The likeliest by the model's own figures; ``None`` where it holds all impossible."""
        top = max(logprobs)
        if not math.isfinite(top):
            return None
        weights = [math.exp(logprob - top) for logprob in logprobs]
        whole = math.fsum(weights)
        return Choice(
            options[logprobs.index(top)].value,
            Distribution(options, [weight / whole for weight in weights]),
            Distribution(options, logprobs),
        )


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """What is to be chosen."""

    schema: OutputSchema[Any]
    """The contract of the reply."""
    options: tuple[Option[T], ...]

    def chosen(self, value: Any) -> T:
        """The option that a value read by the schema stands for."""
        text = self.schema.dump_json(value)
        return next((option.value for option in self.options if option.text == text), value)

    @staticmethod
    def of(type_or_options: Any, context: object = None) -> Question[Any]:
        """The options of a type, or as they are given.

        Args:
            type_or_options: ``bool``, ``None``, a ``Literal``, an ``Enum``, a union of such,
                ``Choices(…)``, a JSON Schema with ``enum`` or ``const``; or a list of values.
            context: For the type's validators. Options that they reject are none.

        Raises:
            InvalidParameter: No type with few values, or an option given twice.
            SchemaError: An option that cannot be written as JSON.
        """
        if isinstance(type_or_options, (list, tuple, set, frozenset)):
            return _of_values(list(type_or_options))
        schema = output_schema(type_or_options)
        options: dict[str, Option[Any]] = {}
        for value in _values(type_or_options, schema):
            text = schema.dump_json(value)
            try:
                options.setdefault(text, Option(schema.validate_json(text, context=context), text))
            except ValidationFailed:
                continue
            if len(options) > MAX_OPTIONS:
                raise _refused(type_or_options)
        if not options:
            raise InvalidParameter("options", type_or_options, "options that its validators take")
        return Question(schema, tuple(options.values()))


def _of_values(values: list[Any]) -> Question[Any]:
    options: dict[str, Option[Any]] = {}
    for value in values:
        text = _spelled(value)
        if text in options:
            raise InvalidParameter("options", values, f"different options; {text} is given twice")
        options[text] = Option(value, text)
    if not 0 < len(options) <= MAX_OPTIONS:
        raise InvalidParameter("options", values, f"1 to {MAX_OPTIONS} options")
    schema = OutputSchema.from_json_schema(
        {"enum": [json.loads(text) for text in options]}, name="choice"
    )
    return Question(schema, tuple(options.values()))


def _values(type_: Any, schema: OutputSchema[Any]) -> Iterator[Any]:
    """The values of a type that has few."""
    type_ = getattr(type_, "__value__", type_)  # of `type Name = …`
    origin, arguments = get_origin(type_), get_args(type_)
    if isinstance(type_, Choices):
        yield from type_.options
    elif isinstance(type_, (dict, str, OutputSchema)):
        found = schema.json_schema
        if not {"enum", "const"} & found.keys():
            raise _refused(type_)
        yield from found.get("enum", [found.get("const")])
    elif origin is Literal:
        yield from arguments
    elif origin is Annotated:
        yield from _values(arguments[0], schema)
    elif origin in (Union, UnionType):
        for argument in arguments:
            yield from _values(argument, schema)
    elif type_ is bool:
        yield from (True, False)
    elif type_ in (None, NoneType):
        yield None
    elif isinstance(type_, type) and issubclass(type_, enum.Enum):
        yield from type_
    else:
        raise _refused(type_)


def _refused(type_: Any) -> InvalidParameter:
    return InvalidParameter(
        "options", type_, f"a type of 1 to {MAX_OPTIONS} values (bool, Literal, Enum), or a list"
    )
