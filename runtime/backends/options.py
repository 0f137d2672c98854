"""Engine options at deploy time: ``backend.*`` keys, whose values may be strings, as in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from runtime.errors import InvalidParameter, UnknownParameter
from runtime.generation import boolean

OptionsT = TypeVar("OptionsT")


def parse_options(options: type[OptionsT], values: Mapping[str, Any]) -> OptionsT:
    """An options dataclass from the keys of a caller's dict, each coerced to its field's type.

    Raises:
        UnknownParameter: A key that the backend does not have.
        InvalidParameter: A value of the wrong kind.
    """
    types = get_type_hints(options)
    known = {field.name for field in fields(options)}  # type: ignore[arg-type]
    parsed: dict[str, Any] = {}
    for key, value in values.items():
        name = str(key).removeprefix("backend.")
        if name not in known:
            raise UnknownParameter(str(key), {f"backend.{k}" for k in known}, where="backend")
        parsed[name] = _coerced(key, value, types[name])
    return options(**parsed)


def _coerced(key: str, value: object, type_: Any) -> Any:
    members = get_args(type_) if get_origin(type_) in (Union, UnionType) else (type_,)
    if value is None and NoneType in members:
        return None
    kind = next(member for member in members if member is not NoneType)
    if kind is bool:
        return boolean(key, value)
    for number, expected in ((int, "a whole number"), (float, "a number")):
        if kind is number:
            try:
                return number(str(value))
            except ValueError:
                raise InvalidParameter(key, value, expected) from None
    if not isinstance(value, str):
        raise InvalidParameter(key, value, "a string")
    if get_origin(kind) is Literal and value not in get_args(kind):
        raise InvalidParameter(key, value, f"one of {', '.join(map(str, get_args(kind)))}")
    return value
