"""``Partial[T]``: what has come of a value of type ``T`` whose text is still being written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin

import pydantic

from structured.errors import ByzerError
from structured.scanner import Node, Scanner

T = TypeVar("T")


class NotYetThere(ByzerError, AttributeError, KeyError):
    """A field of a partial value that has not come yet.

    Attributes:
        field: Its name.
        there: The fields that have come.
    """

    def __init__(self, field: str, there: tuple[str, ...], *, complete: bool) -> None:
        came = f"so far: {', '.join(there)}" if there else "nothing has come so far"
        what = "is not in this value" if complete else "has not come yet"
        super().__init__(
            f"the field {field!r} {what}; {came}",
            hint="use .get(name, default), or wait for the whole value",
        )
        self.field = field
        self.there = there


@dataclass(frozen=True, slots=True)
class _Growing:
    """A text as far as it had come."""

    parts: list[str]
    count: int

    def __str__(self) -> str:
        return "".join(self.parts[: self.count])


@dataclass(frozen=True, slots=True)
class _View:
    """A container as it was: what came into the node later is not seen."""

    node: Node
    shown: int
    """How many of its items are seen."""
    begun: int
    """How many had begun: one more, or as many."""
    last: _View | _Growing | None = None
    """The last of them, where it was not complete."""
    complete: bool = True

    @staticmethod
    def of(node: Node) -> _View:
        return _View(node, len(node.items), len(node.items))


class Partial(Generic[T]):
    """A value of type ``T`` in the making: a picture of one moment, which does not change.

    Fields that have come are attributes (``partial.name``) and items (``partial["name"]``, for
    names that are also names of methods here); others raise :class:`NotYetThere`. Values are JSON
    data, not validated yet: a date is still a text. Objects inside are ``Partial``, too, lists are
    lists of what has come. Numbers, booleans and texts appear when they are complete, unless the
    last text was asked for as it grows.
    """

    __slots__ = ("_type", "_view")

    def __init__(self, view: _View | _Growing, type_: Any = None) -> None:
        """Made by :func:`partial_of`."""
        self._view = view
        self._type = type_

    # -- fields ----------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._field(name, _fields(self._type).get(name, (name, None))[0])

    def __getitem__(self, key: str | int) -> Any:
        if isinstance(key, int):
            return self._items()[key]
        return self._field(key, key)

    def get(self, name: str, default: Any = None) -> Any:
        """A field, or ``default`` where it has not come."""
        try:
            return getattr(self, name) if name not in _METHODS else self[name]
        except NotYetThere:
            return default

    @property
    def complete(self) -> dict[str, bool]:
        """For each field that has begun: whether it is complete."""
        view = self._view
        if isinstance(view, _Growing) or view.node.kind != "object":
            return {}
        whole = view.shown - (view.last is not None)
        return {view.node.keys[i].value: i < whole for i in range(view.begun)}

    @property
    def done(self) -> bool:
        """Whether all of this object or list has come."""
        return not isinstance(self._view, _Growing) and self._view.complete

    @property
    def data(self) -> Any:
        """What has come, as JSON data."""
        return _plain(self._view)

    def __contains__(self, name: object) -> bool:
        return name in tuple(self) if self._is_object else name in self._items()

    def __iter__(self) -> Iterator[Any]:
        """The names of an object's fields, the items of a list."""
        return iter(self._names() if self._is_object else self._items())

    def __len__(self) -> int:
        return len(tuple(iter(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Partial):
            return NotImplemented
        return bool(self.done == other.done and self.data == other.data)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if self._is_object:
            shown = ", ".join(f"{name}={self[name]!r}" for name in self)
        else:
            shown = repr(self.data if isinstance(self._view, _Growing) else self._items())
        return f"Partial({shown}{'' if self.done else ' …'})"

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(self._names() if self._is_object else ())]

    # -- within ----------------------------------------------------------------------------

    @property
    def _is_object(self) -> bool:
        return isinstance(self._view, _View) and self._view.node.kind == "object"

    def _names(self) -> tuple[str, ...]:
        assert isinstance(self._view, _View)
        keys = self._view.node.keys[: self._view.shown]
        return tuple(dict.fromkeys(key.value for key in keys))

    def _items(self) -> list[Any]:
        view = self._view
        if isinstance(view, _Growing) or view.node.kind != "array":
            raise TypeError(f"not a list: {self!r}")
        return [self._shown(view, i, _item_type(self._type)) for i in range(view.shown)]

    def _field(self, name: str, key: str) -> Any:
        if not self._is_object:
            raise NotYetThere(name, (), complete=self.done)
        view = self._view
        assert isinstance(view, _View)
        for i in range(view.shown - 1, -1, -1):  # of a repeated key the last one counts
            if view.node.keys[i].value == key:
                return self._shown(view, i, _field_type(self._type, key))
        raise NotYetThere(name, self._names(), complete=self.done)

    @staticmethod
    def _shown(view: _View, i: int, type_: Any) -> Any:
        item: _View | _Growing | Node = view.node.items[i]
        if i == view.shown - 1 and view.last is not None:
            item = view.last
        if isinstance(item, _Growing):
            return str(item)
        if isinstance(item, Node):
            if item.kind not in ("object", "array"):
                return item.value
            item = _View.of(item)
        inner: Partial[Any] = Partial(item, type_)
        return inner if item.node.kind == "object" else inner._items()


_METHODS = frozenset(name for name in vars(Partial) if not name.startswith("__"))


def partial_of(
    scanner: Scanner, type_: Any = None, *, strings: bool = False
) -> Partial[Any] | None:
    """What a scanner has read so far, as a partial value.

    Args:
        scanner: It may read on: the partial value stays as it is.
        type_: The type, for its fields' names where they are not those in the text (aliases).
        strings: Whether a text that is not complete is seen as far as it has come.

    Returns:
        ``None`` when there is nothing to see.
    """
    root, growing = scanner.root, scanner.open_string
    last: _View | _Growing | None = None
    if strings and growing is not None:
        last = _Growing(growing.parts, len(growing.parts))
    for node in reversed(scanner.stack):
        begun = len(node.items)
        hidden = last is None and begun > 0 and not node.items[-1].complete
        last = _View(node, begun - hidden, begun, last, complete=False)
    if last is None and root is not None and root.complete and root.kind in ("object", "array"):
        last = _View.of(root)
    return None if last is None else Partial(last, type_)


def partial_text(parts: list[str]) -> Partial[str]:
    """A text that is not JSON, as far as it has come."""
    return Partial(_Growing(parts, len(parts)))


def _plain(view: _View | _Growing) -> Any:
    if isinstance(view, _Growing):
        return str(view)
    values = [node.data() for node in view.node.items[: view.shown]]
    if view.last is not None:
        values[-1] = _plain(view.last)
    if view.node.kind == "array":
        return values
    return {key.value: value for key, value in zip(view.node.keys, values, strict=False)}


# -- types: what a field is called in the text, and what is inside it --------------------------


@lru_cache(maxsize=1024)
def _fields_of(type_: Any) -> dict[str, tuple[str, Any]]:
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is Annotated:
        return _fields_of(arguments[0])
    if origin in (Union, UnionType):
        merged: dict[str, tuple[str, Any]] = {}
        for argument in arguments:
            merged = {**_fields_of(argument), **merged}
        return merged
    model = origin or type_
    if not (isinstance(model, type) and issubclass(model, pydantic.BaseModel)):
        return {}
    fields = getattr(type_, "model_fields", model.model_fields)
    return {
        name: (_key(field.validation_alias or field.alias, name), field.annotation)
        for name, field in fields.items()
    }


def _fields(type_: Any) -> dict[str, tuple[str, Any]]:
    """Of each attribute its key in the text and its type, as far as the type says."""
    try:
        return _fields_of(type_)
    except TypeError:  # a type that has no hash
        return {}


def _key(alias: Any, name: str) -> str:
    if isinstance(alias, pydantic.AliasChoices):
        alias = alias.choices[0]
    return alias if isinstance(alias, str) else name


def _field_type(type_: Any, key: str) -> Any:
    for known, inner in _fields(type_).values():
        if known == key:
            return inner
    arguments = get_args(type_)
    return arguments[1] if get_origin(type_) is dict and len(arguments) == 2 else None


def _item_type(type_: Any) -> Any:
    """What a list's items are; of a union the first list's."""
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is Annotated:
        return _item_type(arguments[0])
    if origin in (Union, UnionType):
        return next((found for a in arguments if (found := _item_type(a)) is not None), None)
    return arguments[0] if isinstance(origin, type) and arguments and origin is not dict else None
