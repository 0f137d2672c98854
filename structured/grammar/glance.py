"""What can be seen of schemas at a glance, before anything is made of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from structured.grammar.references import Place

ANNOTATIONS = frozenset(
    {
        *("title", "description", "$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$comment"),
        *("$defs", "definitions", "default", "examples", "example", "deprecated", "readOnly"),
        *("writeOnly", "$recursiveAnchor", "$vocabulary", "contentMediaType", "contentEncoding"),
        "contentSchema",
    }
)
"""Keywords that no value can break."""


def contradictory(places: Iterable[Place]) -> bool:
    """Whether a required member would have to have values that two of the schemas list apart.

    Of many ``if``, ``anyOf`` and ``oneOf`` that tell their cases by one member, only the
    combinations that agree are left.
    """
    listed: dict[str, set[Any]] = {}
    barred: dict[str, set[Any]] = {}
    required: set[str] = set()
    for place in places:
        names = place.schema.get("required")
        if isinstance(names, list):
            required.update(name for name in names if isinstance(name, str))
        properties = place.schema.get("properties")
        for name, part in properties.items() if isinstance(properties, dict) else ():
            if not isinstance(part, dict):
                continue
            if (values := _texts(part)) is not None:
                listed[name] = listed[name] & values if name in listed else values
            elif isinstance(part.get("not"), dict) and len(part) == 1:
                barred.setdefault(name, set()).update(_texts(part["not"]) or ())
    return any(
        name in required and not values - barred.get(name, set()) for name, values in listed.items()
    )


def _texts(schema: dict[str, Any]) -> set[Any] | None:
    """The texts that a schema lists; ``None`` where it lists others, or none."""
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        return None
    return set(values)


def only_required(option: Any) -> frozenset[str] | None:
    """The names of a schema that says nothing but ``required``."""
    if not isinstance(option, dict):
        return None
    said = {key for key in option if key not in ANNOTATIONS}
    names = option.get("required")
    if said - {"required"} or not isinstance(names, list):
        return None
    return frozenset(name for name in names if isinstance(name, str))


def contrary(condition: Any) -> dict[str, Any] | None:
    """A schema met by every *object* that breaks a condition on the value of one member."""
    if not isinstance(condition, dict):
        return None
    said = {key: value for key, value in condition.items() if key not in ANNOTATIONS}
    properties = said.get("properties")
    if said.keys() - {"properties", "required", "type"} or not isinstance(properties, dict):
        return None
    if said.get("type", "object") != "object" or len(properties) != 1:
        return None
    ((name, value),) = properties.items()
    if said.get("required", [name]) != [name] or not isinstance(value, dict):
        return None
    rule = {key: part for key, part in value.items() if key not in ANNOTATIONS}
    if rule.keys() <= {"const", "type"} and "const" in rule:
        return {"properties": {name: {"not": {"const": rule["const"]}}}}
    if rule.keys() <= {"enum", "type"} and isinstance(rule.get("enum"), list):
        return {"properties": {name: {"not": {"enum": rule["enum"]}}}}
    return None
