"""``choose``: one of several options, with exact probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, overload

from byzer_agents.calls import DEFAULT_MAX_ATTEMPTS
from byzer_agents.choices import Choice
from byzer_agents.extraction import aclient_for, client_for
from runtime import ChatModel

T = TypeVar("T")


@overload
def choose(
    type_or_options: type[T],
    text: str,
    *,
    model: str | ChatModel | None = ...,
    instructions: str = ...,
    context: object = ...,
    engine: str | None = ...,
    max_attempts: int = ...,
    **llm_config: Any,
) -> Choice[T]: ...
@overload
def choose(
    type_or_options: Sequence[T],
    text: str,
    *,
    model: str | ChatModel | None = ...,
    instructions: str = ...,
    context: object = ...,
    engine: str | None = ...,
    max_attempts: int = ...,
    **llm_config: Any,
) -> Choice[T]: ...
@overload
def choose(
    type_or_options: Any,
    text: str,
    *,
    model: str | ChatModel | None = ...,
    instructions: str = ...,
    context: object = ...,
    engine: str | None = ...,
    max_attempts: int = ...,
    **llm_config: Any,
) -> Choice[Any]: ...


def choose(
    type_or_options: Any,
    text: str,
    *,
    model: str | ChatModel | None = None,
    instructions: str = "",
    context: object = None,
    engine: str | None = None,
    max_attempts: int = DEFAULT_MAX_ATTEMPTS,
    **llm_config: Any,
) -> Choice[Any]:
    """The likeliest of several options for what ``text`` speaks of, and how likely each one is.

    The model reads the text once and each option behind it; nothing is generated. The figures are
    those of the reply that ``extract`` asks for, temperature 1, nothing cut off.

    A model that cannot score (a provider's) is asked for one of the options instead; then
    ``probabilities`` and ``logprobs`` are ``None``.

    Takes the arguments of :func:`~byzer_agents.extract` but ``repairs``. ``engine``,
    ``max_attempts`` and ``llm_config`` matter only where the model cannot score.

    Args:
        type_or_options: A type of few values (``bool``, ``Literal["a", "b"]``, an ``Enum``, a union
            of such, ``Choices(…)``, a JSON Schema with ``enum``), or a list of different values.
        context: As for ``extract``. Options that the type's validators reject are none.

    Raises:
        InvalidParameter: A type of too many values, no options, or one given twice.
        OutputInvalid, SchemaError, ConstraintError, ModelError: As ``extract``.
    """
    llm, name = client_for(model)
    return llm.choose(
        type_or_options,
        text,
        model=name,
        instructions=instructions,
        context=context,
        engine=engine,
        max_attempts=max_attempts,
        llm_config=llm_config,
    )


async def achoose(
    type_or_options: type[T] | Sequence[T] | Any,
    text: str,
    *,
    model: str | ChatModel | None = None,
    instructions: str = "",
    context: object = None,
    engine: str | None = None,
    max_attempts: int = DEFAULT_MAX_ATTEMPTS,
    **llm_config: Any,
) -> Choice[T]:
    """:func:`choose` for an event loop."""
    llm, name = await aclient_for(model)
    choice: Choice[T] = await llm.achoose(
        type_or_options,
        text,
        model=name,
        instructions=instructions,
        context=context,
        engine=engine,
        max_attempts=max_attempts,
        llm_config=llm_config,
    )
    return choice
