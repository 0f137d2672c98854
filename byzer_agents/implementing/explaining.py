"""What went wrong with a candidate's run, in words that a model can act on."""

from __future__ import annotations

from byzer_agents.implementing.subject import Subject
from byzer_agents.implementing.types import fields_of
from sandbox import (
    CodeFailed,
    InvalidResult,
    SandboxError,
    SandboxMemory,
    SandboxOutputLimit,
    SandboxSyntax,
    SandboxTimeout,
    SandboxViolation,
)
from structured.output import type_name


def explain(error: Exception, source: str, subject: Subject) -> str:
    """What an error says about the code: a clause without a subject."""
    line = _line(source, getattr(error, "line", None))
    match error:
        case CodeFailed():
            return f"raised {error.type_name}: {error.text}{line}".replace("\n", " ")
        case SandboxSyntax():
            return f"is not valid Python: {error.message}{line}"
        case SandboxViolation():
            return f"is not allowed: {error.message}{line} {error.hint}".rstrip()
        case InvalidResult():
            said = "; ".join(error.violations[:3]) or error.message
            return f"returned no {_wanted(subject)}: {said}"
        case SandboxTimeout():
            return f"did not end within {error.limit:g} seconds"
        case SandboxMemory():
            return f"took more than {error.limit:g} MB of memory"
        case SandboxOutputLimit():
            return "returned far too much"
        case SandboxError():
            return f"failed: {error.message}"
    return f"raised {type(error).__name__}: {error}"


def _wanted(subject: Subject) -> str:
    """The type of the result, and how a value of it is made."""
    wanted = subject.returned
    name = type_name(wanted)
    if wanted in subject.types and (fields := [field for field, *_ in fields_of(wanted)]):
        return f"{name} (made by {name}({', '.join(f'{field}=…' for field in fields)}))"
    return name


def _line(source: str, number: int | None) -> str:
    lines = source.splitlines()
    if number is None or not 1 <= number <= len(lines):
        return ""
    return f" (in the line `{lines[number - 1].strip()}`)"
