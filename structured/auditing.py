"""Audits of a contract: for an engine by its name, or for a provider's dialect."""

from __future__ import annotations

from structured.audit import Audit, Finding
from structured.dialects import dialect as dialect_named
from structured.engines import DEFAULT
from structured.engines import engine as engine_named
from structured.errors import CompilationTooExpensive, ConstraintError
from structured.output import OutputSchema


def audit(contract: OutputSchema[object], *, engine: str = DEFAULT, dialect: str = "") -> Audit:
    """Every keyword of a contract's schema, and who enforces it.

    A contract that no value can meet is not an error here: the keyword that shuts all values out
    is found ``impossible``, and stands alone.

    Args:
        contract: What to look at.
        engine: Name of the engine that would decode under it.
        dialect: Name of a provider's dialect instead (``openai``, ``anthropic``, …).

    Raises:
        UnknownEngine, EngineNotInstalled: The engine cannot be asked.
        CompilationTooExpensive: The schema is beyond the engine's bounds.
        SchemaError: An unknown dialect.
    """
    # Looked up outside: a name that is unknown says nothing of the schema.
    chosen = None if dialect else engine_named(engine)
    sent_to = dialect_named(dialect) if dialect else None
    try:
        if sent_to is not None:
            return sent_to.schema(contract).audit
        assert chosen is not None
        return chosen.audit(contract.constraint)
    except CompilationTooExpensive:
        raise
    except ConstraintError as error:
        found = Finding(error.path, error.keyword, "impossible", error.message)
        return Audit(dialect or engine, (found,))
