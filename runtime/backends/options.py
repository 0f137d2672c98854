"""Engine options at deploy time: ``backend.*`` keys, whose values may be strings, as in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar, get_args, get_type_hints

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
        name = key.removeprefix("backend.")
        if name not in known:
            raise UnknownParameter(key, {f"backend.{k}" for k in known}, where="backend")
        parsed[name] = _coerced(key, value, types[name])
    return options(**parsed)


def _coerced(key: str, value: object, type_: Any) -> Any:
    choices = [choice for choice in (get_args(type_) or (type_,)) if choice is not type(None)]
    if value is None and type(None) in get_args(type_):
        return None
    if choices[0] is bool:
        return boolean(key, value)
    for kind, expected in ((int, "a whole number"), (float, "a number")):
        if choices[0] is kind:
            try:
                return kind(str(value))
            except ValueError:
                raise InvalidParameter(key, value, expected) from None
    if not isinstance(value, str):
        raise InvalidParameter(key, value, "a string")
    if isinstance(choices[0], str) and value not in choices:
        raise InvalidParameter(key, value, f"one of {', '.join(map(str, choices))}")
    return value
