"""An application's classes of values, described to the code as records without behaviour."""

from __future__ import annotations

import dataclasses
import enum
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from sandbox import values
from sandbox.errors import InvalidInput
from sandbox.job import RecordSpec

_PLAIN = (type(None), bool, int, float, str)


def spec_of(cls: type) -> RecordSpec | None:
    """What the code sees of a class; ``None`` for a TypedDict, whose values are plain dicts.

    Raises:
        InvalidInput: It is no class of values: no dataclass, pydantic model, NamedTuple or enum.
    """
    if inspect.isclass(cls):
        if issubclass(cls, enum.Enum):
            return _of_enum(cls)
        if dataclasses.is_dataclass(cls):
            return _of_dataclass(cls)
        if issubclass(cls, tuple) and hasattr(cls, "_fields"):
            return _of_tuple(cls)
        if hasattr(cls, "model_fields") and hasattr(cls, "model_validate_json"):
            return _of_model(cls)
        if hasattr(cls, "__required_keys__"):
            return None
    raise InvalidInput(
        f"{getattr(cls, '__name__', cls)!r} is no class of values.",
        hint="Give dataclasses, pydantic models, NamedTuples, enums or TypedDicts.",
    )


def _of_enum(cls: type[enum.Enum]) -> RecordSpec:
    members = []
    for name, member in cls.__members__.items():
        if not is_plain(member.value):
            raise InvalidInput(f"{cls.__name__}.{name} has a value that is no plain data.")
        members.append((name, member.value))
    return RecordSpec(cls.__name__, "enum", members=tuple(members))


def _of_tuple(cls: Any) -> RecordSpec:
    defaults: dict[str, Any] = cls._field_defaults
    return RecordSpec(
        cls.__name__,
        "tuple",
        tuple((name, name not in defaults) for name in cls._fields),
        tuple((name, value) for name, value in defaults.items() if is_plain(value)),
    )


def _of_dataclass(cls: Any) -> RecordSpec:
    fields, defaults = [], []
    for field in dataclasses.fields(cls):
        if not field.init:
            continue
        value, factory = field.default, field.default_factory
        given = value is not dataclasses.MISSING or factory is not dataclasses.MISSING
        fields.append((field.name, not given))
        if factory is list or factory is dict:
            value = factory()
        if value is not dataclasses.MISSING and is_plain(value):
            defaults.append((field.name, value))
    return RecordSpec(cls.__name__, "record", tuple(fields), tuple(defaults))


def _of_model(cls: Any) -> RecordSpec:
    fields, defaults = [], []
    for name, field in cls.model_fields.items():
        fields.append((name, field.is_required()))
        if field.is_required():
            continue
        value = field.default
        factory = field.default_factory
        if factory is list or factory is dict:
            value = factory()
        if is_plain(value):
            defaults.append((name, value))
    return RecordSpec(cls.__name__, "record", tuple(fields), tuple(defaults))


def unpacker(types: Iterable[type]) -> Callable[[Any], values.Packed | None]:
    """What takes the application's own values apart, for :func:`sandbox.values.encode`.

    Args:
        types: Classes that :func:`spec_of` takes.
    """
    ways = {cls: _way(cls) for cls in types}

    def unpack(value: Any) -> values.Packed | None:
        way = ways.get(type(value))
        return way(value) if way else None

    return unpack


def _way(cls: type) -> Callable[[Any], values.Packed]:
    name = cls.__name__
    if issubclass(cls, enum.Enum):
        return lambda value: values.Packed("enum", name, {value.name: value.value})
    if issubclass(cls, tuple):
        return lambda value: values.Packed("named", name, value._asdict())
    if dataclasses.is_dataclass(cls):
        names = [field.name for field in dataclasses.fields(cls) if field.init]
    else:
        names = list(getattr(cls, "model_fields", ()))
    return lambda value: values.Packed("record", name, {key: getattr(value, key) for key in names})


def is_plain(value: Any) -> bool:
    """Whether a default can be said in JSON as it is."""
    if type(value) is list:
        return all(is_plain(one) for one in value)
    if type(value) is dict:
        return all(type(key) is str and is_plain(one) for key, one in value.items())
    return type(value) in _PLAIN and not (type(value) is float and not -1e308 < value < 1e308)
