"""The application's functions as the code calls them: arguments checked, answers as data."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from collections.abc import Callable, Coroutine, Mapping
from functools import lru_cache
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from sandbox import exchange
from sandbox.errors import InvalidInput, SandboxViolation
from sandbox.pool import frames
from sandbox.pool.conversation import Call

_LONGEST_MESSAGE = 2000


class Toolbox:
    """The tools of one run, and how many calls are left.

    Args:
        tools: Functions by the names that the code uses; sync or async.
        exchange_: Turns values into data and back.
        most_calls: Calls at most, of all tools together.
    """

    def __init__(
        self,
        tools: Mapping[str, Callable[..., Any]],
        exchange_: exchange.Exchange,
        most_calls: int,
    ) -> None:
        self._tools = tools
        self._exchange = exchange_
        self._most_calls = most_calls
        self.calls = 0
        """How many calls the code made."""

    def answer(self, call: Call) -> bytes:
        """The frame that answers a call; an async tool is run to its end.

        Raises:
            SandboxViolation: There is no such tool, or there were too many calls.
        """
        tool = self._admit(call)
        try:
            arguments, keywords = _prepared(tool).bind(call, self._exchange)
            value = tool(*arguments, **keywords)
            if inspect.iscoroutine(value):
                value = _run_to_end(value)
            return self._given(value)
        except Exception as error:  # noqa: BLE001  whatever it is, the code hears of it
            return _failed(call, error)

    async def aanswer(self, call: Call) -> bytes:
        """:meth:`answer` for an event loop; a sync tool runs in a thread."""
        tool = self._admit(call)
        try:
            arguments, keywords = _prepared(tool).bind(call, self._exchange)
            if inspect.iscoroutinefunction(tool):
                value = await tool(*arguments, **keywords)
            else:
                value = await asyncio.to_thread(tool, *arguments, **keywords)
                if inspect.isawaitable(value):
                    value = await value
            return self._given(value)
        except Exception as error:  # noqa: BLE001
            return _failed(call, error)

    def _admit(self, call: Call) -> Callable[..., Any]:
        tool = self._tools.get(call.name)
        if tool is None:
            raise SandboxViolation(
                f"There is no tool {call.name[:100]!r}.", construct=f"{call.name[:100]}()"
            )
        self.calls += 1
        if self.calls > self._most_calls:
            raise SandboxViolation(
                f"The code called tools more than {self._most_calls} times.",
                construct=f"{call.name}()",
                hint="Call a tool once with all that it needs, or raise max_tool_calls.",
            )
        return tool

    def _given(self, value: Any) -> bytes:
        data = json.dumps(self._exchange.to_code(value), allow_nan=False)
        return frames.pack(frames.GIVEN, data.encode())


def _failed(call: Call, error: Exception) -> bytes:
    kind = type(error).__name__
    said = str(error) if isinstance(error, _Refused) else f"{kind}: {error}"
    message = f"{call.name}: {said}"[:_LONGEST_MESSAGE]
    return frames.pack(frames.FAILED, json.dumps(message).encode())


class _Refused(Exception):
    """The arguments do not fit; the message says which and why."""


class _Prepared:
    """A function's parameters, each with what checks it."""

    def __init__(self, tool: Callable[..., Any]) -> None:
        try:
            self._signature = inspect.signature(tool)
            hints = get_type_hints(tool, include_extras=True)
            self._adapters = {
                name: TypeAdapter(hints.get(name, Any)) for name in self._signature.parameters
            }
        except Exception as error:
            name = getattr(tool, "__name__", repr(tool))
            raise InvalidInput(
                f"The tool {name} has annotations that cannot be checked: {error}"
            ) from error

    def bind(self, call: Call, exchange_: exchange.Exchange) -> tuple[list[Any], dict[str, Any]]:
        """The arguments as the function takes them.

        Raises:
            _Refused: They do not fit.
        """
        try:
            bound = self._signature.bind(*call.arguments, **call.keywords)
        except TypeError as error:
            raise _Refused(f"{error}; its parameters are {self._signature}") from None
        for name, given in bound.arguments.items():
            check = self._checker(name, exchange_)
            kind = self._signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL:
                bound.arguments[name] = tuple(check(one) for one in given)
            elif kind is inspect.Parameter.VAR_KEYWORD:
                bound.arguments[name] = {key: check(one) for key, one in given.items()}
            else:
                bound.arguments[name] = check(given)
        return list(bound.args), dict(bound.kwargs)

    def _checker(self, name: str, exchange_: exchange.Exchange) -> Callable[[Any], Any]:
        adapter = self._adapters[name]

        def check(given: Any) -> Any:
            try:
                return exchange_.from_code(given, adapter)
            except ValidationError as error:
                said = "; ".join(
                    f"{'.'.join(map(str, (name, *one['loc'])))}: {one['msg']}"
                    for one in error.errors(include_url=False)[:5]
                )
                raise _Refused(f"wrong arguments: {said}") from None

        return check


@lru_cache(maxsize=256)
def _prepared(tool: Callable[..., Any]) -> _Prepared:
    return _Prepared(tool)


def check_tools(tools: Mapping[str, Callable[..., Any]]) -> None:
    """Find out early what cannot be a tool.

    Raises:
        InvalidInput: A name that is no identifier, or annotations that cannot be checked.
    """
    for name, tool in tools.items():
        if not name.isidentifier() or name.startswith("_"):
            raise InvalidInput(f"{name!r} cannot be the name of a tool: it must be an identifier.")
        _prepared(tool)


def _run_to_end(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run it in this thread, or in another when this one has a running loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.append((True, asyncio.run(coroutine)))
        except Exception as error:  # noqa: BLE001  handed over to the caller's thread
            outcome.append((False, error))

    thread = threading.Thread(target=work, name="sandbox-tool")
    thread.start()
    thread.join()
    fine, value = outcome[0]
    if not fine:
        raise value
    return value
