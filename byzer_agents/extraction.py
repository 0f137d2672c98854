"""``extract``: a value of a type from a text, by the quickstart model unless told otherwise."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, TypeVar

from byzer_agents.calls import DEFAULT_MAX_ATTEMPTS, DEFAULT_REPAIRS
from byzer_agents.client import ByzerLLM
from runtime import ChatModel, InvalidParameter
from runtime.store import CATALOGUE
from runtime.store.catalogue import index_of

T = TypeVar("T")

QUICKSTART = "quickstart"
_deploying = threading.Lock()


def extract(
    type_: type[T] | Any,
    text: str,
    *,
    model: str | ChatModel | None = None,
    instructions: str = "",
    context: object = None,
    engine: str | None = None,
    max_attempts: int = DEFAULT_MAX_ATTEMPTS,
    repairs: int = DEFAULT_REPAIRS,
    **llm_config: Any,
) -> T:
    """The value of type ``type_`` that ``text`` speaks of.

    On own workers the model is decoded under the grammar of the type. What a grammar cannot say (a
    pydantic validator, say) is checked afterwards: a reply that breaks it is rolled back to where
    it was still good and goes on from there, without what was rejected. On a provider, or when
    that does not help, it is asked for again with the broken rules.

    Args:
        type_: Anything that pydantic's ``TypeAdapter`` takes (a pydantic class, a dataclass, a
            ``TypedDict``, ``Literal["a", "b"]``, ``list[Person]``, …), a JSON Schema as dict or
            text, or a text type (``Regex``, ``Lark``, ``Choices``, ``Text``).
        text: What to read.
        model: A deployed model's name, a catalogue name such as ``"quickstart"`` (readied and
            deployed in this process on first use), or a :class:`~runtime.ChatModel`. ``None``:
            the one model that is deployed in this process, else the quickstart model.
        instructions: Said to the model before anything else.
        context: What the type's validators see as ``info.context``.
        engine: Name of the engine that compiles the grammar; ``None``: the deployment's.
        max_attempts: Replies to ask for whole before giving up, the first included.
        repairs: Rollbacks for each of these replies, on models that can go on from a given text.
        llm_config: Generation parameters: ``temperature`` (default 0), ``max_length`` (output
            tokens at most), ``seed``, …

    Raises:
        OutputInvalid: No reply met the contract; carries every attempt.
        SchemaError: The type has no JSON Schema.
        ConstraintError: No grammar can be made for it.
        ModelError: What the model raises.
    """
    llm, name = client_for(model)
    value: T = llm.extract(
        type_,
        text,
        model=name,
        instructions=instructions,
        context=context,
        engine=engine,
        max_attempts=max_attempts,
        repairs=repairs,
        llm_config=llm_config,
    )
    return value


async def aextract(
    type_: type[T] | Any,
    text: str,
    *,
    model: str | ChatModel | None = None,
    instructions: str = "",
    context: object = None,
    engine: str | None = None,
    max_attempts: int = DEFAULT_MAX_ATTEMPTS,
    repairs: int = DEFAULT_REPAIRS,
    **llm_config: Any,
) -> T:
    """:func:`extract` for an event loop."""
    llm, name = await aclient_for(model)
    value: T = await llm.aextract(
        type_,
        text,
        model=name,
        instructions=instructions,
        context=context,
        engine=engine,
        max_attempts=max_attempts,
        repairs=repairs,
        llm_config=llm_config,
    )
    return value


def client_for(model: str | ChatModel | None) -> tuple[ByzerLLM, str | ChatModel]:
    """A client, and the model to use with it; deploys a catalogue model on its first use."""
    llm = ByzerLLM()
    if isinstance(model, ChatModel):
        return llm, model
    deployed = llm.host.names()
    if model is None:
        if len(deployed) > 1:
            raise InvalidParameter("model", None, f"one of the deployed: {', '.join(deployed)}")
        model = deployed[0] if deployed else QUICKSTART
    if model not in deployed and model.casefold() in index_of(CATALOGUE):
        with _deploying:
            if not llm.is_model_exist(model):
                llm.deploy(model, udf_name=model)
    return llm, model


async def aclient_for(model: str | ChatModel | None) -> tuple[ByzerLLM, str | ChatModel]:
    """:func:`client_for` for an event loop: deploying may take long."""
    return await asyncio.to_thread(client_for, model)
