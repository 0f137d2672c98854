"""Text of values: as usual, but without addresses of memory and without reads past the guards."""

from __future__ import annotations

import _string  # type: ignore[import-not-found]
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandbox.language.refusal import DeniedUse

PLAIN: frozenset[type] = frozenset({str, int, float, bool, type(None), bytes, complex})
"""Exact types whose text and hash say nothing of memory."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_ADDRESS_IN_BYTES = re.compile(rb" at 0x[0-9a-fA-F]+")
_MOST_NESTED_FIELDS = 2

Read = Callable[[Any, str], Any]


def scrub(text: str) -> str:
    """``text`` without what looks like an address of an object."""
    return _ADDRESS.sub("", text) if str.__contains__(text, " at 0x") else text


def shown(value: Any) -> str:
    """What ``str(value)`` gives."""
    return str(value) if type(value) in PLAIN else scrub(str(value))


def text_from(*args: Any, **values: Any) -> str:
    """What ``str(…)`` gives for these arguments."""
    if len(args) == 1 and not values:
        return shown(args[0])
    text = str(*args, **values)
    return scrub(text) if "object" in values else text


def represented(value: Any) -> str:
    """What ``repr(value)`` gives."""
    return repr(value) if type(value) in PLAIN else scrub(repr(value))


def asciified(value: Any) -> str:
    """What ``ascii(value)`` gives."""
    return scrub(ascii(value))


def formatted(value: Any, conversion: int = -1, spec: str = "") -> str:
    """What ``f"{value!r:spec}"`` gives; ``conversion`` as in the syntax tree."""
    if conversion == 114:
        value = represented(value)
    elif conversion == 115:
        value = shown(value)
    elif conversion == 97:
        value = asciified(value)
    if type(value) in PLAIN:
        return format(value, spec)
    return scrub(format(value, spec))


class Late:
    """A value in an f-string, whose text is made when the interpreter asks for it."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __str__(self) -> str:
        return shown(self._value)

    def __repr__(self) -> str:
        return represented(self._value)

    def __format__(self, spec: str) -> str:
        return formatted(self._value, -1, spec)


def in_text(value: Any) -> Any:
    """What stands in an f-string for ``value``."""
    return value if type(value) in PLAIN else Late(value)


def scrubbed(value: Any) -> Any:
    """``value``, without addresses where it is text or bytes."""
    if type(value) is str:
        return scrub(value)
    if (type(value) is bytes or type(value) is bytearray) and b" at 0x" in value:
        return type(value)(_ADDRESS_IN_BYTES.sub(b"", value))
    return value


def percent(left: Any, right: Any) -> Any:
    """``left % right``, where ``left`` may be text."""
    if isinstance(left, str | bytes | bytearray):
        return scrubbed(left % right)
    return left % right


def percent_in_place(left: Any, right: Any) -> Any:
    """What ``left %= right`` leaves in ``left``."""
    if isinstance(left, str | bytes | bytearray):
        return percent(left, right)
    left %= right
    return left


class Formatter:
    """``str.format`` whose fields read attributes through the guard."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def format(self, template: str, args: Sequence[Any], values: Mapping[str, Any]) -> str:
        """What ``template.format(*args, **values)`` gives."""
        state = [0]
        return self._format(template, args, values, state, _MOST_NESTED_FIELDS)

    def _format(
        self,
        template: str,
        args: Sequence[Any],
        values: Mapping[str, Any],
        state: list[int],
        depth: int,
    ) -> str:
        if depth == 0:
            raise ValueError("Max string recursion exceeded")
        pieces: list[str] = []
        for literal, field, spec, conversion in _string.formatter_parser(template):
            if literal:
                pieces.append(literal)
            if field is None:
                continue
            value = self._value(field, args, values, state)
            spec = self._format(spec, args, values, state, depth - 1) if spec else ""
            if conversion not in (None, "r", "s", "a"):
                raise ValueError(f"Unknown conversion specifier {conversion!r}")
            pieces.append(formatted(value, -1 if conversion is None else ord(conversion), spec))
        return "".join(pieces)

    def _value(
        self, field: str, args: Sequence[Any], values: Mapping[str, Any], state: list[int]
    ) -> Any:
        first, rest = _string.formatter_field_name_split(field)
        if first == "":
            if state[0] < 0:
                raise ValueError(
                    "cannot switch from manual field specification to automatic field numbering"
                )
            first = state[0]
            state[0] += 1
        elif isinstance(first, int):
            if state[0] > 0:
                raise ValueError(
                    "cannot switch from automatic field numbering to manual field specification"
                )
            state[0] = -1
        if isinstance(first, int):
            if first >= len(args):
                raise IndexError(
                    f"Replacement index {first} out of range for positional args tuple"
                )
            value = args[first]
        else:
            value = values[first]
        for is_attribute, name in rest:
            value = self._read(value, name) if is_attribute else value[name]
        return value


class Prints:
    """What the code prints, up to a bound.

    Attributes:
        dropped: Characters beyond the bound.
    """

    def __init__(self, most: int) -> None:
        self._left = most
        self._pieces: list[str] = []
        self.dropped = 0

    @property
    def text(self) -> str:
        """What was printed."""
        return "".join(self._pieces)

    def write(self, text: str) -> None:
        """Take one piece."""
        if len(text) <= self._left:
            if text:
                self._pieces.append(text)
                self._left -= len(text)
            return
        if self._left:
            self._pieces.append(text[: self._left])
        self.dropped += len(text) - self._left
        self._left = 0

    def print(
        self,
        *values: Any,
        sep: str | None = " ",
        end: str | None = "\n",
        file: Any = None,
        flush: bool = False,
    ) -> None:
        """The code's ``print``."""
        for value in (sep, end):
            if value is not None and not isinstance(value, str):
                raise TypeError(f"sep and end must be None or a string, not {type(value).__name__}")
        between = " " if sep is None else str.__str__(sep)
        text = between.join([str.__str__(shown(value)) for value in values])
        text += "\n" if end is None else str.__str__(end)
        if file is None:
            self.write(text)
        elif type(file).__name__ == "StringIO" and type(file).__module__ == "_io":
            file.write(text)
        else:
            raise DeniedUse(
                "print writes here or to an io.StringIO", "print(file=…)", "leave it out"
            )
