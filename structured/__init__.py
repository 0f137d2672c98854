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

__all__ = [
    "Audit",
    "ByzerError",
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
    "RegexConstraint",
    "Relaxation",
    "SchemaError",
    "ToolCallConstraint",
    "ToolDefinitionError",
    "ToolSchema",
    "ToolSpec",
    "ValidationFailed",
    "Violation",
    "Vocabulary",
    "constraint_from_json",
    "sample",
]
