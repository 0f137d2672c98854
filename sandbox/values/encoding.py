"""Values into data for JSON, by their exact types."""

from __future__ import annotations

import base64
import calendar
import collections
import datetime
import decimal
import fractions
import math
import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Final

from sandbox.values.common import (
    DECIMAL_CHARS,
    EXPONENT,
    INT_BOUND,
    INT_DIGITS,
    NotData,
    Packed,
    TooLarge,
)


class _Encoder:
    def __init__(
        self, depth: int, size: int, unpack: Callable[[Any], Packed | None] | None
    ) -> None:
        self.left = size
        self.size = size
        self.depth = depth
        self.unpack = unpack
        self.open: set[int] = set()

    def spend(self, count: int, path: str) -> None:
        self.left -= count
        if self.left < 0:
            raise TooLarge(f"the value takes more than {self.size} bytes as JSON", path)

    def text(self, value: str, path: str) -> str:
        # The shortest it can be as JSON; escapes are counted where the frame is written.
        self.spend(len(value) + 2, path)
        if not value.isascii():
            try:
                self.spend(len(value.encode()) - len(value), path)
            except UnicodeEncodeError as error:
                raise NotData(
                    f"text with a lone surrogate, at character {error.start}", path
                ) from None
        return value

    def walk(self, value: Any, depth: int, path: str) -> Any:
        cls = type(value)
        if cls is str:
            return self.text(value, path)
        if cls is int:
            return self.integer(value, path)
        if value is None or cls is bool:
            self.spend(4, path)
            return value
        if cls is float:
            if math.isfinite(value):
                self.spend(3, path)
                return value
            return self.tagged("float", _word(value), path)
        if cls in _NAMED_INTEGERS:
            return self.integer(int(value), path)
        scalar = _SCALARS.get(cls)
        if scalar is not None:
            return self.tagged(*scalar(value), path)
        return self.compound(value, cls, depth, path)

    def tagged(self, kind: str, data: Any, path: str) -> Any:
        length = len(data) if type(data) is str else 60
        self.spend(length + len(kind) + 16, path)
        return {"$": kind, "v": data}

    def integer(self, value: int, path: str) -> Any:
        if -(2**63) <= value < 2**63:
            self.spend(len(str(value)), path)
            return value
        if not -INT_BOUND < value < INT_BOUND:
            raise NotData(f"an integer of more than {INT_DIGITS} digits", path)
        text = hex(value)
        self.spend(len(text) + 20, path)
        return {"$": "int", "v": text}

    def compound(self, value: Any, cls: type, depth: int, path: str) -> Any:
        if depth >= self.depth:
            raise NotData(f"nested deeper than {self.depth}", path)
        mark = id(value)
        if mark in self.open:
            raise NotData(f"a {cls.__name__} that contains itself", path)
        self.open.add(mark)
        try:
            self.spend(2, path)
            if cls in _MAPPINGS:
                return self.mapping(value, depth + 1, path)
            if cls in _SEQUENCES:
                return self.items(_SEQUENCES[cls](value), depth + 1, path)
            if cls in _TAGGED:
                self.spend(20, path)
                return {"$": _TAGGED[cls], "v": self.items(value, depth + 1, path)}
            if cls is fractions.Fraction:
                return self.fraction(value, path)
            if cls is decimal.Decimal:
                return self.decimal(value, path)
            if cls in _MOMENTS:
                return self.moment(value, _MOMENTS[cls], path)
            return self.packed(value, cls, depth + 1, path)
        finally:
            self.open.discard(mark)

    def fraction(self, value: fractions.Fraction, path: str) -> Any:
        top, bottom = value.numerator, value.denominator
        if (
            type(top) is not int
            or type(bottom) is not int
            or not (-INT_BOUND < top < INT_BOUND and bottom < INT_BOUND)
        ):
            raise NotData(f"a Fraction of more than {INT_DIGITS} digits", path)
        return self.tagged("fraction", f"{top}/{bottom}", path)

    def decimal(self, value: decimal.Decimal, path: str) -> Any:
        text = str(value)
        if value.is_finite() and abs(value.adjusted()) > EXPONENT:
            raise NotData("a Decimal with an exponent of more than 6 digits", path)
        if len(text) > DECIMAL_CHARS:
            raise NotData(f"a Decimal of {len(text)} characters", path)
        return self.tagged("decimal", text, path)

    def moment(self, value: Any, kind: str, path: str) -> Any:
        zone = value.tzinfo
        if zone is None or type(zone) is datetime.timezone:
            text = value.isoformat()
            return self.tagged(kind, [text, None, value.fold] if value.fold else text, path)
        if type(zone) in _zones() and type(zone.key) is str:
            return self.tagged(kind, [value.isoformat(), zone.key, value.fold], path)
        # Any other zone is, at this moment, its offset. It may be of a class of the code's own.
        try:
            offset = value.utcoffset()
            fixed = None if offset is None else datetime.timezone(offset)
        except Exception as error:  # noqa: BLE001
            raise NotData(
                f"a {kind} with a time zone that fails ({type(error).__name__})", path
            ) from None
        return self.tagged(kind, value.replace(tzinfo=fixed, fold=0).isoformat(), path)

    def items(self, items: Iterable[Any], depth: int, path: str) -> list[Any]:
        found = []
        for index, item in enumerate(items):
            self.spend(1, path)
            found.append(self.walk(item, depth, f"{path}[{index}]"))
        return found

    def mapping(self, value: Any, depth: int, path: str) -> Any:
        pairs = value.items()
        plain = all(type(key) is str and not key.startswith("$") for key, _ in pairs)
        if plain:
            return self.fields(pairs, depth, path)
        self.spend(20, path)
        found = []
        for key, item in pairs:
            self.spend(4, path)
            there = f"{path}[{_brief(key)}]"
            found.append([self.walk(key, depth + 1, there), self.walk(item, depth + 1, there)])
        return {"$": "dict", "v": found}

    def fields(self, pairs: Iterable[tuple[str, Any]], depth: int, path: str) -> dict[str, Any]:
        found = {}
        for key, item in pairs:
            self.spend(2, path)
            there = f"{path}.{_brief_name(key)}"
            found[self.text(key, path)] = self.walk(item, depth, there)
        return found

    def packed(self, value: Any, cls: type, depth: int, path: str) -> Any:
        packed = self.unpack(value) if self.unpack else None
        if packed is None:
            raise NotData(_refusal(cls), path)
        self.spend(32, path)
        name = self.text(packed.name, path)
        if packed.kind == "enum":
            ((member, data),) = packed.fields.items()
            return {
                "$": "enum",
                "t": name,
                "m": self.text(member, path),
                "v": self.walk(data, depth, path),
            }
        return {"$": packed.kind, "t": name, "v": self.fields(packed.fields.items(), depth, path)}


def _word(value: float) -> str:
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _brief(key: Any) -> str:
    cls = type(key)
    if cls is int:
        return str(key) if -(2**63) <= key < 2**63 else "…"
    return _brief_name(key) if cls is str else cls.__name__


def _brief_name(key: str) -> str:
    short = key if len(key) <= 40 else key[:39] + "…"
    return short.encode(errors="replace").decode()


def _refusal(cls: type) -> str:
    name = cls.__name__
    if name in ("generator", "map", "filter", "zip", "enumerate", "reversed") or name.endswith(
        ("iterator", "_generator")
    ):
        return f"a {name} is not data; return list(…) of it"
    if name in ("function", "builtin_function_or_method", "method"):
        return f"a {name} is not data; call it and return what it gives"
    return f"a {name} is not data; return plain values, or a class of the offered types"


def _zones() -> tuple[type, ...]:
    import zoneinfo

    from sandbox.modules.zones import ZoneInfo

    return (ZoneInfo, zoneinfo.ZoneInfo)


def _bytes(value: Any) -> tuple[str, Any]:
    return "bytes", base64.b64encode(value).decode()


def _number(value: float) -> Any:
    return value if math.isfinite(value) else _word(value)


_SCALARS: Final[dict[type, Callable[[Any], tuple[str, Any]]]] = {
    bytes: _bytes,
    bytearray: _bytes,
    complex: lambda value: ("complex", [_number(value.real), _number(value.imag)]),
    datetime.date: lambda value: ("date", value.isoformat()),
    datetime.timedelta: lambda value: (
        "timedelta",
        [value.days, value.seconds, value.microseconds],
    ),
    uuid.UUID: lambda value: ("uuid", str(value)),
}
_NAMED_INTEGERS: Final[frozenset[type]] = frozenset(
    {
        re.RegexFlag,
        # ``calendar.monthrange`` gives one, from Python 3.12 on.
        *(getattr(calendar, name) for name in ("Day", "Month") if hasattr(calendar, name)),
    }
)
_MOMENTS: Final[dict[type, str]] = {datetime.datetime: "datetime", datetime.time: "time"}
_MAPPINGS: Final[frozenset[type]] = frozenset(
    {dict, collections.Counter, collections.OrderedDict, collections.defaultdict}
)
_SEQUENCES: Final[dict[type, Callable[[Any], Iterable[Any]]]] = {
    list: iter,
    collections.deque: iter,
    range: iter,
    type({}.keys()): iter,
    type({}.values()): iter,
    type({}.items()): iter,
}
_TAGGED: Final[dict[type, str]] = {tuple: "tuple", set: "set", frozenset: "frozenset"}


def encode(
    value: Any,
    *,
    depth: int = 64,
    size: int = 1_000_000,
    unpack: Callable[[Any], Packed | None] | None = None,
) -> Any:
    """Turn a value into data for JSON, by its exact type.

    Args:
        value: Anything; what is no data is refused.
        depth: Levels of nesting, at most.
        size: Bytes that it may take as JSON, counted from below.
        unpack: Takes instances of known classes apart; ``None`` for what it does not know. It must
            not raise.

    Raises:
        NotData: There is something in it that cannot cross: where, and what to return instead.
        TooLarge: It is too much.
    """
    return _Encoder(depth, size, unpack).walk(value, 0, "$")
