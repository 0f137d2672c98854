"""Data back into values, for the code: its arguments, and what its tools answer."""

from __future__ import annotations

import base64
import datetime
import decimal
import fractions
import uuid
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from sandbox.values.common import FRACTION, HEX, WORDS, NotData

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


def decode(data: Any, records: Mapping[str, Any] = _NONE) -> Any:
    """Turn data that :func:`sandbox.values.encode` made back into values.

    Args:
        data: As :func:`json.loads` gives it.
        records: The classes of the records by name: called with the fields by keyword; an enum
            is subscripted with the member's name.

    Raises:
        NotData: The data was not made by ``encode``, or names an unknown class.
    """
    cls = type(data)
    if cls is list:
        return [decode(item, records) for item in data]
    if cls is not dict:
        return data
    if "$" not in data:
        return {key: decode(item, records) for key, item in data.items()}
    kind = data["$"]
    try:
        if kind in ("record", "named"):
            fields = {key: decode(item, records) for key, item in data["v"].items()}
            return _record(data["t"], records)(**fields)
        if kind == "enum":
            return _record(data["t"], records)[data["m"]]
        if kind == "dict":
            return {decode(key, records): decode(item, records) for key, item in data["v"]}
        if kind in _GROUPS:
            return _GROUPS[kind](decode(item, records) for item in data["v"])
        return _SCALARS[kind](data["v"])
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        if isinstance(error, NotData):
            raise
        raise NotData(f"data of the kind {kind!r} that cannot be read: {error}") from None


def _record(name: Any, records: Mapping[str, Any]) -> Any:
    found = records.get(name) if type(name) is str else None
    if found is None:
        raise NotData(f"a record of the unknown class {name!r}")
    return found


def _integer(text: str) -> int:
    if not HEX.match(text):
        raise ValueError("not hexadecimal")
    return int(text, 16)


def _fraction(text: str) -> fractions.Fraction:
    if not FRACTION.match(text):
        raise ValueError("not a fraction")
    return fractions.Fraction(text)


def _number(part: Any) -> float:
    return WORDS[part] if type(part) is str else float(part)


def _zoned(read: Callable[[str], Any]) -> Callable[[Any], Any]:
    def take(data: Any) -> Any:
        if type(data) is str:
            return read(data)
        text, key, fold = data
        moment = read(text)
        if key is None:
            return moment.replace(fold=fold)
        from sandbox.modules.zones import ZoneInfo

        return moment.replace(tzinfo=ZoneInfo(key), fold=fold)

    return take


_GROUPS: Final[dict[str, Callable[..., Any]]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
}
_SCALARS: Final[dict[str, Callable[[Any], Any]]] = {
    "bytes": lambda text: base64.b64decode(text, validate=True),
    "complex": lambda parts: complex(_number(parts[0]), _number(parts[1])),
    "date": datetime.date.fromisoformat,
    "datetime": _zoned(datetime.datetime.fromisoformat),
    "decimal": decimal.Decimal,
    "float": WORDS.__getitem__,
    "fraction": _fraction,
    "int": _integer,
    "time": _zoned(datetime.time.fromisoformat),
    "timedelta": lambda parts: datetime.timedelta(*parts),
    "uuid": uuid.UUID,
}
