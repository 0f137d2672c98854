"""What is said to a model in typed calls: short, and the constant part first.

Instructions and shapes come before the user's text, as the system's turn, so that a model with
a prefix cache reads them once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from runtime.chat import Message
from structured import OutputSchema, Reasoning, ValidationFailed
from structured.describe import describe


def with_instructions(messages: Sequence[Message], instructions: str) -> tuple[Message, ...]:
    """``messages`` with ``instructions`` in the system's turn, after what is there already."""
    if messages and messages[0].role == "system":
        first = Message("system", f"{messages[0].content}\n\n{instructions}")
        return (first, *messages[1:])
    return (Message("system", instructions), *messages)


def extraction(schema: OutputSchema[Any]) -> str:
    """Instructions for :func:`~byzer_agents.extract`."""
    what = "text, and only that" if schema.form == "text" else "data as JSON"
    return f"Extract the {what}.{_about(schema)}\n{schema.shape}"


def structured_reply(schema: OutputSchema[Any]) -> str:
    """Instructions for a reply that is a value (``response_class``)."""
    what = "the text, and only that" if schema.form == "text" else "JSON"
    return f"Reply with {what}.{_about(schema)}\n{schema.shape}"


class Described(Protocol):
    """What a model is told of a function: a :class:`~structured.ToolSchema` is one."""

    @property
    def name(self) -> str:
        """What the model calls it."""
        ...

    @property
    def description(self) -> str:
        """What it does."""
        ...

    @property
    def parameters(self) -> dict[str, Any]:
        """JSON Schema of its arguments."""
        ...


def tool_choice(
    tools: Sequence[Described],
    *,
    allow_answer: bool,
    several: bool = False,
    reasoning: Reasoning | None = None,
) -> str:
    """Instructions for picking one of several tools, or more than one."""
    lines = ["You call functions. Functions:"]
    for tool in tools:
        about = f": {_one_line(tool.description)}" if tool.description else "."
        end = "" if about.endswith((".", "。")) else "."
        arguments = describe(tool.parameters)
        lines.append(
            f'- {tool.name}{about}{end} Call: {{"name": "{tool.name}", "arguments": {arguments}}}'
        )
    if reasoning is not None:
        lines.append(_thinking(reasoning))
    if len(tools) == 1 and not several and not allow_answer:
        return "\n".join(lines)  # nothing is left to choose; more words distract small models
    call = '{"name": its name, "arguments": {…}}'
    if several:
        what = f"every function that the request needs, once for each thing asked: [{call}, …]"
    else:
        what = f"the function that the request needs: {call}"
    reply = "Reply" if reasoning is None else "Then reply"
    lines.append(f"{reply} with JSON only. To call {what}, with values from the request.")
    if allow_answer:
        lines.append('Only if no function can help: {"answer": your reply}.')
    return "\n".join(lines)


def _thinking(reasoning: Reasoning) -> str:
    must = "First think" if reasoning.required else "You may first think"
    where = f" between {reasoning.begin} and {reasoning.end}" if reasoning.begin else ""
    until = "" if reasoning.begin else f", and end your thoughts with {reasoning.end}"
    return f"{must} about what is asked{where}{until}."


def _about(schema: OutputSchema[Any]) -> str:
    return f" {_one_line(schema.description)}" if schema.description else ""


def correction(failure: ValidationFailed) -> str:
    """What is said after a reply that broke its contract: only the broken rules."""
    found = "\n".join(f"- {violation}" for violation in failure.violations)
    return f"That is not valid:\n{found}\nReply again, with JSON only, all of it corrected."


def _one_line(text: str) -> str:
    return " ".join(text.split())
