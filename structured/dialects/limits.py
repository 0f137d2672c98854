"""Whether a schema is within a provider's documented sizes."""

from __future__ import annotations

from typing import Any

from structured.dialects.profiles import Limits
from structured.json_schema import JsonSchema, pointed, subschemas

_LONG_ENUM = 250
"""An enum with more texts than this has a limit of characters."""


def excess(schema: JsonSchema, limits: Limits) -> tuple[str, str] | None:
    """The keyword that there is too much of, and how much; ``None`` when all is within limits.

    Depth is not counted here: see :func:`depth`.
    """
    nodes = [node for _, node in subschemas(schema)]
    properties = [_properties(node) for node in nodes]
    enums = [node["enum"] for node in nodes if isinstance(node.get("enum"), list)]
    texts = [[value for value in enum if isinstance(value, str)] for enum in enums]
    long = [sum(map(len, enum)) for enum in texts if len(enum) > _LONG_ENUM]
    names = [name for found in properties for name in found] + list(schema.get("$defs", ()))
    consts = [node["const"] for node in nodes if isinstance(node.get("const"), str)]
    optional = sum(
        len(found.keys() - set(node.get("required", ())))
        for node, found in zip(nodes, properties, strict=True)
    )
    measured = [
        ("properties", sum(map(len, properties)), limits.properties, "properties"),
        ("enum", sum(map(len, enums)), limits.enum_values, "enum values"),
        ("enum", max(long, default=0), limits.enum_characters, "characters in one enum"),
        (
            "properties",
            sum(map(len, [*names, *consts])) + sum(len(t) for enum in texts for t in enum),
            limits.characters,
            "characters in names and values",
        ),
        ("required", optional, limits.optional, "optional properties"),
        ("anyOf", sum("anyOf" in node for node in nodes), limits.unions, "unions"),
    ]
    for keyword, count, most, what in measured:
        if most is not None and count > most:
            return keyword, f"{count} {what}, of which the dialect takes {most}"
    return None


def depth(schema: JsonSchema) -> int:
    """How many objects stand inside each other, references followed once."""
    known: dict[str, int] = {}

    def of(node: Any) -> int:
        if not isinstance(node, dict):
            return 0
        if isinstance(reference := node.get("$ref"), str):
            if reference not in known:
                known[reference] = 0  # inside itself it adds nothing
                known[reference] = of(pointed(schema, reference))
            return known[reference]
        children = [*_properties(node).values(), node.get("items"), *node.get("anyOf", ())]
        return max(map(of, children), default=0) + (node.get("type") == "object")

    return of(schema)


def _properties(node: JsonSchema) -> dict[str, Any]:
    found = node.get("properties")
    return found if isinstance(found, dict) else {}
