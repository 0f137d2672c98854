"""The application's own values taken apart, for the code: the host's side only."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterable
from typing import Any

from sandbox.values.common import Packed


def unpacker(types: Iterable[type]) -> Callable[[Any], Packed | None]:
    """What ``encode(…, unpack=…)`` needs on the host.

    Args:
        types: The classes that the code knows: dataclasses, pydantic models, NamedTuples, enums.
            (A TypedDict's values are dicts, and need nothing.)
    """
    ways = {cls: _way(cls) for cls in types}

    def unpack(value: Any) -> Packed | None:
        way = ways.get(type(value))
        return way(value) if way else None

    return unpack


def _way(cls: type) -> Callable[[Any], Packed]:
    name = cls.__name__
    if issubclass(cls, enum.Enum):
        return lambda value: Packed("enum", name, {value.name: value.value})
    if issubclass(cls, tuple):
        fields: tuple[str, ...] = getattr(cls, "_fields", ())
        return lambda value: Packed("named", name, dict(zip(fields, value, strict=True)))
    if dataclasses.is_dataclass(cls):
        names = [field.name for field in dataclasses.fields(cls) if field.init]
    else:
        names = list(getattr(cls, "model_fields", ()))
    return lambda value: Packed("record", name, {key: getattr(value, key) for key in names})
