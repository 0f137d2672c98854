"""One sandbox for the whole process, started with its first use."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, overload

from sandbox.jail.assurance import Status
from sandbox.limits import Limits, Policy
from sandbox.request import Run
from sandbox.running import SEED, Sandbox

T = TypeVar("T")

_shared: Sandbox | None = None
_sharing = threading.Lock()


def shared() -> Sandbox:
    """The sandbox that :func:`run` and :func:`arun` use."""
    global _shared
    with _sharing:
        if _shared is None:
            _shared = Sandbox()
            atexit.register(_shared.close)
        return _shared


@overload
def run(
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
    code: str,
    entry: str,
    arguments: Mapping[str, Any] | Sequence[Any] = (),
    *,
    returns: Any = Any,
    limits: Limits | None = None,
    policy: Policy | None = None,
    seed: int = SEED,
) -> Run[Any]:
    """:meth:`sandbox.running.Sandbox.run` of the shared sandbox."""
    return shared().run(
        code,
        entry,
        arguments,
        returns=returns,
        limits=limits,
        policy=policy,
        seed=seed,
    )


@overload
async def arun(
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
    code: str,
    entry: str,
    arguments: Mapping[str, Any] | Sequence[Any] = (),
    *,
    returns: Any = Any,
    limits: Limits | None = None,
    policy: Policy | None = None,
    seed: int = SEED,
) -> Run[Any]:
    """:meth:`sandbox.running.Sandbox.arun` of the shared sandbox."""
    return await shared().arun(
        code,
        entry,
        arguments,
        returns=returns,
        limits=limits,
        policy=policy,
        seed=seed,
    )


def status() -> Status:
    """:meth:`sandbox.running.Sandbox.status` of the shared sandbox."""
    return shared().status()
