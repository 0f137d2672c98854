"""Carrying out the calls of tools that a model decided on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from byzer_agents.responses import LLMFunctionCallResponse, failure_metadata
from byzer_agents.toolcalls import DecidedCall, Decision
from structured import ByzerError
from structured.errors import shorten


class ToolFailed(ByzerError):
    """A tool raised an exception while a model's call of it was carried out.

    Attributes:
        tool: The tool's name.
        arguments: What it was called with, as the model wrote them.
    """

    def __init__(self, tool: str, arguments: Mapping[str, Any], reason: str) -> None:
        super().__init__(f"tool {tool!r} called with {shorten(dict(arguments))} failed: {reason}")
        self.tool = tool
        self.arguments = dict(arguments)


def run_tools(decision: Decision, outcome: LLMFunctionCallResponse) -> None:
    """Make the calls, in order; results go to ``outcome.values``.

    A tool that raises does not keep the others from being called: its exception goes to
    ``metadata["errors"]`` under the call's position, the first one to ``metadata["error"]`` too.
    """
    for i, decided in enumerate(decision.calls):
        try:
            outcome.values.append(decided.tool.call(decided.call.arguments))
        except Exception as error:  # noqa: BLE001 - a tool may raise anything; reported
            _report(outcome, i, decided, error)


async def arun_tools(
    decision: Decision, outcome: LLMFunctionCallResponse, *, concurrent: bool
) -> None:
    """:func:`run_tools` for an event loop: one call after the other, or all at the same time.

    Results keep the order of the calls. When this is cancelled, so are the calls.
    """
    if concurrent:
        results = await asyncio.gather(*map(_settled, decision.calls))
    else:
        results = [await _settled(decided) for decided in decision.calls]
    for i, (value, failure) in enumerate(results):
        if failure is None:
            outcome.values.append(value)
        else:
            _report(outcome, i, decision.calls[i], failure)


async def _settled(decided: DecidedCall) -> tuple[Any, Exception | None]:
    try:
        return await decided.tool.acall(decided.call.arguments), None
    except Exception as error:  # noqa: BLE001 - a tool may raise anything; reported
        return None, error


def _report(
    outcome: LLMFunctionCallResponse, position: int, decided: DecidedCall, error: Exception
) -> None:
    reason = str(error) if isinstance(error, ByzerError) else f"{type(error).__name__}: {error}"
    failed = ToolFailed(decided.call.name, decided.call.arguments, reason)
    failed.__cause__ = error
    errors = outcome.metadata.setdefault("errors", {})
    if not errors:
        outcome.metadata.update(failure_metadata(failed))
    errors[position] = failed
