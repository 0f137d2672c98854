"""Run code: one call in, one typed value out; the same for threads and for event loops."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, TypeVar, overload

from sandbox import outcomes
from sandbox.errors import SandboxTimeout
from sandbox.jail.assurance import Status
from sandbox.limits import Limits, Policy
from sandbox.pool import waiting
from sandbox.pool.conversation import Conversation
from sandbox.pool.fresh import Fresh
from sandbox.pool.launching import Child
from sandbox.pool.pool import Pool
from sandbox.request import Request, Run

T = TypeVar("T")

_ATTEMPTS = 3
_NEWS_S = 0.15
"""How long to wait for how a child ended."""
_START_S = 30.0
SEED = 20_240_229


class Sandbox:
    """Processes that are ready to run code. Safe to share between threads and event loops.

    Args:
        limits: Of runs that give none of their own.
        policy: Likewise.
        ready: How many processes wait for a job; by the number of processors, if not given.
        most_running: How many jobs run at once; more wait for their turn. Likewise.

    Closed by :meth:`close`, at the end of a ``with`` block, or with the interpreter.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        policy: Policy | None = None,
        ready: int | None = None,
        most_running: int | None = None,
        _pool: Pool | Fresh | None = None,
    ) -> None:
        cores = os.cpu_count() or 1
        self._limits = limits or Limits()
        self._policy = policy or Policy()
        most_running = most_running or 8 * cores
        self._pool = _pool or (
            Pool(
                ready=min(2 + 2 * cores, 32) if ready is None else ready, most_running=most_running
            )
            if sys.platform.startswith("linux")
            else Fresh(most_running=most_running)
        )
        self._finalizer = weakref.finalize(self, self._pool.close)

    @overload
    def run(
        self,
        code: str,
        entry: str,
        arguments: Mapping[str, Any] | Sequence[Any] = (),
        *,
        returns: type[T],
        limits: Limits | None = None,
        policy: Policy | None = None,
        seed: int = SEED,
    ) -> Run[T]: ...

    @overload
    def run(
        self,
        code: str,
        entry: str,
        arguments: Mapping[str, Any] | Sequence[Any] = (),
        *,
        returns: Any = Any,
        limits: Limits | None = None,
        policy: Policy | None = None,
        seed: int = SEED,
    ) -> Run[Any]: ...

    def run(
        self,
        code: str,
        entry: str,
        arguments: Mapping[str, Any] | Sequence[Any] = (),
        *,
        returns: Any = Any,
        limits: Limits | None = None,
        policy: Policy | None = None,
        seed: int = SEED,
    ) -> Run[Any]:
        """Run code and give what it returns.

        Args:
            code: Python source.
            entry: Name of a function in it; dotted for a method of a class that is made without
                arguments; ``""`` for the value of the name ``result``.
            arguments: By name, or by position.
            returns: Type of the value: anything that pydantic takes.
            limits: What the run may take.
            policy: What the code may use.
            seed: Of the code's own random numbers; the same one gives the same numbers.

        Raises:
            SandboxError: One class for each thing that can go wrong (:mod:`sandbox.errors`).
        """
        request = self._request(code, entry, arguments, returns, limits, policy, seed)
        for attempt in range(1, _ATTEMPTS + 1):
            child = self._pool.take(request.deadline)
            try:
                request.check(child)
                done = waiting.converse(
                    child,
                    request.order,
                    Conversation(request.limits),
                    request.deadline,
                    request.toolbox.answer,
                )
            except waiting.Broken as broken:
                exit_code = self._pool.end_of(child, _NEWS_S)
                if attempt == _ATTEMPTS or not request.may_try_again(broken, child):
                    raise outcomes.death(exit_code, request.limits) from None
            except SandboxTimeout:
                raise outcomes.timeout(request.limits) from None
            else:
                return request.finish(done, child)
            finally:
                self._pool.release(child)
        raise AssertionError("unreachable")

    @overload
    async def arun(
        self,
        code: str,
        entry: str,
        arguments: Mapping[str, Any] | Sequence[Any] = (),
        *,
        returns: type[T],
        limits: Limits | None = None,
        policy: Policy | None = None,
        seed: int = SEED,
    ) -> Run[T]: ...

    @overload
    async def arun(
        self,
        code: str,
        entry: str,
        arguments: Mapping[str, Any] | Sequence[Any] = (),
        *,
        returns: Any = Any,
        limits: Limits | None = None,
        policy: Policy | None = None,
        seed: int = SEED,
    ) -> Run[Any]: ...

    async def arun(
        self,
        code: str,
        entry: str,
        arguments: Mapping[str, Any] | Sequence[Any] = (),
        *,
        returns: Any = Any,
        limits: Limits | None = None,
        policy: Policy | None = None,
        seed: int = SEED,
    ) -> Run[Any]:
        """:meth:`run` for an event loop. Cancelling it ends the code."""
        request = self._request(code, entry, arguments, returns, limits, policy, seed)
        for attempt in range(1, _ATTEMPTS + 1):
            child = await self._take(request.deadline)
            try:
                request.check(child)
                done = await waiting.aconverse(
                    child,
                    request.order,
                    Conversation(request.limits),
                    request.deadline,
                    request.toolbox.aanswer,
                )
            except waiting.Broken as broken:
                exit_code = await asyncio.to_thread(self._pool.end_of, child, _NEWS_S)
                if attempt == _ATTEMPTS or not request.may_try_again(broken, child):
                    raise outcomes.death(exit_code, request.limits) from None
            except SandboxTimeout:
                raise outcomes.timeout(request.limits) from None
            else:
                return request.finish(done, child)
            finally:
                self._pool.release(child)
        raise AssertionError("unreachable")

    def status(self) -> Status:
        """What this machine gives: the level and every layer, as found by trying.

        Raises:
            SandboxUnavailable: The sandbox cannot start here.
        """
        return self._pool.status(time.monotonic() + _START_S)

    def close(self) -> None:
        """End every process; runs under way fail. May be called again."""
        self._finalizer()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _request(
        self,
        code: str,
        entry: str,
        arguments: Mapping[str, Any] | Sequence[Any],
        returns: Any,
        limits: Limits | None,
        policy: Policy | None,
        seed: int,
    ) -> Request[Any]:
        return Request(
            code, entry, arguments, returns, limits or self._limits, policy or self._policy, seed
        )

    async def _take(self, deadline: float) -> Child:
        got = self._pool.ask()
        if not isinstance(got, Future):
            return got
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                return await asyncio.wrap_future(got)
        except TimeoutError:
            self._pool.withdraw(got)
            raise SandboxTimeout("No process was free to run the code in time.") from None
        except asyncio.CancelledError:
            self._pool.withdraw(got)
            raise
