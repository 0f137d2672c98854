"""What a schema's values can be, as far as its outermost keywords tell."""

from __future__ import annotations

import json
from typing import Any

from structured.json_schema import KINDS, JsonSchema, kind_of, resolved


def kinds(
    root: JsonSchema, node: Any, known: dict[str, frozenset[str]] | None = None
) -> frozenset[str]:
    """The JSON types of a schema's values, or of a superset of them.

    ``known`` are those of references that were followed already.
    """
    known = {} if known is None else known
    if node is False:
        return frozenset()
    found = frozenset(KINDS)
    if not isinstance(node, dict):
        return found
    if isinstance(reference := node.get("$ref"), str):
        if reference not in known:
            known[reference] = found  # inside itself it adds nothing
            target = resolved(root, {"$ref": reference})
            known[reference] = found if target is None else kinds(root, target, known)
        found &= known[reference]
    if isinstance(values := node.get("enum"), list):
        found &= frozenset(map(kind_of, values))
    if "const" in node:
        found &= {kind_of(node["const"])}
    types = node.get("type")
    if isinstance(types, (str, list)):
        named = frozenset([types] if isinstance(types, str) else types)
        found &= named | {"integer"} if "number" in named else named
    for keyword in ("anyOf", "oneOf"):
        if isinstance(options := node.get(keyword), list):
            found &= frozenset().union(*(kinds(root, option, known) for option in options))
    return found


def constants(root: JsonSchema, node: Any) -> frozenset[str] | None:
    """The values that a schema lists, each as JSON text; ``None`` when it lists none."""
    node = resolved(root, node)
    if not isinstance(node, dict):
        return None
    if "const" in node:
        return frozenset([json.dumps(node["const"])])
    if isinstance(values := node.get("enum"), list):
        return frozenset(map(json.dumps, values))
    return None


def overlap(root: JsonSchema, one: Any, other: Any) -> bool:
    """Whether a value may meet both schemas, as far as types and constants tell."""
    shared = kinds(root, one) & kinds(root, other)
    if not shared:
        return False
    ones, others = constants(root, one), constants(root, other)
    if ones is not None and others is not None:
        return bool(ones & others)
    if shared != {"object"}:
        return True
    one, other = resolved(root, one), resolved(root, other)
    return not (isinstance(one, dict) and isinstance(other, dict)) or not _told_apart(
        root, one, other
    )


def _told_apart(root: JsonSchema, one: JsonSchema, other: JsonSchema) -> bool:
    """Whether a required property of one excludes the other."""
    for a, b in ((one, other), (other, one)):
        there = b.get("properties") or {}
        for name in a.get("required") or ():
            if name not in there:
                if b.get("additionalProperties") is False and not b.get("patternProperties"):
                    return True
                continue
            mine = (a.get("properties") or {}).get(name)
            if name in (b.get("required") or ()) and not overlap(root, mine, there[name]):
                return True
    return False
