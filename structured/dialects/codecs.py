"""How a value is written where a dialect has no word for its type, and how it is read back.

A codec never refuses: what it cannot read stays as it came, for the contract to refuse by path.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from structured.json_schema import JsonSchema, kind_of

Absent = Literal["never", "left out", "null", "same as null", "wrapped"]
"""How a property that is not there is written: not at all; as ``null``, which is dropped when it is
read; as ``null``, which is kept because it means the same; or as ``null`` where a value that is
there stands in ``{"value": …}`` because it may be ``null`` itself."""


@dataclass(frozen=True)
class Context:
    """What codecs of recursive and of alternative parts look up."""

    named: Mapping[str, Codec]
    """By reference in the original schema."""
    accepts: Callable[[JsonSchema, bool, Any], bool]
    """Whether a schema (of the dialect, or the original) accepts a value."""


class Codec:
    """A value as it is."""

    def encode(self, value: Any, context: Context) -> Any:
        """A value of the contract, as the dialect writes it."""
        return value

    def decode(self, value: Any, context: Context) -> Any:
        """The value that the dialect's form stands for."""
        return value


@dataclass(frozen=True)
class Same(Codec):
    """Written as it is."""


SAME = Same()


@dataclass(frozen=True)
class JsonText(Codec):
    """Any value, as JSON inside a string."""

    def encode(self, value: Any, context: Context) -> Any:
        """As JSON."""
        return json.dumps(value, ensure_ascii=False)

    def decode(self, value: Any, context: Context) -> Any:
        """Parsed; text that is no JSON is taken for what it says."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value


@dataclass(frozen=True)
class Named(Codec):
    """A part that is referred to."""

    reference: str

    def encode(self, value: Any, context: Context) -> Any:
        """As the part is."""
        return context.named[self.reference].encode(value, context)

    def decode(self, value: Any, context: Context) -> Any:
        """As the part is."""
        return context.named[self.reference].decode(value, context)


@dataclass(frozen=True)
class Member:
    """One property of an object."""

    key: str
    codec: Codec
    absent: Absent


@dataclass(frozen=True)
class Object(Codec):
    """An object whose properties are known; other keys, where allowed, in a list of pairs."""

    members: tuple[Member, ...]
    rest: Member | None = None
    """The property that holds the other keys."""
    native_rest: Codec | None = None
    """How other keys' values are written, where they stand as they are."""

    def encode(self, value: Any, context: Context) -> Any:
        """Each property in the schema's order."""
        if not isinstance(value, dict):
            return value
        found: dict[str, Any] = {}
        for member in self.members:
            if member.key in value:
                written = member.codec.encode(value[member.key], context)
                found[member.key] = {"value": written} if member.absent == "wrapped" else written
            elif member.absent not in ("never", "left out"):
                found[member.key] = None
        known = {member.key for member in self.members}
        others = {key: item for key, item in value.items() if key not in known}
        if self.rest is not None:
            found[self.rest.key] = self.rest.codec.encode(others, context)
        else:
            codec = self.native_rest or SAME
            found |= {key: codec.encode(item, context) for key, item in others.items()}
        return found

    def decode(self, value: Any, context: Context) -> Any:
        """Without the properties that are not there."""
        if not isinstance(value, dict):
            return value
        members = {member.key: member for member in self.members}
        found: dict[str, Any] = {}
        for key, item in value.items():
            if self.rest is not None and key == self.rest.key:
                others = self.rest.codec.decode(item, context)
                found |= others if isinstance(others, dict) else {key: others}
                continue
            member = members.get(key)
            if member is None:
                found[key] = (self.native_rest or SAME).decode(item, context)
                continue
            if item is None and member.absent in ("null", "wrapped"):
                continue
            if member.absent == "wrapped" and isinstance(item, dict) and item.keys() == {"value"}:
                item = item["value"]
            found[key] = member.codec.decode(item, context)
        return found


@dataclass(frozen=True)
class Array(Codec):
    """A list, item by item."""

    items: Codec
    first: tuple[Codec, ...] = ()
    """Of the items that have a schema of their own."""

    def encode(self, value: Any, context: Context) -> Any:
        """Each item."""
        if not isinstance(value, list):
            return value
        return [self._of(i).encode(item, context) for i, item in enumerate(value)]

    def decode(self, value: Any, context: Context) -> Any:
        """Each item."""
        if not isinstance(value, list):
            return value
        return [self._of(i).decode(item, context) for i, item in enumerate(value)]

    def _of(self, index: int) -> Codec:
        return self.first[index] if index < len(self.first) else self.items


@dataclass(frozen=True)
class Tuple(Codec):
    """A list of a fixed length, as an object with a property for each item."""

    items: tuple[Codec, ...]

    def encode(self, value: Any, context: Context) -> Any:
        """``{"item_1": …, "item_2": …}``."""
        if not isinstance(value, list) or len(value) != len(self.items):
            return value
        pairs = zip(self.items, value, strict=True)
        return {
            f"item_{i}": codec.encode(item, context) for i, (codec, item) in enumerate(pairs, 1)
        }

    def decode(self, value: Any, context: Context) -> Any:
        """The items in order."""
        keys = [f"item_{i}" for i in range(1, len(self.items) + 1)]
        if not isinstance(value, dict) or value.keys() != set(keys):
            return value
        pairs = zip(self.items, keys, strict=True)
        return [codec.decode(value[key], context) for codec, key in pairs]


@dataclass(frozen=True)
class Pairs(Codec):
    """An object with any keys, as a list of ``{"key": …, "value": …}``."""

    values: Codec

    def encode(self, value: Any, context: Context) -> Any:
        """A pair for each key."""
        if not isinstance(value, dict):
            return value
        return [
            {"key": key, "value": self.values.encode(item, context)} for key, item in value.items()
        ]

    def decode(self, value: Any, context: Context) -> Any:
        """The object; of a key that comes twice, the last."""
        if not isinstance(value, list):
            return value
        found = {}
        for item in value:
            if not isinstance(item, dict) or item.keys() != {"key", "value"}:
                return value
            if not isinstance(item["key"], str):
                return value
            found[item["key"]] = self.values.decode(item["value"], context)
        return found


@dataclass(frozen=True)
class Branch:
    """One of several alternatives."""

    original: Any
    written: JsonSchema
    codec: Codec
    kinds: tuple[frozenset[str], frozenset[str]]
    """The JSON types of the original's values, and of what they are written as."""

    def __hash__(self) -> int:
        return hash(self.codec)


@dataclass(frozen=True)
class Union(Codec):
    """One of several alternatives: the first that fits."""

    branches: tuple[Branch, ...]

    def encode(self, value: Any, context: Context) -> Any:
        """As the alternative that the value is one of."""
        branches = self._of_kind(value, 0)
        for branch in branches:
            if len(branches) == 1 or context.accepts(branch.original, False, value):
                return branch.codec.encode(value, context)
        return value

    def decode(self, value: Any, context: Context) -> Any:
        """As the alternative that the reply is written in."""
        branches = self._of_kind(value, 1)
        for branch in branches:
            if len(branches) == 1:
                return branch.codec.decode(value, context)
            if context.accepts(branch.written, True, value):
                decoded = branch.codec.decode(value, context)
                if context.accepts(branch.original, False, decoded):
                    return decoded
        return value

    def _of_kind(self, value: Any, side: int) -> tuple[Branch, ...]:
        """The branches that may hold a value; asking the schemas is dear."""
        kind = kind_of(value)
        return tuple(branch for branch in self.branches if kind in branch.kinds[side])


@dataclass(frozen=True)
class Wrapped(Codec):
    """A value that is no object, where the outermost must be one."""

    codec: Codec

    def encode(self, value: Any, context: Context) -> Any:
        """``{"value": …}``."""
        return {"value": self.codec.encode(value, context)}

    def decode(self, value: Any, context: Context) -> Any:
        """What is inside."""
        if not isinstance(value, dict) or value.keys() != {"value"}:
            return value
        return self.codec.decode(value["value"], context)
