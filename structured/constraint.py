"""``Constraint``: what a decoder must obey, as data.

Constraints are frozen, hashable, and cross process borders as JSON. They say *what* must hold;
an :class:`~structured.engine.Engine` decides *how*.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator


class _Constraint(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class JsonConstraint(_Constraint):
    """The text is one JSON value of a schema, written compactly (no white space)."""

    type: Literal["json"] = "json"
    schema_text: str
    """The JSON Schema as text, so that equal schemas are equal constraints."""

    @cached_property
    def json_schema(self) -> dict[str, Any]:
        """The schema as data. Do not change it."""
        loaded: dict[str, Any] = json.loads(self.schema_text)
        return loaded


class RegexConstraint(_Constraint):
    """The whole text matches a regular expression (Rust ``regex`` syntax: no look-around)."""

    type: Literal["regex"] = "regex"
    pattern: str


class ChoiceConstraint(_Constraint):
    """The text is exactly one of several strings."""

    type: Literal["choice"] = "choice"
    options: tuple[str, ...] = Field(min_length=1)


class LarkConstraint(_Constraint):
    """The text is a sentence of a Lark grammar (llguidance's dialect; ``start`` is its root)."""

    type: Literal["lark"] = "lark"
    grammar: str


class ToolSpec(_Constraint):
    """One tool as a decoder sees it."""

    name: str
    parameters_text: str
    """JSON Schema of the arguments object, as text."""


class ToolCallConstraint(_Constraint):
    """The text is one call of one of the tools, or, where that is allowed, a plain answer.

    A call reads ``{"name":"…","arguments":{…}}``, an answer ``{"answer":"…"}``.
    """

    type: Literal["tool_call"] = "tool_call"
    tools: tuple[ToolSpec, ...] = Field(min_length=1)
    allow_answer: bool = True
    """Whether "no tool fits" is one of the choices."""

    @model_validator(mode="after")
    def _names_differ(self) -> ToolCallConstraint:
        names = [tool.name for tool in self.tools]
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ValueError(f"tool names must differ; given twice: {', '.join(twice)}")
        return self


Constraint = Annotated[
    JsonConstraint | RegexConstraint | ChoiceConstraint | LarkConstraint | ToolCallConstraint,
    Field(discriminator="type"),
]
"""Any constraint; ``type`` tells them apart in JSON."""

_adapter: TypeAdapter[Any] = TypeAdapter(Constraint)


def constraint_from_json(text: str | bytes) -> Constraint:
    """The constraint that a JSON text (``constraint.model_dump_json()``) stands for.

    Raises:
        pydantic.ValidationError: Not a constraint.
    """
    constraint: Constraint = _adapter.validate_json(text)
    return constraint
