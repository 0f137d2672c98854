"""Types ⇄ schemas ⇄ grammars ⇄ values.  No model call, no I/O.

* :class:`OutputSchema`: the contract for a value of a type; :class:`ToolSchema`: of a function.
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
from structured.tool import ToolSchema
from structured.tool_calls import CalledTool, ToolReply, read_tool_reply, tool_call_schema

__all__ = [
    "Audit",
    "ByzerError",
    "CalledTool",
    "ChoiceConstraint",
    "Constraint",
    "ConstraintError",
    "Engine",
    "Finding",
    "Grammar",
    "JsonConstraint",
    "LarkConstraint",
    "Matcher",
    "OutputSchema",
    "Reasoning",
    "RegexConstraint",
    "Relaxation",
    "SchemaError",
    "ToolCallConstraint",
    "ToolDefinitionError",
    "ToolReply",
    "ToolSchema",
    "ToolSpec",
    "ValidationFailed",
    "Violation",
    "Vocabulary",
    "constraint_from_json",
    "read_tool_reply",
    "sample",
    "tool_call_schema",
]
