"""What the host makes of data from a run: JSON as pydantic validates it, and nothing else.

The data is presumed to be an attacker's. Whatever the tags say, only ``str``, ``int``, ``float``,
``bool``, ``None``, ``list`` and ``dict`` come out, each checked.
"""

from __future__ import annotations

import base64
import datetime
import math
import re
from collections.abc import Callable
from typing import Any, Final

from sandbox.values.common import DECIMAL, FRACTION, HEX, INT_BOUND, INT_DIGITS, WORDS, NotData

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.ASCII)
_LONG: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def plain(data: Any, *, depth: int = 180, items: int = 2_000_000) -> Any:
    """Turn data of a run's into what :meth:`pydantic.TypeAdapter.validate_json` takes as JSON.

    A datetime becomes its ISO text, a set a list, a record an object, ``nan`` the text ``"NaN"``,
    bytes their UTF-8 text, keys of dicts text as well.

    Args:
        data: As :func:`json.loads` gave it.
        depth: Levels of nesting, at most (pydantic reads 200).
        items: Values in all, at most.

    Raises:
        NotData: It is nothing that :func:`sandbox.values.encode` makes, or has no place in JSON.
    """
    return _Reader(items).read(data, depth, "$")


class _Reader:
    def __init__(self, items: int) -> None:
        self.left = items

    def read(self, data: Any, depth: int, path: str) -> Any:
        self.left -= 1
        if self.left < 0:
            raise NotData("more values than can be read", path)
        if depth < 0:
            raise NotData("nested too deep", path)
        cls = type(data)
        if cls is str:
            return _text(data, path)
        if data is None or cls is bool:
            return data
        if cls is int:
            if not -INT_BOUND < data < INT_BOUND:
                raise NotData(f"an integer of more than {INT_DIGITS} digits", path)
            return data
        if cls is float:
            if not math.isfinite(data):
                raise NotData("a float that JSON does not have", path)
            return data
        if cls is list:
            return self.several(data, depth, path)
        if cls is not dict:
            raise NotData(f"a {cls.__name__}", path)
        if "$" not in data:
            return {
                _text(key, path): self.read(item, depth - 1, f"{path}.{key[:40]}")
                for key, item in data.items()
            }
        return self.tagged(data, depth, path)

    def several(self, data: Any, depth: int, path: str) -> list[Any]:
        if type(data) is not list:
            raise NotData("a tag without its list", path)
        return [self.read(item, depth - 1, f"{path}[{i}]") for i, item in enumerate(data)]

    def tagged(self, data: dict[str, Any], depth: int, path: str) -> Any:
        kind = data["$"]
        if type(kind) is not str or data.keys() != _KEYS.get(kind, _SHORT):
            raise NotData("a tag that nobody writes", path)
        inner = data["v"]
        if kind in ("tuple", "set", "frozenset"):
            return self.several(inner, depth, path)
        if kind == "dict":
            return self.pairs(inner, depth, path)
        if kind == "enum":
            return self.read(inner, depth - 1, path)
        if kind in ("record", "named"):
            if type(inner) is not dict or "$" in inner:
                raise NotData("a record without its fields", path)
            fields = self.read(inner, depth - 1, path)
            return fields if kind == "record" else list(fields.values())
        read = _SCALARS.get(kind)
        if read is None:
            raise NotData(f"a tag of the unknown kind {kind[:40]!r}", path)
        try:
            return read(inner)
        except (TypeError, ValueError, ArithmeticError, LookupError) as error:
            message = error.message if isinstance(error, NotData) else f"a {kind} that is none"
            raise NotData(message, path) from None

    def pairs(self, data: Any, depth: int, path: str) -> dict[str, Any]:
        if type(data) is not list or any(type(p) is not list or len(p) != 2 for p in data):
            raise NotData("a dict without its pairs", path)
        found: dict[str, Any] = {}
        for raw, item in data:
            key = _key(self.read(raw, depth - 1, path), path)
            if key in found:
                raise NotData(f"two keys that are both {key[:40]!r} as JSON", path)
            found[key] = self.read(item, depth - 1, f"{path}.{key[:40]}")
        return found


def _text(value: str, path: str = "$") -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise NotData("text with a lone surrogate", path) from None
    return value


def _key(value: Any, path: str) -> str:
    if type(value) is str:
        return value
    if value is None or type(value) is bool:
        return {None: "null", True: "true", False: "false"}[value]
    if type(value) is int or type(value) is float:
        return repr(value)
    raise NotData(
        "a dict whose keys are tuples or sets has no place in JSON; return a list of pairs", path
    )


def _bytes(data: str) -> str:
    raw = base64.b64decode(data, validate=True)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise NotData(
            "bytes that are not UTF-8 have no place in JSON; return base64.b64encode(…).decode()"
        ) from None


def _complex(data: Any) -> str:
    parts = [WORDS[part] if type(part) is str else float(part) for part in data]
    real, imaginary = parts
    return str(complex(real, imaginary)).strip("()")


def _iso(data: Any, read: Callable[[str], Any]) -> Any:
    if type(data) is list:
        text, key, fold = data
        if (key is not None and type(key) is not str) or type(fold) is not int:
            raise ValueError("not a moment")
        data = text
    if type(data) is not str or len(data) > 80:
        raise ValueError("not a moment")
    return read(data)


def _datetime(data: Any) -> str:
    moment = _iso(data, datetime.datetime.fromisoformat)
    offset = moment.utcoffset()
    if offset is not None and offset.total_seconds() % 60:
        # Offsets with seconds (before 1900, mostly) are beyond RFC 3339.
        moment = moment.astimezone(datetime.UTC)
    return str(moment.isoformat())


def _timedelta(data: Any) -> str:
    days, seconds, microseconds = data
    if (type(days), type(seconds), type(microseconds)) != (int, int, int):
        raise ValueError("not a timedelta")
    whole = datetime.timedelta(days, seconds, microseconds)
    positive = abs(whole)
    sign = "-" if positive != whole else ""
    return f"{sign}P{positive.days}DT{positive.seconds}.{positive.microseconds:06}S"


def _matching(pattern: re.Pattern[str]) -> Callable[[Any], str]:
    def take(data: Any) -> str:
        if not pattern.match(data):
            raise ValueError("not of this form")
        return str(data)

    return take


def _integer(data: Any) -> int:
    value = int(_matching(HEX)(data), 16)
    if not -INT_BOUND < value < INT_BOUND:
        raise NotData(f"an integer of more than {INT_DIGITS} digits")
    return value


_SHORT: Final = {"$", "v"}
_KEYS: Final = {
    "record": {"$", "t", "v"},
    "named": {"$", "t", "v"},
    "enum": {"$", "t", "m", "v"},
}
_SCALARS: Final[dict[str, Callable[[Any], Any]]] = {
    "bytes": _bytes,
    "complex": _complex,
    "date": lambda data: _iso(data, datetime.date.fromisoformat).isoformat(),
    "datetime": _datetime,
    "decimal": _matching(DECIMAL),
    "float": _LONG.__getitem__,
    "fraction": _matching(FRACTION),
    "int": _integer,
    "time": lambda data: _iso(data, datetime.time.fromisoformat).isoformat(),
    "timedelta": _timedelta,
    "uuid": _matching(_UUID),
}
