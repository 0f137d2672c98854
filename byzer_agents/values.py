"""Values from models: extracted whole, as they come, or chosen among options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, TypeVar

from typing_extensions import Unpack

from byzer_agents.calls import DEFAULT_MAX_ATTEMPTS, DEFAULT_REPAIRS, adrive, drive
from byzer_agents.chatting import Plan, Terms, extraction_steps
from byzer_agents.text import TextCalls
from runtime import ChatModel, GenerationParams
from structured import OutputSchema, output_schema

T = TypeVar("T")


class ValueOptions(TypedDict, total=False):
    """Options of the calls that return values."""

    model: str | ChatModel | None
    """A deployed model's name, or a model."""
    instructions: str
    """Said to the model before anything else."""
    context: object
    """What the type's validators see as ``info.context``."""
    engine: str | None
    """Name of the engine that compiles the grammar; ``None``: the deployment's."""
    max_attempts: int
    """Replies to ask for before giving up (3)."""
    repairs: int
    """Rollbacks for each of them (8), on models that can go on from a given text."""
    llm_config: Mapping[str, Any] | None
    """Generation parameters: ``temperature`` (0), ``max_length``, ``seed``, …"""


class ValueCalls(TextCalls):
    """The part of ``ByzerLLM`` that returns values. Each method is a function of
    :mod:`byzer_agents` under the same name, for models that this object knows."""

    def extract(self, type_: type[T] | Any, text: str, **options: Unpack[ValueOptions]) -> T:
        """See :func:`byzer_agents.extract`."""
        plan, schema = self._settle(type_, options)
        steps = extraction_steps(plan, schema, text, options.get("instructions", ""))
        value: T = drive(plan.model, steps).value
        return value

    async def aextract(self, type_: type[T] | Any, text: str, **options: Unpack[ValueOptions]) -> T:
        """:meth:`extract` for an event loop."""
        plan, schema = self._settle(type_, options)
        steps = extraction_steps(plan, schema, text, options.get("instructions", ""))
        value: T = (await adrive(plan.model, steps)).value
        return value

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
