"""Calls that a candidate must survive: arguments made from the annotations and the examples.

A valid argument must give a value of the return type, within the limits, and the same one again.
Arguments are drawn from the grammar of the parameters' JSON Schema, by a fixed seed
(:func:`structured.sample`), and made from those of the examples by small changes. No property
testing library is needed for that, so none has to be installed where functions are synthesised.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from byzer_agents.implementing.subject import Subject
from structured import (
    ByzerError,
    ConstraintError,
    JsonConstraint,
    OutputSchema,
    ToolSchema,
    ValidationFailed,
    sample,
)

Bound = dict[str, Any]

_TRIES = 4
_MOST_INT = 1000
_MOST_FLOAT = 1e6
_MOST_LENGTH = 40
_SAMPLE_BYTES = 600


def calls_for(subject: Subject, seen: list[Bound], count: int) -> list[Bound]:
    """Arguments to try, different from each other; fewer than asked where types give no more.

    Args:
        subject: The function.
        seen: Arguments of the examples' calls.
        count: How many at most; about half are neighbours of the examples' own.
    """
    if not count:
        return []
    if not subject.parameters:
        return [{}]
    contract = subject.arguments
    if contract is None:
        return []
    found: dict[str, Bound] = {repr(bound): bound for bound in seen}
    known = len(found)
    for bound in _near(subject, contract, seen):
        found.setdefault(repr(bound), bound)
        if len(found) - known >= (count + 1) // 2:
            break
    seed = 0
    while len(found) - known < count and seed < _TRIES * count:
        drawn = _drawn(subject, contract, seed)
        seed += 1
        if drawn is not None:
            found.setdefault(repr(drawn), drawn)
    return list(found.values())[known:]


def _drawn(subject: Subject, contract: ToolSchema[Any], seed: int) -> Bound | None:
    constraint = JsonConstraint(schema_text=json.dumps(contract.parameters))
    try:
        text = sample(constraint, seed, max_bytes=_SAMPLE_BYTES)
        if not _mild(json.loads(text)):
            return None
        given = _bind(subject, contract, text)
        if not subject.passes_self:
            return given
        owner: OutputSchema[Any] = OutputSchema.of(subject.owner)
        drawn = sample(owner.constraint, seed, max_bytes=_SAMPLE_BYTES)
        if not _mild(json.loads(drawn)):
            return None
        return {subject.parameters[0].name: owner.validate_json(drawn), **given}
    except (ConstraintError, ValidationFailed, ValueError):
        return None


def _bind(subject: Subject, contract: ToolSchema[Any], arguments: Any) -> Bound:
    bound = contract.validate(arguments)
    if not subject.passes_self:
        return subject.bind(bound.args, bound.kwargs)
    name = subject.parameters[0].name
    given = subject.bind((None, *bound.args), bound.kwargs)
    return {key: value for key, value in given.items() if key != name}


def _near(subject: Subject, contract: ToolSchema[Any], seen: list[Bound]) -> Iterator[Bound]:
    """The examples' arguments, one of them changed a little."""
    own = subject.parameters[0].name if subject.passes_self else None
    for bound in seen:
        for name, value in bound.items():
            if name == own:
                continue
            for changed in _changed(value):
                try:
                    schema: OutputSchema[Any] = OutputSchema.of(
                        next(p.annotation for p in subject.parameters if p.name == name)
                    )
                    valid = schema.validate_python(changed)
                except (ByzerError, StopIteration):
                    continue
                if type(valid) is type(value):
                    yield {**bound, name: valid}


def _changed(value: Any) -> Iterator[Any]:
    match value:
        case bool():
            yield not value
        case str():
            half = len(value) // 2
            yield from (value[half:], "", value.upper(), value * 2, f" {value} ", value[:half])
            yield value[::-1]
        case int():
            yield from (value + 1, 0, value - 1, -value, value * 3, 1)
        case float():
            yield from (value + 0.5, 0.0, -value, value * 3)
        case list() | tuple() if type(value) in (list, tuple):
            kind = type(value)
            yield from (kind(value[::-1]), kind(), kind(value[:1]), kind([*value, *value]))
        case Mapping():
            yield {}
            yield dict(list(value.items())[:1])


def _mild(data: Any) -> bool:
    """Whether data is of a size that ordinary calls have."""
    match data:
        case bool() | None:
            return True
        case int():
            return abs(data) <= _MOST_INT
        case float():
            return abs(data) <= _MOST_FLOAT
        case str():
            return len(data) <= _MOST_LENGTH
        case list():
            return len(data) <= _MOST_LENGTH and all(map(_mild, data))
        case dict():
            return len(data) <= _MOST_LENGTH and all(map(_mild, data.values()))
    return True
