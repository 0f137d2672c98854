"""Values of the application ↔ the data that crosses: never live objects, never pickle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import TypeAdapter

from sandbox import records, values
from sandbox.job import RecordSpec

T = TypeVar("T")

_MOST_BYTES = 32_000_000
"""Of what goes in: the caller's own, so the bound is wide."""


class Exchange:
    """Turns values for one policy.

    Args:
        types: Classes of values that the code may see.
        depth: How deep values may be nested.
    """

    def __init__(self, types: Sequence[type], *, depth: int) -> None:
        specs = [records.spec_of(cls) for cls in types]
        self._unpack = records.unpacker(types)
        self.specs: tuple[RecordSpec, ...] = tuple(spec for spec in specs if spec is not None)
        self._depth = depth

    def to_code(self, value: Any) -> Any:
        """A value as data for the code; raises what :func:`sandbox.values.encode` raises."""
        return values.encode(value, depth=self._depth, size=_MOST_BYTES, unpack=self._unpack)

    def from_code(self, data: Any, adapter: TypeAdapter[T]) -> T:
        """Data of the code's as a value of the application's type.

        Raises:
            pydantic.ValidationError: It is no such value.
        """
        text = json.dumps(values.plain(data), allow_nan=False)
        return adapter.validate_json(text, by_alias=True, by_name=True)
