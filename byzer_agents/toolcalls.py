"""Offering tools to a model: the contract of its reply, and what is done with it."""

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
    ByzerError,
    ToolCallConstraint,
    ToolSchema,
    ToolSpec,
    ValidationFailed,
    Violation,
)
from structured.errors import shorten


@dataclass(frozen=True)
class ToolSet:
    """The tools of one call, by name."""

    tools: Mapping[str, ToolSchema[Any]]
    allow_answer: bool = True
    chosen: ToolSchema[Any] | None = None
    """The one that ``tool_choice`` forces."""
    callables: Sequence[Callable[..., Any]] = field(default_factory=tuple)
    """As the caller gave them, for the caller's own format function."""

    @property
    def offered(self) -> tuple[ToolSchema[Any], ...]:
        """What the model may pick from."""
        return (self.chosen,) if self.chosen else tuple(self.tools.values())

    def contract(self, max_attempts: int = DEFAULT_MAX_ATTEMPTS) -> Contract[Decision]:
        """What the reply must be."""
        constraint = ToolCallConstraint(
            tools=tuple(
                ToolSpec(name=tool.name, parameters_text=json.dumps(tool.parameters))
                for tool in self.offered
            ),
            allow_answer=self.allow_answer,
        )
        return Contract("call of a tool", constraint, self.read, max_attempts, accepts_cut=True)

    def read(self, text: str) -> Decision:
        """A reply's text as a decision.

        Raises:
            ValidationFailed: Not a call of an offered tool with valid arguments.
        """
        return self._decision(_object(text), text, "$")

    def read_all(self, text: str) -> list[Decision]:
        """Every call in a text of the reference's form, ``{"tool_calls": [{"function": …}]}``.

        Raises:
            ValidationFailed: Not such a text, or a call that breaks its tool's contract.
        """
        data = _object(text)
        if "tool_calls" not in data:
            return [self._decision(data, text, "$")]
        calls = data["tool_calls"]
        if not isinstance(calls, list):
            raise _broken(text, "$.tool_calls", "a list of calls", calls)
        decisions = []
        for i, call in enumerate(calls):
            function = call.get("function") if isinstance(call, dict) else None
            path = f"$.tool_calls[{i}].function"
            if not isinstance(function, dict):
                raise _broken(text, path, "an object with name and arguments", function)
            arguments = function.get("arguments")
            if isinstance(arguments, str):  # OpenAI's form: the arguments as JSON text
                function = {**function, "arguments": _object(arguments)}
            decisions.append(self._decision(function, text, path))
        return decisions

    def _decision(self, data: Mapping[str, Any], text: str, path: str) -> Decision:
        if self.allow_answer and isinstance(data.get("answer"), str) and "name" not in data:
            return Decision(answer=data["answer"])
        name, arguments = data.get("name"), data.get("arguments")
        tool = next((tool for tool in self.offered if tool.name == name), None)
        if tool is None:
            known = listed(tool.name for tool in self.offered)
            raise _broken(text, f"{path}.name", f"one of {known}", name)
        if not isinstance(arguments, dict):
            raise _broken(text, f"{path}.arguments", "an object", arguments)
        tool.validate(arguments)
        return Decision(call=ToolCall(tool.name, arguments), tool=tool)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a model decided: a call, or a plain answer."""

    call: ToolCall | None = None
    tool: ToolSchema[Any] | None = None
    answer: str = ""

    @property
    def output(self) -> str:
        """The answer, or the call in the reference's JSON form."""
        if self.call is None:
            return self.answer
        function = {"name": self.call.name, "arguments": self.call.arguments}
        reply = {"type": "function", "tool_calls": [{"function": function}]}
        return json.dumps(reply, ensure_ascii=False)


def tool_set(
    tools: Sequence[Any],
    tool_choice: Any = None,
    func_params: Mapping[str, Any] | None = None,
) -> ToolSet:
    """The tools of a call.

    ``tool_choice`` is one of the tools (or its name): that one is called; ``"required"``: one of
    them is; ``"auto"`` or ``None``: one, or none. ``func_params`` are arguments that the program
    supplies: a model is neither shown them nor asked for them.

    Raises:
        ToolDefinitionError: A function that cannot be a tool.
        InvalidParameter: A choice that is none of the tools, or two tools of one name.
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
    chosen = _chosen(tool_choice, schemas)
    return ToolSet(
        schemas,
        allow_answer=tool_choice in (None, "auto"),
        chosen=chosen,
        callables=tuple(listed_tools),
    )


def _chosen(choice: Any, schemas: Mapping[str, ToolSchema[Any]]) -> ToolSchema[Any] | None:
    if choice is None or choice in ("auto", "required"):
        return None
    if isinstance(choice, dict):  # OpenAI's {"type": "function", "function": {"name": …}}
        choice = choice.get("function", {}).get("name")
    name = choice
    if isinstance(choice, ToolSchema) or hasattr(choice, "schema"):
        name = getattr(choice, "schema", choice).name
    elif callable(choice):
        name = ToolSchema.of(choice).name
    if isinstance(name, str) and name in schemas:
        return schemas[name]
    raise InvalidParameter(
        "tool_choice", choice, f"'auto', 'required' or one of the tools: {listed(schemas)}"
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


def _object(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _broken(text, "$", f"JSON ({error})", text) from None
    if not isinstance(data, dict):
        raise _broken(text, "$", "an object", data)
    return data


def _broken(text: str, path: str, expected: str, got: object) -> ValidationFailed:
    return ValidationFailed("call of a tool", [Violation(path, expected, shorten(got))], text)


class ToolFailed(ByzerError):
    """A tool raised an exception while a model's call of it was carried out.

    Attributes:
        tool: The tool's name.
        arguments: What it was called with, as the model wrote them.
    """

    def __init__(self, tool: str, arguments: Mapping[str, Any], reason: str) -> None:
        super().__init__(f"tool {tool!r} called with {shorten(dict(arguments))} failed: {reason}")
        self.tool = tool
        self.arguments = dict(arguments)
