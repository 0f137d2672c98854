"""A value as a model would have written it: what validation takes, not what serialisation gives.

The two differ where a class has other names for what comes in, leaves fields out of what goes
out, adds what it computes, hides secrets, or writes bytes and durations in another way. pydantic
serialises; here its result is walked beside the value, and mended where the class says so.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import ipaddress
from collections import deque
from collections.abc import Mapping
from typing import Annotated, Any

import pydantic
from pydantic.fields import FieldInfo

from structured.aliases import path_of, place

_LISTS = (list, tuple, set, frozenset, deque)
_TIMES = (datetime.timedelta, datetime.datetime, datetime.date, datetime.time)


_ADDRESSES = (
    *(ipaddress.IPv4Address, ipaddress.IPv4Network, ipaddress.IPv4Interface),
    *(ipaddress.IPv6Address, ipaddress.IPv6Network, ipaddress.IPv6Interface),
)


def in_json(value: Any) -> Any:
    """Values that pydantic, before 2.12, cannot serialise in the fields of a ``NamedTuple``.

    Raises:
        ValueError: Not one of them.
    """
    if isinstance(value, deque):
        return list(value)
    if isinstance(value, _ADDRESSES):
        return str(value)
    raise ValueError(f"{type(value).__name__} has no form in JSON")


def as_written(value: Any, dumped: Any, config: Mapping[str, Any] | None = None) -> Any:
    """``dumped`` (by alias, as JSON data), with what validation takes in the places it differs.

    Args:
        value: A validated value.
        dumped: What pydantic serialised it to.
        config: The configuration of the class that ``value`` is in.
    """
    if isinstance(value, pydantic.RootModel):
        return as_written(value.root, dumped, type(value).model_config)
    if isinstance(value, pydantic.BaseModel):
        return _object(value, dumped, type(value).model_fields, type(value).model_config)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = getattr(type(value), "__pydantic_fields__", {})
        there = {f.name: fields.get(f.name) for f in dataclasses.fields(value) if f.init}
        config = getattr(type(value), "__pydantic_config__", None) or {}
        return _object(value, dumped, there, config)
    if isinstance(value, _LISTS) and isinstance(dumped, list) and len(value) == len(dumped):
        return [as_written(v, d, config) for v, d in zip(value, dumped, strict=True)]
    if isinstance(value, Mapping) and isinstance(dumped, dict) and len(value) == len(dumped):
        pairs = zip(value.values(), dumped.items(), strict=True)
        return {key: as_written(v, d, config) for v, (key, d) in pairs}
    return _leaf(value, dumped, config or {})


def _object(
    value: Any, dumped: Any, fields: Mapping[str, FieldInfo | None], config: Mapping[str, Any]
) -> Any:
    shown = {_shown_as(name, info): name for name, info in fields.items()}
    excluded = {name for name, info in fields.items() if info is not None and info.exclude}
    expected = {key for key, name in shown.items() if name not in excluded}
    if not isinstance(dumped, dict) or not expected.issubset(dumped):
        return dumped  # a serialiser of the class's own, which validation is expected to know
    written: dict[str, Any] = {}
    for key, name in shown.items():
        item, info = getattr(value, name), fields[name]
        data = _dumped(item, info) if name in excluded else dumped[key]
        alias: Any = info.validation_alias if info is not None else None
        if isinstance(alias, (pydantic.AliasChoices, pydantic.AliasPath)):
            alias = alias.convert_to_aliases()
        by_name = config.get("validate_by_name", config.get("populate_by_name"))
        path = path_of(alias, name)
        if config.get("validate_by_alias") is False or (len(path) > 1 and by_name):
            path = (name,)
        place(written, path, as_written(item, data, config))
    more = getattr(value, "__pydantic_extra__", None) or {}
    for key, item in more.items():
        if key in dumped:
            written[key] = as_written(item, dumped[key], config)
    return written


def _shown_as(name: str, info: FieldInfo | None) -> str:
    alias = None if info is None else info.serialization_alias
    return name if alias is None else alias  # which may be empty


def _dumped(item: Any, info: FieldInfo | None) -> Any:
    type_: Any = Any if info is None else info.annotation
    if info is not None and info.metadata:
        type_ = Annotated.__class_getitem__((type_, *info.metadata))  # type: ignore[attr-defined]
    adapter = pydantic.TypeAdapter(type_)
    return adapter.dump_python(item, mode="json", by_alias=True, round_trip=True)


def _leaf(value: Any, dumped: Any, config: Mapping[str, Any]) -> Any:
    if isinstance(value, pydantic.Secret | pydantic.SecretStr | pydantic.SecretBytes):
        hidden = value.get_secret_value()
        plain = pydantic.TypeAdapter(type(hidden)).dump_python(hidden, mode="json")
        return as_written(hidden, plain, config)
    if isinstance(value, (bytes, bytearray)):
        form = config.get("val_json_bytes", "utf8")
        if form == config.get("ser_json_bytes", "utf8"):
            return dumped
        if form == "base64":
            return base64.urlsafe_b64encode(value).decode()
        return value.hex() if form == "hex" else value.decode()
    if isinstance(value, _TIMES) and not isinstance(dumped, str):
        return pydantic.TypeAdapter(type(value)).dump_python(value, mode="json")
    return dumped
