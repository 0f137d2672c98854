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
    """The text is one JSON value of a schema, on one line, with a space behind commas and colons.

    That is how Python's ``json.dumps`` writes, and how models have mostly seen JSON written on one
    line. Without the spaces, small models choose worse: of 60 questions of BFCL,
    Qwen2.5-Coder-1.5B answered 55 rightly with them and 52 without, because it invents fewer
    optional arguments (``tests/benchmarks/bfcl.py``)."""

    type: Literal["json"] = "json"
    schema_text: str
    """The JSON Schema as text, so that equal schemas are equal constraints."""
    key_order: Literal["schema", "any"] = "schema"
    """``schema``: an object's keys come in the order in which the schema lists them, so that most
    of them need no choice. ``any``: in whatever order, each at most once."""

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


class Reasoning(_Constraint):
    """A section of free text, between two tags, before what a reply is really about."""

    begin: str = "<think>"
    """``""`` where the prompt has opened the section already (the templates of some reasoning
    models do); the reply then begins inside it."""
    end: str = Field(default="</think>", min_length=1)
    required: bool = True
    """Whether the section must be there; otherwise the model decides."""
    max_characters: int | None = Field(default=4000, ge=1)
    """Characters between the tags, at most; then the end tag is all that may follow. ``None``
    leaves only the reply's own limit, which may leave no tokens for the rest."""

    @model_validator(mode="after")
    def _optional_needs_a_tag(self) -> Reasoning:
        if not self.begin and not self.required:
            raise ValueError(
                "an optional section needs a begin tag: without one nothing tells it from the reply"
            )
        return self


MAX_TOOL_CALLS = 128
"""Calls in one reply, at most."""


class ToolCallConstraint(_Constraint):
    """The text is a call of one of the tools, or several, or, where allowed, a plain answer.

    ======================  ======================================================
    ``max_calls == 1``      ``{"name": "…", "arguments": {…}}``
    ``max_calls > 1``       ``[{"name": "…", "arguments": {…}}, …]``
    ``allow_answer``        ``{"answer": "…"}`` as well
    ``max_calls == 0``      ``{"answer": "…"}`` only
    ``reasoning``           ``<think>…</think>`` before it
    ======================  ======================================================

    One tool and no answer is a forced call. The same text is decoded on every server and read
    back by :func:`structured.tool_calls.read_tool_reply`.
    """

    type: Literal["tool_call"] = "tool_call"
    tools: tuple[ToolSpec, ...] = Field(min_length=1)
    allow_answer: bool = True
    """Whether "no tool fits" is one of the choices."""
    min_calls: int = Field(default=1, ge=1)
    """Calls in a reply that calls at all. ("No call" is ``allow_answer``.)"""
    max_calls: int = Field(default=1, ge=0, le=MAX_TOOL_CALLS)
    reasoning: Reasoning | None = None

    @model_validator(mode="after")
    def _choices_agree(self) -> ToolCallConstraint:
        names = [tool.name for tool in self.tools]
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ValueError(f"tool names must differ; given twice: {', '.join(twice)}")
        if self.min_calls > max(self.max_calls, 1):
            raise ValueError(f"min_calls {self.min_calls} exceeds max_calls {self.max_calls}")
        if not self.max_calls and not self.allow_answer:
            raise ValueError("with max_calls 0 only an answer is left: allow_answer must be true")
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
