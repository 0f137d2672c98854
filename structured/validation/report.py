"""A JSON Schema validator's errors as violations, each where the offending value stands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from structured.errors import Violation, json_path, shorten

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

MAX_VIOLATIONS = 50
"""A report stops here: a model that sees fifty errors learns nothing from the next."""

_MAPS = frozenset(
    ["properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions"]
)


def report(errors: Iterable[ValidationError], schema: Any) -> tuple[Violation, ...]:
    """The first ``MAX_VIOLATIONS`` of a validator's errors under ``schema``, as violations.

    ``kind`` is the keyword that is broken. A key that may not be there is named by its own path,
    and so are an item that may not and one that repeats another. Where one choice of an ``anyOf``
    or ``oneOf`` is meant plainly (by its type, or by a constant in it), its own rules are told.
    """
    found = (violation for error in errors for violation in _violations(error, schema))
    told: dict[Violation, None] = {}  # a schema that is reached twice says the same twice
    for violation in found:
        told[violation] = None
        if len(told) == MAX_VIOLATIONS:
            break
    return tuple(told)


def _violations(error: ValidationError, schema: Any) -> Iterator[Violation]:
    path, keyword = error.instance_path, _keyword(error.schema_path)
    value: Any = error.instance
    details = error.kind.as_dict() if error.kind.name in _DETAILED else {}
    if "property" in details:  # of required, dependentRequired, dependencies
        yield _violation(path, keyword, repr(details["property"]), value)
    elif "error" in details:
        inner = details["error"]
        name = str(inner.instance)
        rule = f"{_keyword(inner.schema_path)} {shorten(_said(inner, schema))}"
        yield _violation([*path, name], "propertyNames", rule, name)
    elif "unexpected" in details:
        for step in details["unexpected"]:
            yield _violation([*path, step], keyword, shorten(_said(error, schema)), value[step])
    elif "limit" in details:  # of additionalItems
        for i in range(details["limit"], len(value)):
            yield _violation([*path, i], keyword, shorten(_said(error, schema)), value[i])
    elif meant := _meant(details.get("context", ()), len(path)):
        for inner in meant:
            yield from _violations(inner, schema)
    elif error.kind.name == "uniqueItems":
        for first, again in _repeated(value):
            yield _violation([*path, again], keyword, f"(item {first} is equal)", value[again])
    else:
        yield _violation(path, keyword, shorten(_said(error, schema)), value)


_DETAILED = frozenset(
    [
        "required",
        "propertyNames",
        "additionalProperties",
        "unevaluatedProperties",
        "additionalItems",
        "anyOf",
        "oneOf",
    ]
)


def _meant(choices: Sequence[list[ValidationError]], depth: int) -> list[ValidationError]:
    """The errors of the one choice that a value at ``depth`` was meant for; none if many could be.

    A choice is out when the value's type or constant is another, or that of one of its members.
    """
    left = [
        errors
        for errors in choices
        if not any(
            len(error.instance_path) - depth <= _TELLING.get(error.kind.name, -1)
            for error in errors
        )
    ]
    return left[0] if len(left) == 1 and len(choices) > 1 else []


_TELLING = {"type": 0, "falseSchema": 0, "const": 1, "enum": 1}
"""Errors that say that another choice was meant, and how deep inside the value they may stand."""


def _violation(path: list[str | int], keyword: str, rule: str, got: object) -> Violation:
    return Violation(json_path(path), f"{keyword} {rule}", shorten(got), keyword)


def _keyword(path: list[str | int]) -> str:
    """The keyword at which a path into a schema ends, or that leads to the schema where it ends."""
    steps = [step for step in path if isinstance(step, str)]
    if len(steps) > 1 and steps[-2] in _MAPS and (len(steps) < 3 or steps[-3] not in _MAPS):
        return steps[-2]
    return steps[-1] if steps else "false"


def _said(error: ValidationError, schema: Any) -> object:
    """What the schema says for the keyword that is broken."""
    for step in error.schema_path:
        try:
            schema = schema[step]
        except (KeyError, IndexError, TypeError):  # it stands in a metaschema
            return error.kind.value
    return schema


def _repeated(items: list[Any]) -> Iterator[tuple[int, int]]:
    """Each item that is equal to an earlier one: ``(earlier, later)``."""
    seen: dict[str, int] = {}
    for i, item in enumerate(items):
        text = json.dumps(_comparable(item), sort_keys=True)
        if text in seen:
            yield seen[text], i
        else:
            seen[text] = i


def _comparable(value: Any) -> Any:
    """``1.0`` is ``1`` in JSON Schema."""
    if isinstance(value, dict):
        return {key: _comparable(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_comparable(child) for child in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
