"""The classes of values in a function's annotations, and how a model is told of them."""

from __future__ import annotations

import dataclasses
import enum
import inspect
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

import pydantic
from typing_extensions import is_typeddict

from structured.output import type_name


def value_classes(annotations: list[Any]) -> tuple[type, ...]:
    """The dataclasses, pydantic models, NamedTuples, enums and TypedDicts in some annotations.

    Those that they hold themselves come before them.
    """
    found: dict[type, None] = {}
    under_way: set[Any] = set()

    def visit(annotation: Any) -> None:
        if isinstance(annotation, type) and get_origin(annotation) is None:
            if not _is_value_class(annotation) or annotation in under_way:
                return
            under_way.add(annotation)
            for _, inner, _ in fields_of(annotation):
                visit(inner)
            found[annotation] = None
            return
        for part in get_args(annotation):
            visit(part)

    for annotation in annotations:
        visit(annotation)
    return tuple(found)


def class_text(cls: Any) -> str:
    """A class as a model reads it: its fields, with what is said about them."""
    about = (cls.__doc__ or "").strip() if "__doc__" in vars(cls) else ""
    if about.startswith(f"{cls.__name__}(") or "An enumeration" in about:
        about = ""  # made by dataclass, not written
    if issubclass(cls, enum.Enum):
        lines = [f"class {cls.__name__}:  # members of an enum"]  # "Enum" would be imported
        lines += [f"    {name} = {member.value!r}" for name, member in cls.__members__.items()]
        return "\n".join(lines)
    kind = "(TypedDict)" if is_typeddict(cls) else ""
    lines = [f"class {cls.__name__}{kind}:"]
    if about:
        lines.append(f'    """{" ".join(about.split())}"""')
    for name, annotation, comment in fields_of(cls):
        lines.append(f"    {name}: {type_name(annotation)}" + (f"  # {comment}" if comment else ""))
    return "\n".join(lines)


def fields_of(cls: Any) -> Iterator[tuple[str, Any, str]]:
    """Name, annotation and description of each field of a class of values."""
    if issubclass(cls, enum.Enum):
        return
    if issubclass(cls, pydantic.BaseModel):
        for name, field in cls.model_fields.items():
            default = "" if field.is_required() else f"default {field.default!r}"
            about = " ".join((field.description or "").split())
            yield name, field.annotation, "; ".join(filter(None, (about, default)))
        return
    defaults = {}
    if dataclasses.is_dataclass(cls):
        for one in dataclasses.fields(cls):
            if one.default is not dataclasses.MISSING:
                defaults[one.name] = f"default {one.default!r}"
    else:
        for name, value in getattr(cls, "_field_defaults", {}).items():
            defaults[name] = f"default {value!r}"
    for name, annotation in get_type_hints(cls).items():
        yield name, annotation, defaults.get(name, "")


def _is_value_class(cls: Any) -> bool:
    return inspect.isclass(cls) and (
        issubclass(cls, (enum.Enum, pydantic.BaseModel))
        or dataclasses.is_dataclass(cls)
        or (issubclass(cls, tuple) and hasattr(cls, "_fields"))
        or is_typeddict(cls)
    )
