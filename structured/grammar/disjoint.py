"""Whether values can meet two nodes at once: then ``oneOf`` says more than ``anyOf``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import combinations

from structured.grammar.nodes import (
    Anything,
    Either,
    Fields,
    Items,
    Literals,
    Node,
    Nothing,
    Scalar,
)

_MAX_PAIRS = 500
_DEPTH = 4


def disjoint(nodes: Sequence[Node]) -> bool:
    """Whether no value is in two of ``nodes``; ``False`` when that cannot be seen."""
    pairs = list(combinations(nodes, 2)) if len(nodes) <= 32 else None
    if pairs is None or len(pairs) > _MAX_PAIRS:
        return False
    return all(_apart(a, b, _DEPTH) for a, b in pairs)


def _apart(a: Node, b: Node, depth: int) -> bool:
    if a is b or depth == 0:
        return False
    one, other = a.body, b.body
    if isinstance(one, Nothing) or isinstance(other, Nothing):
        return True
    if isinstance(one, Either):
        return len(one.options) <= 16 and all(_apart(o, b, depth - 1) for o in one.options)
    if isinstance(other, Either):
        return _apart(b, a, depth)
    if _types(a, depth).isdisjoint(_types(b, depth)):
        return True
    if isinstance(one, Literals) and isinstance(other, Literals):
        return set(one.texts).isdisjoint(other.texts)
    if isinstance(one, Fields) and isinstance(other, Fields):
        return _objects_apart(one, other, depth) or _objects_apart(other, one, depth)
    if isinstance(one, Items) and isinstance(other, Items):
        return _more_items(one, other) or _more_items(other, one)
    return False


def _more_items(one: Items, other: Items) -> bool:
    most = other.most if other.rest is not None else len(other.first)
    return most is not None and one.least > most


def _objects_apart(one: Fields, other: Fields, depth: int) -> bool:
    members = {member.name: member for member in other.members}
    for member in one.members:
        if not member.required:
            continue
        twin = members.get(member.name)
        if twin is None:
            if member.name in other.known or not other.others:
                return True
        elif _apart(member.value, twin.value, depth - 1):
            return True  # it is required here, and where it is there its values are others
    return False


_STARTS = {"{": "object", "[": "array", '"': "string", "n": "null", "t": "boolean", "f": "boolean"}


_ALL = frozenset({"object", "array", "string", "null", "boolean", "number"})


def _types(node: Node, depth: int) -> frozenset[str]:
    match node.body:
        case Anything(type=type_):
            return frozenset([type_]) if type_ else _ALL
        case Literals(texts=texts):
            return frozenset(_STARTS.get(text[0], "number") for text in texts)
        case Scalar(schema_text=text):
            named = json.loads(text)["type"]
            return frozenset(["number" if named == "integer" else named])
        case Items():
            return frozenset(["array"])
        case Fields():
            return frozenset(["object"])
        case Either(options=options) if depth and len(options) <= 8:
            return frozenset().union(*(_types(option, depth - 1) for option in options))
    return _ALL
