"""``enum`` without its functional form, which defines any special method by a mapping of names."""

from __future__ import annotations

import enum
from typing import Any


class ClosedEnumType(enum.EnumMeta):
    """Metaclass: calling a class looks a member up, and never makes a class."""

    def __call__(cls: Any, *values: Any, **options: Any) -> Any:
        """Look a member up by its value."""
        if not cls._member_map_ or options:
            raise TypeError(f"write `class {cls.__name__}(Enum):` with its members in the body")
        return cls.__new__(cls, values[0] if len(values) == 1 else values)


class Enum(enum.Enum, metaclass=ClosedEnumType):
    """Base for enumerations."""


class IntEnum(int, Enum):
    """Base for enumerations whose members are ints."""

    __str__ = int.__repr__
    __format__ = int.__format__  # type: ignore[assignment]


class StrEnum(str, Enum):
    """Base for enumerations whose members are strings; ``auto()`` is the name in lower case."""

    __str__ = str.__str__
    __format__ = str.__format__  # type: ignore[assignment]

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[Any]) -> str:
        return name.lower()


class Flag(Enum, enum.Flag):
    """Base for sets of bits."""


class IntFlag(int, Flag, boundary=enum.KEEP):  # type: ignore[misc]
    """Base for sets of bits whose members are ints."""

    __str__ = int.__repr__
    __format__ = int.__format__  # type: ignore[assignment]


ENUM_NAMES: dict[str, Any] = {
    "Enum": Enum,
    "Flag": Flag,
    "IntEnum": IntEnum,
    "IntFlag": IntFlag,
    "StrEnum": StrEnum,
}
