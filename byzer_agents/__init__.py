"""Typed structured generation: language models return values, not text.

>>> from byzer_agents import extract
>>> extract(int, "six times seven is 42")  # doctest: +SKIP
42

Everything is imported when it is first used: ``import byzer_agents`` itself is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from byzer_agents import _neighbours

_neighbours.check()

__version__ = "0.1.0"

if TYPE_CHECKING:
    from byzer_agents.attempts import Attempt as Attempt
    from byzer_agents.attempts import OutputInvalid as OutputInvalid
    from byzer_agents.choices import Choice as Choice
    from byzer_agents.choosing import achoose as achoose
    from byzer_agents.choosing import choose as choose
    from byzer_agents.client import ByzerLLM as ByzerLLM
    from byzer_agents.extraction import aextract as aextract
    from byzer_agents.extraction import extract as extract
    from byzer_agents.implementing.decorator import Implemented as Implemented
    from byzer_agents.implementing.decorator import llm_impl as llm_impl
    from byzer_agents.implementing.errors import ImplementationFailed as ImplementationFailed
    from byzer_agents.later import Agent as Agent
    from byzer_agents.later import prompt as prompt
    from byzer_agents.responses import LLMClassResponse as LLMClassResponse
    from byzer_agents.responses import LLMFunctionCallResponse as LLMFunctionCallResponse
    from byzer_agents.responses import LLMHistoryItem as LLMHistoryItem
    from byzer_agents.responses import LLMRequest as LLMRequest
    from byzer_agents.responses import LLMResponse as LLMResponse
    from byzer_agents.responses import Role as Role
    from byzer_agents.responses import StreamItem as StreamItem
    from byzer_agents.responses import ToolCall as ToolCall
    from byzer_agents.streaming import astream_extract as astream_extract
    from byzer_agents.streaming import astream_items as astream_items
    from byzer_agents.streaming import stream_extract as stream_extract
    from byzer_agents.streaming import stream_items as stream_items
    from byzer_agents.tool_runs import ToolFailed as ToolFailed
    from byzer_agents.tools import Tool as Tool
    from byzer_agents.tools import tool as tool
    from byzer_agents.utils import function_calling_format as function_calling_format
    from byzer_agents.utils import function_impl_format as function_impl_format
    from byzer_agents.utils import response_class_format as response_class_format
    from byzer_agents.utils import (
        response_class_format_after_chat as response_class_format_after_chat,
    )
    from byzer_agents.utils import serialize_function_to_json as serialize_function_to_json
    from runtime import InferBackend as InferBackend
    from runtime import ModelError as ModelError
    from runtime import Template as Template
    from runtime import Templates as Templates
    from structured import ByzerError as ByzerError
    from structured import Choices as Choices
    from structured import ConstraintError as ConstraintError
    from structured import Lark as Lark
    from structured import OutputSchema as OutputSchema
    from structured import Regex as Regex
    from structured import SchemaError as SchemaError
    from structured import Text as Text
    from structured import ToolDefinitionError as ToolDefinitionError
    from structured import ToolSchema as ToolSchema
    from structured import ValidationFailed as ValidationFailed
    from structured import Violation as Violation
    from structured.partial import NotYetThere as NotYetThere
    from structured.partial import Partial as Partial

_HOME = {
    name: module
    for module, names in {
        "byzer_agents.attempts": ("Attempt", "OutputInvalid"),
        "byzer_agents.choices": ("Choice",),
        "byzer_agents.choosing": ("achoose", "choose"),
        "byzer_agents.client": ("ByzerLLM",),
        "byzer_agents.extraction": ("aextract", "extract"),
        "byzer_agents.implementing.decorator": ("Implemented", "llm_impl"),
        "byzer_agents.implementing.errors": ("ImplementationFailed",),
        "byzer_agents.later": ("Agent", "prompt"),
        "byzer_agents.responses": (
            "LLMClassResponse",
            "LLMFunctionCallResponse",
            "LLMHistoryItem",
            "LLMRequest",
            "LLMResponse",
            "Role",
            "StreamItem",
            "ToolCall",
        ),
        "byzer_agents.streaming": (
            "astream_extract",
            "astream_items",
            "stream_extract",
            "stream_items",
        ),
        "byzer_agents.tool_runs": ("ToolFailed",),
        "byzer_agents.tools": ("Tool", "tool"),
        "byzer_agents.utils": (
            "function_calling_format",
            "function_impl_format",
            "response_class_format",
            "response_class_format_after_chat",
            "serialize_function_to_json",
        ),
        "runtime": ("InferBackend", "ModelError", "Template", "Templates"),
        "structured": (
            "ByzerError",
            "Choices",
            "ConstraintError",
            "Lark",
            "OutputSchema",
            "Regex",
            "SchemaError",
            "Text",
            "ToolDefinitionError",
            "ToolSchema",
            "ValidationFailed",
            "Violation",
        ),
        "structured.partial": ("NotYetThere", "Partial"),
    }.items()
    for name in names
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
