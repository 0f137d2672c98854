"""What can go wrong when foreign code runs: one class for each, told apart without reading text.

Every error keeps its facts as attributes and survives pickling.
"""

from __future__ import annotations

from typing import Any


class SandboxError(Exception):
    """Base of every error of the sandbox.

    Attributes:
        hint: What to do next, or ``""`` when the message says it all.
        printed: What the code had printed until then (a prefix, when it was much).
    """

    retryable: bool = False

    def __init__(self, message: str, *, hint: str = "", printed: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.printed = printed

    @property
    def message(self) -> str:
        """The message without the hint."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Subclasses have keyword-only constructors; the default would call cls(*args).
        return (_rebuild, (type(self), self.args, self.__dict__))


def _rebuild(cls: type[SandboxError], args: tuple[Any, ...], state: dict[str, Any]) -> SandboxError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class SandboxUnavailable(SandboxError):
    """This machine does not give the assurance that is asked for, or the sandbox cannot start.

    Attributes:
        missing: The layers that are missing, and why each is.
    """

    def __init__(
        self, message: str, *, missing: dict[str, str] | None = None, **facts: Any
    ) -> None:
        super().__init__(message, **facts)
        self.missing = missing or {}


class InvalidInput(SandboxError):
    """What the caller gave cannot go into the sandbox: arguments, names, a source too long."""


class _InSource(SandboxError):
    """An error with a place in the source.

    Attributes:
        line: Line in the source, from 1; ``None`` where there is none.
        column: Column, from 1; ``None`` where there is none.
    """

    def __init__(
        self, message: str, *, line: int | None = None, column: int | None = None, **facts: Any
    ) -> None:
        super().__init__(message, **facts)
        self.line = line
        self.column = column


class SandboxSyntax(_InSource):
    """The source is not Python."""


class SandboxViolation(_InSource):
    """The source uses something that the policy does not allow, or the code tried to.

    Attributes:
        construct: What it was: ``"async"``, ``"import os"``, ``"_private"``.
    """

    def __init__(self, message: str, *, construct: str = "", **facts: Any) -> None:
        super().__init__(message, **facts)
        self.construct = construct


class CodeFailed(_InSource):
    """The code itself raised an exception.

    Attributes:
        type_name: Name of the exception's class: ``"ValueError"``.
        text: Its message.
        traceback: Its frames inside the source, outermost first: ``(line, function)``.
    """

    def __init__(
        self,
        message: str,
        *,
        type_name: str = "",
        text: str = "",
        traceback: tuple[tuple[int, str], ...] = (),
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.type_name = type_name
        self.text = text
        self.traceback = traceback


class InvalidResult(SandboxError):
    """What the code returned is not a value of the type that was asked for, or no data at all.

    Attributes:
        violations: What was wrong, each with its JSON path.
    """

    def __init__(self, message: str, *, violations: tuple[str, ...] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.violations = violations


class _Overrun(SandboxError):
    """A limit was reached.

    Attributes:
        limit: The limit (seconds, megabytes, characters: the class says which).
    """

    def __init__(self, message: str, *, limit: float = 0.0, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.limit = limit


class SandboxTimeout(_Overrun):
    """The code took longer than its seconds."""


class SandboxMemory(_Overrun):
    """The code took more than its megabytes."""


class SandboxOutputLimit(_Overrun):
    """The code returned more than it may, in bytes."""


class SandboxCrash(SandboxError):
    """The process that ran the code died, or what it answered makes no sense.

    Attributes:
        exit_code: As :mod:`subprocess` tells it, negative for a signal; ``None`` if unknown.
    """

    def __init__(self, message: str, *, exit_code: int | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.exit_code = exit_code
