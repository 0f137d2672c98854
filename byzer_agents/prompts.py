"""What is said to a model in typed calls: short, and the constant part first.

Instructions and shapes come before the user's text, as the system's turn, so that a model with
a prefix cache reads them once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runtime.chat import Message
from structured import OutputSchema, ToolSchema, ValidationFailed
from structured.describe import describe


def with_instructions(messages: Sequence[Message], instructions: str) -> tuple[Message, ...]:
    """``messages`` with ``instructions`` in the system's turn, after what is there already."""
    if messages and messages[0].role == "system":
        first = Message("system", f"{messages[0].content}\n\n{instructions}")
        return (first, *messages[1:])
    return (Message("system", instructions), *messages)


def extraction(schema: OutputSchema[Any]) -> str:
    """Instructions for :func:`~byzer_agents.extract`."""
    about = f" {_one_line(schema.description)}" if schema.description else ""
    return f"Extract the data as JSON.{about}\n{describe(schema.json_schema)}"


def structured_reply(schema: OutputSchema[Any]) -> str:
    """Instructions for a reply that is a value (``response_class``)."""
    about = f" {_one_line(schema.description)}" if schema.description else ""
    return f"Reply with JSON.{about}\n{describe(schema.json_schema)}"


def tool_choice(tools: Sequence[ToolSchema[Any]], *, allow_answer: bool) -> str:
    """Instructions for picking one of several tools."""
    lines = ["Functions:"]
    for tool in tools:
        arguments = describe(tool.parameters)
        about = f": {_one_line(tool.description)}" if tool.description else "."
        end = "" if about.endswith((".", "。")) else "."
        lines.append(
            f'- {tool.name}{about}{end} Call: {{"name": "{tool.name}", "arguments": {arguments}}}'
        )
    if allow_answer:
        lines.append('If none fits: {"answer": string}')
    return "\n".join(lines)


def correction(failure: ValidationFailed) -> str:
    """What is said after a reply that broke its contract: only the broken rules."""
    found = "\n".join(f"- {violation}" for violation in failure.violations)
    return f"That is not valid:\n{found}\nReply again, with JSON only, all of it corrected."


def _one_line(text: str) -> str:
    return " ".join(text.split())
