"""The fall-back: the model is asked for the value of one call instead of the function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from byzer_agents.implementing.subject import Subject
from structured.errors import shorten

if TYPE_CHECKING:
    from byzer_agents.implementing.implementation import Terms


def predict(subject: Subject, terms: Terms, bound: Mapping[str, Any]) -> Any:
    """The typed value of one call, as the model sees it.

    Raises:
        OutputInvalid: No reply was a value of the type.
        ModelError: What the model raises.
    """
    llm, model = terms.client()
    text, instructions = _asked(subject, bound)
    return llm.extract(
        _wanted(subject), text, model=model, instructions=instructions, llm_config=terms.llm_config
    )


async def apredict(subject: Subject, terms: Terms, bound: Mapping[str, Any]) -> Any:
    """:func:`predict` for an event loop."""
    import asyncio

    llm, model = await asyncio.to_thread(terms.client)
    text, instructions = _asked(subject, bound)
    return await llm.aextract(
        _wanted(subject), text, model=model, instructions=instructions, llm_config=terms.llm_config
    )


def _wanted(subject: Subject) -> Any:
    given = subject.response_class
    return given if isinstance(given, (str, dict)) else subject.returned


def _asked(subject: Subject, bound: Mapping[str, Any]) -> tuple[str, str]:
    """What the model reads: the call's arguments, and what the function does."""
    told = f"You are this function:\n{subject.head}\n{subject.doc}"
    if subject.instruction:
        told += f"\n{subject.instruction}"
    arguments = ", ".join(f"{name} = {_shown(value)}" for name, value in bound.items())
    return f"{subject.name} is called with {arguments or 'no arguments'}.", told


def _shown(value: Any) -> str:
    try:
        return json.dumps(to_jsonable_python(value), ensure_ascii=False)
    except ValueError:
        return shorten(value, 2000)
