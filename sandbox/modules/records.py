"""``dataclasses``: for classes of the code's own only, and copies that ask no class how."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from sandbox.modules.copying import Copier
from sandbox.modules.guards import Guards


def dataclass_names(guards: Guards) -> dict[str, Any]:
    """What stands in for parts of ``dataclasses``."""
    deepcopy = Copier(guards).deepcopy

    def finish(cls: Any, options: dict[str, Any]) -> Any:
        if not (isinstance(cls, type) and guards.is_own(cls)):
            raise TypeError("dataclass works on a class that this code defines")
        if cls.__doc__ is None:
            # Left empty, the real one writes the signature out, at ten times the cost.
            cls.__doc__ = f"{cls.__name__}(…)"
        return dataclasses.dataclass(cls, **options)

    def dataclass(cls: Any = None, /, **options: Any) -> Any:
        """Decorator: write ``__init__``, ``__repr__`` and comparisons from the fields."""
        if cls is None:
            return lambda decorated: finish(decorated, options)
        return finish(cls, options)

    def inner(value: Any, factory: Callable[[Any], Any] | None) -> Any:
        cls = type(value)
        if dataclasses.is_dataclass(cls):
            pairs = [
                (field.name, inner(getattr(value, field.name), factory))
                for field in dataclasses.fields(value)
            ]
            return factory(pairs) if factory else tuple(item for _, item in pairs)
        if cls is list or cls is tuple or cls is set or cls is frozenset:
            return cls(inner(item, factory) for item in value)
        if cls is dict:
            return {inner(key, factory): inner(item, factory) for key, item in value.items()}
        if isinstance(value, tuple) and hasattr(cls, "_fields"):
            return cls(*[inner(item, factory) for item in value])
        return deepcopy(value)

    def whole(value: Any, name: str) -> None:
        if isinstance(value, type) or not dataclasses.is_dataclass(type(value)):
            raise TypeError(f"{name}() takes an instance of a dataclass")

    def asdict(obj: Any, *, dict_factory: Callable[[Any], Any] = dict) -> Any:
        """The fields as a dict, inner dataclasses as well."""
        whole(obj, "asdict")
        return inner(obj, dict_factory)

    def astuple(obj: Any, *, tuple_factory: Callable[[Any], Any] = tuple) -> Any:
        """The values of the fields, inner dataclasses as well."""
        whole(obj, "astuple")
        found = inner(obj, None)
        return found if tuple_factory is tuple else tuple_factory(found)

    def replace(obj: Any, /, **changes: Any) -> Any:
        """A new instance with other values for these fields."""
        whole(obj, "replace")
        return dataclasses.replace(obj, **changes)

    return {"asdict": asdict, "astuple": astuple, "dataclass": dataclass, "replace": replace}
