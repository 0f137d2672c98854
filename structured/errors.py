"""The errors of the toolkit's lowest layer, and the base class of all of its errors.

Every error carries its facts as attributes, reads as one plain message, and survives
pickling, so that it reaches the caller unchanged from another thread or process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class ByzerError(Exception):
    """Base of every error that this toolkit raises on purpose.

    Attributes:
        hint: What to do next, or ``""`` when the message says it all.
        retryable: Whether the same call may succeed when it is made again unchanged.
    """

    retryable: bool = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def message(self) -> str:
        """The message without the hint."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Subclasses have keyword-only constructors; the default would call cls(*args).
        return (_rebuild, (type(self), self.args, self.__dict__))


def _rebuild(cls: type[ByzerError], args: tuple[Any, ...], state: dict[str, Any]) -> ByzerError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a value breaks its contract."""

    path: str
    """JSON path of the offending value, ``$`` for the root: ``$.items[2].price``."""
    message: str
    """What was expected there."""
    got: str
    """``repr`` of what came, shortened to 80 characters."""
    kind: str = ""
    """The rule's machine-readable name: pydantic's error type or the JSON Schema keyword."""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}, got {self.got}"


def json_path(location: Sequence[str | int]) -> str:
    """The JSON path of a location: ``("items", 2, "a b")`` → ``$.items[2]['a b']``."""
    parts = ["$"]
    for step in location:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif step.isidentifier():
            parts.append(f".{step}")
        else:
            parts.append(f"[{step!r}]")
    return "".join(parts)


def shorten(value: object, limit: int = 80) -> str:
    """``repr(value)`` cut to ``limit`` characters; never raises."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a caller's __repr__ may do anything
        text = f"<{type(value).__name__} whose repr failed: {type(error).__name__}>"
    return text if len(text) <= limit else text[: limit - 1] + "…"


class SchemaError(ByzerError):
    """A type, or a JSON Schema, from which no contract can be made.

    Attributes:
        path: JSON path, in the schema, of the object that is at fault.
        keyword: The offending keyword, where it is known.
    """

    def __init__(self, message: str, *, path: str = "$", keyword: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.keyword = keyword


class ToolDefinitionError(ByzerError):
    """A function that cannot be offered to a model as a tool."""

    def __init__(self, message: str, *, tool: str, parameter: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.tool = tool
        self.parameter = parameter


class ConstraintError(ByzerError):
    """A constraint that no engine can decode under: refused before the first token.

    Attributes:
        path: JSON path of the offending part of the schema, where it is known.
        keyword: The offending keyword, where it is known.
        engine: The engine that refused.
    """

    def __init__(
        self, message: str, *, path: str = "$", keyword: str = "", engine: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.keyword = keyword
        self.engine = engine


class UnknownEngine(ConstraintError):
    """A name that no engine has.

    Attributes:
        known: The names that there are.
    """

    def __init__(self, name: str, *, known: Sequence[str]) -> None:
        super().__init__(
            f"expected the name of an engine, got {shorten(name)}",
            engine=str(name),
            hint=f"choose one of: {', '.join(known)}",
        )
        self.known = tuple(known)


class EngineNotInstalled(ConstraintError):
    """The packages of an engine are not installed.

    Attributes:
        extra: What to install: ``pip install 'byzer-agents[extra]'``.
    """

    def __init__(self, engine: str, *, package: str, extra: str) -> None:
        super().__init__(
            f"the engine {engine!r} needs the package {package}, which is not installed",
            engine=engine,
            hint=f"pip install 'byzer-agents[{extra}]'",
        )
        self.extra = extra


class CompilationTooExpensive(ConstraintError):
    """A constraint whose compilation was stopped at its bound.

    Attributes:
        bound: What was overrun: ``"time"``, ``"memory"``, or ``"stack"`` (which is memory too).
        limit: How much of it there was, in seconds or MB.
        spent: How much was spent when it was stopped, in the same unit.
    """

    def __init__(
        self,
        message: str,
        *,
        bound: str,
        limit: float,
        spent: float,
        engine: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, engine=engine, hint=hint)
        self.bound = bound
        self.limit = limit
        self.spent = spent


class ValidationFailed(ByzerError):
    """A value that does not meet its contract.

    Attributes:
        contract: Name of the type or tool that the value should have met.
        violations: Each broken rule, with the path where it stands.
        text: What was validated: a text (a model's reply, usually) complete, never shortened; of
            any other value the ``repr``, at most 10,000 characters.
    """

    def __init__(
        self, contract: str, violations: Sequence[Violation], text: str, *, hint: str = ""
    ) -> None:
        lines = "".join(f"\n  {violation}" for violation in violations)
        super().__init__(f"not a valid {contract}:{lines}", hint=hint)
        self.contract = contract
        self.violations = tuple(violations)
        self.text = text
