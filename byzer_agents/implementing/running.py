"""One call of a source that a model wrote: in the sandbox, as the function that was asked for."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

import sandbox
from byzer_agents.implementing.subject import Subject
from sandbox import CodeFailed, InvalidResult, Run


def run_source(
    subject: Subject, source: str, bound: Mapping[str, Any], *, seed: int | None = None
) -> Any:
    """The value of one call.

    Args:
        subject: The function.
        source: What the model wrote.
        bound: Every argument by name.
        seed: Of the code's random numbers.

    Raises:
        sandbox.SandboxError: What went wrong; where the code raised a built-in exception that
            the docstring declares, that exception itself.
    """
    terms = _terms(subject) if seed is None else {**_terms(subject), "seed": seed}
    try:
        run: Run[Any] = sandbox.run(*subject.job(source, bound), **terms)
    except CodeFailed as error:
        raise _declared(subject, error) from error
    return _finished(subject, run.value)


async def arun_source(subject: Subject, source: str, bound: Mapping[str, Any]) -> Any:
    """:func:`run_source` for an event loop."""
    try:
        run: Run[Any] = await sandbox.arun(*subject.job(source, bound), **_terms(subject))
    except CodeFailed as error:
        raise _declared(subject, error) from error
    return _finished(subject, run.value)


def _terms(subject: Subject) -> dict[str, Any]:
    return {
        "returns": subject.returned,
        "limits": subject.limits,
        "policy": subject.sandbox_policy,
    }


def _finished(subject: Subject, value: Any) -> Any:
    if not isinstance(subject.response_class, (str, dict)):
        return value
    from structured import ValidationFailed

    try:
        return subject.result.validate_python(value)
    except ValidationFailed as error:
        said = tuple(map(str, error.violations))
        raise InvalidResult(f"Not a valid {error.contract}: {said[0]}", violations=said) from error


def _declared(subject: Subject, error: CodeFailed) -> Exception:
    """The exception itself, where the function is meant to raise it."""
    kind = getattr(builtins, error.type_name, None)
    if error.type_name not in subject.raises or not isinstance(kind, type):
        return error
    return kind(error.text) if issubclass(kind, Exception) else error
