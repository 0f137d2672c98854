"""From what a child answered to the caller's value, or to the error that says what happened."""

from __future__ import annotations

import signal
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from sandbox import errors
from sandbox.exchange import Exchange
from sandbox.job import Answer
from sandbox.limits import Limits
from sandbox.pool import wire
from sandbox.pool.conversation import Done

T = TypeVar("T")

_MOST_VIOLATIONS = 20


def value_of(done: Done, adapter: TypeAdapter[T], exchange: Exchange, limits: Limits) -> T:
    """The value of a run.

    Raises:
        SandboxError: The run did not end with a value, or not with one of this type.
    """
    if done.answer.kind != "value":
        raise error_of(done.answer, limits)
    printed = done.answer.printed
    try:
        data = wire.load_json(done.value)
        return exchange.from_code(data, adapter)
    except ValidationError as error:
        said = tuple(
            f"{_path(one['loc'])}: {one['msg']}"
            for one in error.errors(include_url=False, include_context=False)[:_MOST_VIOLATIONS]
        )
        raise errors.InvalidResult(
            f"The code returned no value of the type that was asked for: {'; '.join(said[:3])}",
            violations=said,
            printed=printed,
        ) from None
    except (wire.BadAnswer, ValueError, RecursionError) as error:
        raise errors.InvalidResult(
            f"What the code returned is no data: {error}", printed=printed
        ) from None


def _path(location: tuple[int | str, ...]) -> str:
    return "$" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in location)


def error_of(answer: Answer, limits: Limits) -> errors.SandboxError:
    """The error that an answer without a value stands for."""
    place: dict[str, Any] = {"line": answer.line, "column": answer.column}
    facts: dict[str, Any] = {"hint": answer.hint, "printed": answer.printed}
    if answer.kind == "syntax":
        return errors.SandboxSyntax(answer.message or "The source is not Python.", **place, **facts)
    if answer.kind == "violation":
        message = answer.message or "The code uses what the policy does not allow."
        return errors.SandboxViolation(message, construct=answer.construct, **place, **facts)
    if answer.kind == "result":
        return errors.InvalidResult(answer.message or "What the code returned is no data.", **facts)
    if answer.kind == "memory":
        return errors.SandboxMemory(
            f"The code took more than {limits.memory_mb:g} MB.", limit=limits.memory_mb, **facts
        )
    if answer.kind == "output":
        return errors.SandboxOutputLimit(
            f"The code returned more than {limits.output_bytes:,} bytes.",
            limit=limits.output_bytes,
            **facts,
        )
    recursion = answer.kind == "recursion"
    name = answer.type_name or ("RecursionError" if recursion else "Exception")
    text = answer.message or ("maximum recursion depth exceeded" if recursion else "")
    where = f" (line {answer.line})" if answer.line else ""
    return errors.CodeFailed(
        f"The code raised {name}: {text}{where}" if text else f"The code raised {name}{where}",
        type_name=name,
        text=text,
        traceback=answer.traceback,
        **place,
        **facts,
    )


def death(exit_code: int | None, limits: Limits) -> errors.SandboxError:
    """The error for a child that ended without an answer."""
    if exit_code is None:
        return errors.SandboxCrash("The process that ran the code is gone.")
    if exit_code == -signal.SIGSYS:
        return errors.SandboxViolation(
            "The code made a system call that the sandbox forbids; its process was ended.",
            construct="system call",
        )
    if exit_code == -signal.SIGXCPU:
        return timeout(limits)
    if exit_code == NOT_LOCKED:
        return errors.SandboxUnavailable("The process could not be locked; nothing was run.")
    if exit_code < 0:
        try:
            how = signal.Signals(-exit_code).name
        except ValueError:
            how = f"signal {-exit_code}"
        return errors.SandboxCrash(
            f"The process that ran the code was ended by {how}.", exit_code=exit_code
        )
    return errors.SandboxCrash(
        f"The process that ran the code ended with status {exit_code} and no answer.",
        exit_code=exit_code,
    )


NOT_LOCKED = 97
"""Exit status of a child that could not lock itself."""


def timeout(limits: Limits) -> errors.SandboxTimeout:
    """The error for a run past its deadline."""
    return errors.SandboxTimeout(
        f"The code took longer than {limits.timeout_s:g} s.", limit=limits.timeout_s
    )
