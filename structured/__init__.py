"""Types ⇄ schemas ⇄ grammars ⇄ values.  No model call, no I/O.

* :class:`OutputSchema`: the contract for a value of a type; :class:`ToolSchema`: of a function.
* :func:`output_schema`: the contract of whatever is given: a type, a JSON Schema, or a text type
  (:class:`Regex`, :class:`Lark`, :class:`Choices`, :class:`Text`).
* :data:`Constraint` and its kinds: what a decoder must obey, as data.
* :class:`Audit`: which keyword of a schema is enforced where.
* :class:`Engine`, :class:`Grammar`, :class:`Matcher`, :class:`Vocabulary`: how it obeys.
* :func:`sample`: random texts of a constraint.
"""

from structured.audit import Audit, Finding
from structured.constraint import (
    ChoiceConstraint,
    Constraint,
    JsonConstraint,
    LarkConstraint,
    Reasoning,
    RegexConstraint,
    ToolCallConstraint,
    ToolSpec,
    constraint_from_json,
)
from structured.contract import output_schema
from structured.engine import Engine, Grammar, Matcher, Relaxation, Vocabulary
from structured.errors import (
    ByzerError,
    ConstraintError,
    SchemaError,
    ToolDefinitionError,
    ValidationFailed,
    Violation,
)
from structured.output import OutputSchema
from structured.sampling import sample
from structured.text import Choices, Lark, Regex, Text, TextSchema
from structured.tool import ToolSchema
from structured.tool_calls import CalledTool, ToolReply, read_tool_reply, tool_call_schema

__all__ = [
    "Audit",
    "ByzerError",
    "CalledTool",
    "ChoiceConstraint",
    "Choices",
    "Constraint",
    "ConstraintError",
    "Engine",
    "Finding",
    "Grammar",
    "JsonConstraint",
    "Lark",
    "LarkConstraint",
    "Matcher",
    "OutputSchema",
    "Reasoning",
    "Regex",
    "RegexConstraint",
    "Relaxation",
    "SchemaError",
    "Text",
    "TextSchema",
    "ToolCallConstraint",
    "ToolDefinitionError",
    "ToolReply",
    "ToolSchema",
    "ToolSpec",
    "ValidationFailed",
    "Violation",
    "Vocabulary",
    "constraint_from_json",
    "output_schema",
    "read_tool_reply",
    "sample",
    "tool_call_schema",
]
