"""One request: checked and made ready to be sent, and what becomes of its answer."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from pydantic import PydanticUserError, TypeAdapter

from sandbox import modules, outcomes
from sandbox.errors import InvalidInput, SandboxError, SandboxUnavailable
from sandbox.exchange import Exchange
from sandbox.jail.assurance import Status
from sandbox.job import Job
from sandbox.limits import Assurance, Limits, Policy
from sandbox.pool import waiting, wire
from sandbox.pool.conversation import Done
from sandbox.pool.launching import Child
from sandbox.tooling import Toolbox, check_tools

T = TypeVar("T")

_MOST = 2**31


@dataclass(frozen=True, slots=True)
class Run(Generic[T]):
    """A run that gave a value.

    Attributes:
        value: What the code returned, validated.
        printed: What it printed, up to the limit.
        printed_dropped: Characters of prints beyond it.
        duration_s: Seconds from request to reply.
        assurance: What stood between the code and the machine.
    """

    value: T
    printed: str
    printed_dropped: int
    duration_s: float
    assurance: Assurance


class Request(Generic[T]):
    """One request, made ready to be sent."""

    def __init__(
        self,
        code: str,
        entry: str,
        arguments: Mapping[str, Any] | Sequence[Any],
        returns: Any,
        limits: Limits,
        policy: Policy,
        seed: int,
    ) -> None:
        self.started = time.monotonic()
        self.deadline = self.started + limits.timeout_s
        self.limits = limits
        _check_limits(limits)
        self.adapter: TypeAdapter[T] = _adapter(returns)
        self.exchange = Exchange(policy.types, depth=limits.depth)
        check_tools(policy.tools)
        self.toolbox = Toolbox(policy.tools, self.exchange, policy.max_tool_calls)
        _check_source(code, entry, limits)
        job = Job(
            source=code,
            entry=entry,
            arguments=self._arguments(arguments),
            modules=_modules(policy),
            tools=tuple(policy.tools),
            types=self.exchange.specs,
            printed_chars=limits.printed_chars,
            depth=limits.depth,
            seed=seed,
            output_bytes=limits.output_bytes,
        )
        try:
            self.order = wire.order_to_json(wire.Order(job, limits.memory_mb, limits.timeout_s))
        except ValueError as error:
            raise InvalidInput(f"The arguments cannot go into the sandbox: {error}") from None

    def _arguments(self, arguments: Mapping[str, Any] | Sequence[Any]) -> Any:
        try:
            if isinstance(arguments, Mapping):
                return {str(name): self.exchange.to_code(v) for name, v in arguments.items()}
            return [self.exchange.to_code(value) for value in arguments]
        except SandboxError:
            raise
        except Exception as error:
            raise InvalidInput(f"The arguments cannot go into the sandbox: {error}") from error

    def check(self, child: Child) -> None:
        """Raise ``SandboxUnavailable`` where this child is not guarded as well as was asked for."""
        status = child.zygote.status
        if status.assurance < self.limits.minimum_assurance:
            raise _not_enough(status, self.limits.minimum_assurance)

    def may_try_again(self, broken: waiting.Broken, child: Child) -> bool:
        """Whether a run can be repeated without any doubt: nothing ran, or nothing was done."""
        return broken.unread or (child.zygote.gone and self.toolbox.calls == 0)

    def finish(self, done: Done, child: Child) -> Run[T]:
        """The result, or the error that the answer stands for."""
        value = outcomes.value_of(done, self.adapter, self.exchange, self.limits)
        return Run(
            value,
            done.answer.printed,
            done.answer.printed_dropped,
            time.monotonic() - self.started,
            child.zygote.status.assurance,
        )


def _check_source(code: str, entry: str, limits: Limits) -> None:
    try:
        size = len(code.encode())
    except UnicodeEncodeError as error:
        raise InvalidInput(f"The source is no text: {error}") from None
    if size > limits.source_bytes:
        raise InvalidInput(
            f"The source has {size:,} bytes; at most {limits.source_bytes:,} are taken."
        )
    if entry and not all(part.isidentifier() for part in entry.split(".")):
        raise InvalidInput(f"{entry!r} is no name of a function.")


def _check_limits(limits: Limits) -> None:
    for name in ("timeout_s", "memory_mb", "output_bytes", "source_bytes", "depth"):
        value = getattr(limits, name)
        if not 0 < value < _MOST:
            raise InvalidInput(
                f"Limits({name}={value!r}) is no bound: it must be above 0, and finite."
            )
    if not 0 <= limits.printed_chars < _MOST:
        raise InvalidInput(f"Limits(printed_chars={limits.printed_chars!r}) is no bound.")


def _modules(policy: Policy) -> tuple[str, ...]:
    if policy.modules is None:
        return tuple(modules.AVAILABLE)
    unknown = sorted(set(policy.modules) - set(modules.AVAILABLE))
    if unknown:
        raise InvalidInput(
            f"The sandbox has no module {unknown[0]!r}.",
            hint=f"It has {', '.join(sorted(modules.AVAILABLE))}.",
        )
    return tuple(sorted(policy.modules))


def _not_enough(status: Status, wanted: Assurance) -> SandboxUnavailable:
    missing = status.missing
    said = "; ".join(f"{name}: {why}" for name, why in missing.items())
    return SandboxUnavailable(
        f"This machine gives assurance {status.assurance.name}, and {wanted.name} is asked for. "
        f"Missing: {said or 'nothing that is known'}.",
        missing=missing,
        hint="Allow what is missing, or ask for less in Limits(minimum_assurance=…).",
    )


@lru_cache(maxsize=512)
def _cached_adapter(returns: Any) -> TypeAdapter[Any]:
    return TypeAdapter(returns)


def _adapter(returns: Any) -> TypeAdapter[Any]:
    try:
        try:
            return _cached_adapter(returns)
        except TypeError:  # a type that has no hash
            return TypeAdapter(returns)
    except PydanticUserError as error:
        raise InvalidInput(f"{returns!r} is no type that a value can be held to: {error}") from None
