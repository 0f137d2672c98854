"""How the language says no: before the run as a list of problems, during it as exceptions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One place in the source that the policy does not allow."""

    line: int | None
    column: int | None
    construct: str
    """What stands there: ``"async def"``, ``"import os"``."""
    message: str
    hint: str
    """What to write instead."""

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        return f"{where}{self.message}" + (f"; {self.hint}" if self.hint else "")


class NotAllowed(Exception):
    """The source was refused before it ran.

    Attributes:
        problems: All of them, in the order of the source.
    """

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Denied(Exception):
    """Base of what the guards raise inside the code's own run; the code may catch it."""

    def __init__(self, message: str, construct: str = "", hint: str = "") -> None:
        super().__init__(message)
        self._facts = (message, construct, hint)


class DeniedAttribute(Denied, AttributeError):
    """An attribute is out of reach."""


class DeniedImport(Denied, ImportError):
    """A module, or a name in it, is out of reach."""


class DeniedUse(Denied, TypeError):
    """A value is used in a way that is out of reach."""
