"""What people write beside a type, ``Annotated[str, "the unit", {"enum": […]}]``, for pydantic."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pydantic
import typing_extensions
from pydantic.fields import FieldInfo

from structured.errors import SchemaError, shorten
from structured.keywords import restrict, value_of
from structured.output import type_name

NOTHING = inspect.Parameter.empty
"""Stands where there is no annotation or no default: ``None`` is an ordinary one."""


@dataclass(frozen=True, slots=True)
class Interpreted:
    """An annotation as pydantic understands it."""

    type: Any
    """The type with every restriction on it; descriptions of its parts are in it too."""
    description: str
    """What the annotation says about the value, ``""`` when it says nothing."""
    default: Any = NOTHING
    """The value of a ``default`` keyword."""


def interpret(annotation: Any) -> Interpreted:
    """Read texts and dicts in ``Annotated``, at any depth, in any order.

    * A ``str`` (or ``typing_extensions.Doc``) is a description; several are joined by newlines,
      together with those of ``Field(description=…)``.
    * A ``dict`` holds JSON Schema keywords: ``description`` is one more text, ``default`` the
      default, and the others restrict or describe the type as
      :func:`~structured.keywords.restrict` says.
    * Everything else is pydantic's and stays as it is.

    Raises:
        SchemaError: A keyword that does not fit the type, or whose value makes no sense.
    """
    if isinstance(annotation, _ALIASES) and _speaks(annotation.__value__):
        annotation = annotation.__value__
    if (inner := _optional_part(annotation)) is not None and _speaks(inner):
        it = interpret(inner)  # Annotated[str, "text"] | None: the text is about the whole
        return Interpreted(Union[it.type, None], it.description, it.default)  # noqa: UP007
    if get_origin(annotation) is not Annotated:
        return Interpreted(_interpret_parts(annotation), "")
    base, *metadata = get_args(annotation)
    texts: list[str] = []
    keywords: dict[str, Any] = {}
    others: list[Any] = []
    for item in metadata:
        if isinstance(item, str):
            texts.append(item)
        elif isinstance(item, typing_extensions.Doc):
            texts.append(item.documentation)
        elif isinstance(item, dict):
            _collect(item, texts, keywords)
        else:
            others.append(item)
            if isinstance(item, FieldInfo) and item.description:
                texts.append(item.description)
    default = keywords.pop("default", NOTHING)
    type_ = _interpret_parts(base)
    if keywords:
        type_ = restrict(type_, keywords)
    if others:
        type_ = Annotated[(type_, *others)]
    if default is not NOTHING:
        default = value_of(type_, default, "default")
    return Interpreted(type_, joined(*map(clean, texts)), default)


def clean(text: str) -> str:
    """``text`` without indentation and outer white space."""
    return inspect.cleandoc(text).strip()


def joined(*texts: str) -> str:
    """Several texts about one thing as one, the empty ones left out."""
    return "\n".join(filter(None, texts))


_ALIASES: tuple[Any, ...] = (
    typing_extensions.TypeAliasType,
    getattr(typing, "TypeAliasType", NOTHING),
)
"""What ``type Unit = Annotated[str, "the unit"]`` is an instance of; pydantic would not look
inside for our texts."""


def _optional_part(type_: Any) -> Any:
    """``T`` of ``T | None``; ``None`` for anything else."""
    members = [member for member in get_args(type_) if member is not NoneType]
    is_union = get_origin(type_) in (Union, UnionType)
    return members[0] if is_union and len(members) == 1 else None


def _speaks(type_: Any) -> bool:
    return get_origin(type_) is Annotated and any(
        isinstance(item, (str, dict, typing_extensions.Doc)) for item in type_.__metadata__
    )


def _collect(item: dict[Any, Any], texts: list[str], keywords: dict[str, Any]) -> None:
    for keyword, value in item.items():
        if not isinstance(keyword, str):
            raise SchemaError(f"{keyword!r} is not a JSON Schema keyword")
        if keyword == "description":
            texts.append(str(value))
        elif keywords.setdefault(keyword, value) != value:
            raise SchemaError(
                f"the keyword {keyword!r} is given twice, as {shorten(keywords[keyword])} "
                f"and as {shorten(value)}"
            )


def _interpret_parts(type_: Any) -> Any:
    """``type_`` with its arguments interpreted: the ``Annotated`` in ``list[Annotated[…]]``."""
    origin = get_origin(type_)
    arguments = get_args(type_)
    if not arguments or origin is Literal or origin is Callable:
        return type_
    parts = [_interpret_part(type_, argument) for argument in arguments]
    if all(new is old for new, old in zip(parts, arguments, strict=True)):
        return type_
    if origin in (Union, UnionType):
        return Union[tuple(parts)]  # noqa: UP007
    return origin[tuple(parts)]


def _interpret_part(whole: Any, argument: Any) -> Any:
    if not _speaks(argument) and get_origin(argument) is Annotated:
        base, *metadata = get_args(argument)
        new = _interpret_parts(base)
        return argument if new is base else Annotated[(new, *metadata)]
    part = interpret(argument)
    if part.default is not NOTHING:
        raise SchemaError(f"a default inside {type_name(whole)} has no meaning")
    if not part.description:
        return part.type
    return Annotated[part.type, pydantic.Field(description=part.description)]
