"""Schemas in the few words that xgrammar and outlines read, from the nodes of any JSON Schema.

Both engines ignore, or misread, much of JSON Schema without a word. So they are not given a
caller's schema: it is lowered to nodes first (:mod:`structured.grammar`), which merge ``allOf``,
follow references and give types to what has none, and the nodes are written in words that the
engine at hand keeps. What a node says beyond them is left out, and told.
"""

from __future__ import annotations

import json
from typing import Any

from structured.constraint import JsonConstraint
from structured.engines.plain_writer import Abilities, PlainSchema, Writer
from structured.errors import ConstraintError, json_path, shorten
from structured.grammar import Lowered, Unreachable, lower

__all__ = ["Abilities", "PlainSchema", "plain_schema"]


def plain_schema(constraint: JsonConstraint, abilities: Abilities) -> PlainSchema:
    """The schema of a constraint in the words of an engine.

    Raises:
        ConstraintError: Not a JSON Schema, or no value can meet it.
    """
    engine = abilities.engine
    try:
        root = json.loads(constraint.schema_text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ConstraintError(f"expected a JSON Schema as text: {error}", engine=engine) from None
    if not isinstance(root, (dict, bool)):
        raise ConstraintError(f"expected a JSON Schema, got {shorten(root)}", engine=engine)
    try:
        lowered = lower(root, key_order="schema")
        if lowered.impossible is not None:
            raise _impossible(lowered, engine)
        return Writer(abilities, lowered).written()
    except Unreachable as error:
        raise ConstraintError(
            f"not a usable JSON Schema: the reference {error.reference!r} leads nowhere",
            path=json_path(error.place.path),
            keyword="$ref",
            engine=engine,
        ) from None
    except RecursionError:
        raise ConstraintError("the schema is nested too deeply", engine=engine) from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _impossible(lowered: Lowered, engine: str) -> ConstraintError:
    assert lowered.impossible is not None
    place, keyword, _ = lowered.impossible
    return ConstraintError(
        "no value can meet the schema",
        path="$" if place is None else json_path(place.path),
        keyword=keyword,
        engine=engine,
    )
