"""Validators' reports, pydantic's and JSON Schema's, as our violations with JSON paths."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pydantic

from structured.errors import Violation, json_path, shorten
from structured.validation.report import MAX_VIOLATIONS, report
from structured.validation.schema_check import checked

MAX_DEPTH = 200
"""Arrays and objects inside one another; what pydantic's JSON parser takes."""


def violations(error: pydantic.ValidationError) -> tuple[Violation, ...]:
    """What pydantic found, as violations (the first ``MAX_VIOLATIONS``)."""
    found = error.errors(include_url=False, include_context=False)
    return tuple(
        Violation(
            path=json_path(item["loc"]),
            message=item["msg"],
            got="nothing" if item["type"] == "missing" else shorten(item["input"]),
            kind=item["type"],
        )
        for item in found[:MAX_VIOLATIONS]
    )


def schema_validator(
    schema: dict[str, Any] | bool,
) -> Callable[[object], tuple[Violation, ...]]:
    """A function that lists how a value breaks a JSON Schema of the draft it names.

    * Drafts 4, 6, 7, 2019-09 and 2020-12. ``$schema`` may name them with or without ``#``; draft
      3 is read as draft 4, a name that nobody knows (and none) as 2020-12.
    * Formats are rules in every draft; those that nobody knows are annotations.
    * References are resolved inside the schema and to the drafts' own metaschemas; nothing is
      ever fetched.
    * Values are JSON data as a parser gives it. Of an object's keys that are written twice the
      last one counts, as parsers have it; infinities and NaN are not JSON.

    Raises:
        SchemaError: The schema is not a valid one, or refers to something that is not in it;
            with the path and the keyword.
    """
    validator, read = checked(schema)

    def check(value: object) -> tuple[Violation, ...]:
        if found := _not_json(value):
            return (found,)
        try:
            return () if validator.is_valid(value) else report(validator.iter_errors(value), read)
        except ValueError:  # a set, a date, a key that is no string, half of a surrogate pair
            return (Violation("$", "JSON data", shorten(value), "json"),)

    return check


def _not_json(value: object) -> Violation | None:
    """What keeps a value from being JSON that can be checked: its depth, or an endless number."""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH + 1):
        if any(map(_endless, level)):
            path, number = next((p, v) for p, v in _walked(value) if _endless(v))
            return Violation(json_path(path), "a finite number", shorten(number), "finite_number")
        level = [
            child
            for each in level
            if isinstance(each, (dict, list, tuple))
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return None
    return Violation("$", "JSON that is nested less deeply", shorten(value), "depth")


def _endless(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _walked(
    value: object, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], object]]:
    yield path, value
    if isinstance(value, (dict, list, tuple)):
        children: Iterable[tuple[Any, object]]
        children = value.items() if isinstance(value, dict) else enumerate(value)
        for step, child in children:
            yield from _walked(child, (*path, step))
