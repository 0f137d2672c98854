"""The reference's helper functions: tool schemas as JSON, and the default prompt formats."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from byzer_agents import prompts
from byzer_agents.toolcalls import tool_set
from structured import ToolSchema, output_schema


def serialize_function_to_json(func: Callable[..., Any]) -> str:
    """A function's contract as JSON text: name, description, parameters, returns.

    Raises:
        ToolDefinitionError
    """
    schema = ToolSchema.of(func)
    described: dict[str, Any] = schema.to_openai()["function"]
    if schema.returns is not None:
        described = {**described, "returns": schema.returns.json_schema}
    return json.dumps(described, ensure_ascii=False, indent=2)


def function_calling_format(
    prompt: str, tools: Sequence[Callable[..., Any]], tool_choice: Callable[..., Any] | None = None
) -> str:
    """The default instructions for picking a tool, and the user's words after them."""
    offered = tool_set(tools, tool_choice)
    told = prompts.tool_choice(offered.offered, allow_answer=offered.allow_answer)
    return f"{told}\n\n{prompt}"


def response_class_format(prompt: str, cls: Any) -> str:
    """The default instructions for a value, and the user's words after them."""
    return f"{prompts.structured_reply(output_schema(cls))}\n\n{prompt}"


def response_class_format_after_chat(cls: Any) -> str:
    """The default instructions for turning what was said into a value."""
    return prompts.extraction(output_schema(cls))


def function_impl_format(prompt: str, func: Callable[..., Any], cls: Any) -> str:
    """The default instructions for writing a function, with the user's words in them."""
    from byzer_agents.implementing.prompt import messages_for
    from byzer_agents.implementing.subject import Subject

    about = f"It is to answer this question: {prompt}"
    return messages_for(Subject(func, cls, instruction=about))[-1].content
