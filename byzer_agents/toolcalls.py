"""Offering tools to a model: the contract of its reply, and what its reply decides."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from byzer_agents.calls import DEFAULT_MAX_ATTEMPTS, Contract
from byzer_agents.responses import ToolCall
from runtime import InvalidParameter
from runtime.errors import listed
from structured import (
    CalledTool,
    Reasoning,
    ToolCallConstraint,
    ToolReply,
    ToolSchema,
    ToolSpec,
    ValidationFailed,
    Violation,
    read_tool_reply,
)
from structured.constraint import MAX_TOOL_CALLS
from structured.tool_calls import CONTRACT

DEFAULT_MAX_CALLS = 16
"""Calls in a reply, at most, where there may be several and the caller gave no number."""


@dataclass(frozen=True)
class ToolSet:
    """The tools of one call, by name, and what the model may do with them."""

    tools: Mapping[str, ToolSchema[Any]]
    allow_answer: bool = True
    chosen: ToolSchema[Any] | None = None
    """The one that ``tool_choice`` forces."""
    callables: Sequence[Callable[..., Any]] = field(default_factory=tuple)
    """As the caller gave them, for the caller's own format function."""
    max_calls: int = 1
    """Calls in one reply; 0: the model answers in free text."""
    concurrent: bool = False
    """Whether the calls of one reply may be carried out at the same time."""
    reasoning: Reasoning | None = None

    @property
    def offered(self) -> tuple[ToolSchema[Any], ...]:
        """What the model may pick from."""
        return (self.chosen,) if self.chosen else tuple(self.tools.values())

    @property
    def constraint(self) -> ToolCallConstraint:
        """What a decoder must obey."""
        return ToolCallConstraint(
            tools=tuple(
                ToolSpec(name=tool.name, parameters_text=json.dumps(tool.parameters))
                for tool in self.offered
            ),
            allow_answer=self.allow_answer,
            max_calls=self.max_calls,
            reasoning=self.reasoning,
        )

    def contract(self, max_attempts: int = DEFAULT_MAX_ATTEMPTS) -> Contract[Decision]:
        """What the reply must be."""
        return Contract(CONTRACT, self.constraint, self.read, max_attempts, accepts_cut=True)

    def read(self, text: str) -> Decision:
        """A reply's text as a decision.

        Raises:
            ValidationFailed: Not calls of offered tools with valid arguments, as many as asked
                for; paths begin at the reply's JSON.
        """
        return self._decision(read_tool_reply(text, self.constraint), text)

    def read_all(self, text: str) -> Decision:
        """:meth:`read` for a text that comes from elsewhere: it may hold any number of calls."""
        constraint = self.constraint.model_copy(update={"max_calls": MAX_TOOL_CALLS})
        return self._decision(read_tool_reply(text, constraint), text)

    def _decision(self, reply: ToolReply, text: str) -> Decision:
        found: list[Violation] = []
        for call in reply.calls:
            try:
                self._tool(call).validate(call.arguments)
            except ValidationFailed as error:
                place = f"{call.path}.arguments"
                found += [
                    Violation(place + v.path.removeprefix("$"), v.message, v.got, v.kind)
                    for v in error.violations
                ]
        if found:
            raise ValidationFailed(CONTRACT, found, text)
        calls = [
            DecidedCall(ToolCall(call.name, call.arguments), self._tool(call))
            for call in reply.calls
        ]
        return Decision(tuple(calls), reply.answer, reply.reasoning)

    def _tool(self, call: CalledTool) -> ToolSchema[Any]:
        return next(tool for tool in self.offered if tool.name == call.name)


@dataclass(frozen=True, slots=True)
class DecidedCall:
    """A call that a model decided on, and the tool that carries it out."""

    call: ToolCall
    tool: ToolSchema[Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a model decided: calls, or a plain answer."""

    calls: tuple[DecidedCall, ...] = ()
    answer: str = ""
    reasoning: str = ""

    @property
    def output(self) -> str:
        """The answer, or the calls in the reference's JSON form."""
        if not self.calls:
            return self.answer
        functions = [
            {"function": {"name": decided.call.name, "arguments": decided.call.arguments}}
            for decided in self.calls
        ]
        return json.dumps({"type": "function", "tool_calls": functions}, ensure_ascii=False)


def tool_set(
    tools: Sequence[Any],
    tool_choice: Any = None,
    func_params: Mapping[str, Any] | None = None,
    *,
    parallel_tool_calls: bool = False,
    max_calls: int | None = None,
    reasoning: bool | Reasoning | None = None,
) -> ToolSet:
    """The tools of a call.

    Args:
        tools: Functions, tools or schemas.
        tool_choice: One of the tools, its name, or OpenAI's dict: that one is called.
            ``"required"``: one of them is; ``"auto"`` or ``None``: one, or none; ``"none"``: none.
        func_params: Arguments that the program supplies: a model is neither shown them nor asked
            for them.
        parallel_tool_calls: The model may make several calls in one reply, which do not depend on
            each other.
        max_calls: Calls in one reply, at most. Without ``parallel_tool_calls`` they are carried
            out one after the other.
        reasoning: ``True``: the model thinks in free text first; or how it is to.

    Raises:
        ToolDefinitionError: A function that cannot be a tool.
        InvalidParameter: A choice that is none of the tools, two tools of one name, a number of
            calls that cannot be.
    """
    listed_tools = list(tools)
    if callable(tool_choice) and tool_choice not in listed_tools:
        listed_tools.append(tool_choice)
    schemas: dict[str, ToolSchema[Any]] = {}
    for tool in listed_tools:
        schema = _schema(tool, func_params)
        if schema.name in schemas:
            raise InvalidParameter("tools", schema.name, "tools of different names")
        schemas[schema.name] = schema
    none = isinstance(tool_choice, str) and tool_choice == "none"
    return ToolSet(
        schemas,
        allow_answer=none or tool_choice is None or tool_choice == "auto",
        chosen=None if none else _chosen(tool_choice, schemas),
        callables=tuple(listed_tools),
        max_calls=0 if none else _most(max_calls, parallel_tool_calls),
        concurrent=parallel_tool_calls,
        reasoning=_reasoning(reasoning),
    )


def _most(max_calls: int | None, parallel: bool) -> int:
    if max_calls is None:
        return DEFAULT_MAX_CALLS if parallel else 1
    whole = isinstance(max_calls, int) and not isinstance(max_calls, bool)
    if not whole or not 1 <= max_calls <= MAX_TOOL_CALLS:
        raise InvalidParameter("max_calls", max_calls, f"a whole number, 1 to {MAX_TOOL_CALLS}")
    return max_calls


def _reasoning(wanted: bool | Reasoning | None) -> Reasoning | None:
    if wanted is None or isinstance(wanted, Reasoning):
        return wanted
    if isinstance(wanted, bool):
        return Reasoning() if wanted else None
    raise InvalidParameter("reasoning", wanted, "True, False or a Reasoning(…)")


def _chosen(choice: Any, schemas: Mapping[str, ToolSchema[Any]]) -> ToolSchema[Any] | None:
    name = choice
    if isinstance(choice, Mapping):  # OpenAI's, in its chat and in its responses interface
        function = choice.get("function", choice)
        name = function.get("name") if isinstance(function, Mapping) else None
    elif isinstance(choice, ToolSchema) or hasattr(choice, "schema"):
        name = getattr(choice, "schema", choice).name
    elif callable(choice):
        name = ToolSchema.of(choice).name
    if name is None or name in ("auto", "required"):
        if choice is None or isinstance(choice, str):
            return None
    elif isinstance(name, str) and name in schemas:
        return schemas[name]
    raise InvalidParameter(
        "tool_choice",
        choice,
        f"'auto', 'required', 'none' or one of the tools: {listed(schemas)}",
    )


def _schema(tool: Any, func_params: Mapping[str, Any] | None) -> ToolSchema[Any]:
    schema = tool if isinstance(tool, ToolSchema) else getattr(tool, "schema", None)
    if not isinstance(schema, ToolSchema):
        schema = ToolSchema.of(tool)
    return _supplied(schema, func_params) if func_params else schema


def _supplied(schema: ToolSchema[Any], func_params: Mapping[str, Any]) -> ToolSchema[Any]:
    """A tool some of whose arguments the program gives: they are not in its contract."""
    signature = inspect.signature(schema.func)
    supplied = {key: value for key, value in func_params.items() if key in signature.parameters}
    if not supplied:
        return schema
    bound = partial(schema.func, **supplied)
    asked = [p for p in inspect.signature(bound).parameters.values() if p.name not in supplied]
    bound.__signature__ = signature.replace(parameters=asked)  # type: ignore[attr-defined]
    return ToolSchema.of(bound, name=schema.name, description=schema.description)
