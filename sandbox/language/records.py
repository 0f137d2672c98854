"""Classes of the application as the code sees them: fields and nothing else."""

from __future__ import annotations

import collections
import copy
import dataclasses
import enum
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.job import RecordSpec
from sandbox.language.names import OWNED
from sandbox.values import Packed

_LEFT_OUT = type("LeftOut", (), {"__slots__": (), "__repr__": lambda self: "<left out>"})()
_namespace: Callable[[type], Mapping[str, Any]] = type.__dict__["__dict__"].__get__


class Records:
    """The classes of one run, and its values taken apart and put together.

    Attributes:
        classes: By name.
    """

    def __init__(self, specs: tuple[RecordSpec, ...]) -> None:
        self.classes: dict[str, type] = {spec.name: _MAKERS[spec.kind](spec) for spec in specs}
        self._kinds = {self.classes[spec.name]: spec for spec in specs}

    def unpack(self, value: Any) -> Packed | None:
        """Take an instance of these classes, or of the code's own records, apart."""
        try:
            return self._unpack(value)
        except Exception:  # noqa: BLE001 - its class is the code's own
            return None

    def _unpack(self, value: Any) -> Packed | None:
        cls = type(value)
        known = next((base for base in cls.__mro__ if base in self._kinds), None)
        space = _namespace(cls)
        if known is None and OWNED not in space and cls.__bases__ != (tuple,):
            return None
        name = type.__dict__["__name__"].__get__(known or cls)
        if isinstance(value, enum.Enum):
            return Packed("enum", name, {value._name_: value._value_})
        if known is not None and self._kinds[known].kind == "record":
            fields = object.__getattribute__(value, "__dict__")
            names = [field for field, _ in self._kinds[known].fields]
            return Packed("record", name, {n: fields[n] for n in names if n in fields})
        if isinstance(value, tuple) and "_fields" in _namespace(_tuple_class(cls)):
            names = _namespace(_tuple_class(cls))["_fields"]
            pairs = zip(names, tuple.__iter__(value), strict=True)
            return Packed("named", name, {n: item for n, item in pairs if item is not _LEFT_OUT})
        if dataclasses.is_dataclass(cls):
            found = {}
            for field in dataclasses.fields(value):
                found[field.name] = object.__getattribute__(value, field.name)
            return Packed("record", name, found)
        return None


def _tuple_class(cls: type) -> type:
    return next((base for base in cls.__mro__ if base.__bases__ == (tuple,)), cls)


def _record(spec: RecordSpec) -> type:
    names = tuple(name for name, _ in spec.fields)
    needed = tuple(name for name, needed in spec.fields if needed)
    defaults = dict(spec.defaults)
    kept = {name: value for name, value in defaults.items() if not _is_mutable(value)}

    def init(self: Any, *args: Any, **values: Any) -> None:
        if len(args) > len(names):
            raise TypeError(f"{spec.name}() takes {len(names)} fields ({len(args)} given)")
        given = dict(zip(names, args, strict=False))
        for name, value in values.items():
            if name not in names:
                raise TypeError(f"{spec.name}() has no field {name!r}; it has {', '.join(names)}")
            if name in given:
                raise TypeError(f"{spec.name}() got two values for {name!r}")
            given[name] = value
        missing = [name for name in needed if name not in given]
        if missing:
            raise TypeError(f"{spec.name}() needs {', '.join(missing)}")
        for name, value in defaults.items():
            if name not in given and name not in kept:
                given[name] = copy.deepcopy(value)
        object.__getattribute__(self, "__dict__").update(given)

    def set_(self: Any, name: str, value: Any) -> None:
        if name not in names:
            raise AttributeError(f"{spec.name} has no field {name!r}; it has {', '.join(names)}")
        object.__setattr__(self, name, value)

    def state(self: Any) -> list[Any]:
        fields = object.__getattribute__(self, "__dict__")
        return [fields.get(name, kept.get(name, _LEFT_OUT)) for name in names]

    def equal(self: Any, other: Any) -> Any:
        return state(self) == state(other) if type(self) is type(other) else NotImplemented

    def show(self: Any) -> str:
        pairs = zip(names, state(self), strict=True)
        inner = ", ".join(f"{n}={v!r}" for n, v in pairs if v is not _LEFT_OUT)
        return f"{spec.name}({inner})"

    return type(
        spec.name,
        (),
        {
            **kept,
            OWNED: True,
            "__module__": "__solution__",
            "__match_args__": names,
            "__init__": init,
            "__setattr__": set_,
            "__eq__": equal,
            "__hash__": lambda self: hash((spec.name, *state(self))),
            "__repr__": show,
        },
    )


def _is_mutable(value: Any) -> bool:
    return isinstance(value, list | dict | set)


def _tuple(spec: RecordSpec) -> type:
    defaults = dict(spec.defaults)
    optional = [defaults.get(name, _LEFT_OUT) for name, needed in spec.fields if not needed]
    names = [name for name, _ in spec.fields]
    base = collections.namedtuple(spec.name, names, defaults=optional)  # type: ignore[misc]
    type.__setattr__(base, OWNED, True)
    return base


def _enum(spec: RecordSpec) -> type:
    make: Any = enum.Enum
    made = make(spec.name, list(spec.members), module="__solution__")
    type.__setattr__(made, OWNED, True)
    cls: type = made
    return cls


_MAKERS: dict[str, Callable[[RecordSpec], type]] = {
    "record": _record,
    "tuple": _tuple,
    "enum": _enum,
}
