"""JSON Schemas over all keywords, and values that have a chance to meet them.

Everything is drawn from a few keys, texts and numbers, so that rules meet values and each other.
Drawn by a ``random.Random``: hypothesis' own (``st.randoms(use_true_random=False)``) shrinks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from structured.json_schema import subschemas

KEYS = ("a", "b", "c", "ab", "x")
TEXTS = ("", "a", "b", "ab", "aa", "abc", "x", "1", "é", "a b", "2024-01-01", "\n", '"', "😀")
NUMBERS = (0, 1, 2, 3, -1, 5, 10, 0.5, 1.5, -2.5, 100, 7)
PATTERNS = ("^a", "b$", "^[a-c]*$", "^.{2}$", "a|b", "[0-9]", "^$", "^a?b?$", "x")
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


def a_schema(random: Random) -> dict[str, Any]:
    """A schema two or three levels deep; what it refers to is in it."""
    schema = _schema(random, random.choice([1, 2, 2, 3]))
    schema = schema if isinstance(schema, dict) else {"allOf": [schema]}
    if '"$ref"' in json.dumps(schema):
        schema = {**schema, "$defs": {name: _schema(random, 1) for name in ("p", "q")}}
    if any(_in_a_circle(schema, node, ()) for _, node in subschemas(schema)):
        return _without_references(schema)
    return schema


def _in_a_circle(root: Any, node: Any, through: tuple[int, ...]) -> bool:
    """Whether a reference leads back to where it stands, so that nothing says what is valid."""
    if not isinstance(node, dict):
        return False
    if id(node) in through:
        return True
    children = [node[key] for key in ("not", "if", "then", "else") if key in node]
    children += [child for key in ("allOf", "anyOf", "oneOf") for child in node.get(key, ())]
    children += node.get("dependentSchemas", {}).values()
    if "$ref" in node:
        *_, name = node["$ref"].split("/")
        children.append(root if name == "#" else root["$defs"][name])
    return any(_in_a_circle(root, child, (*through, id(node))) for child in children)


def _without_references(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_references(child) for key, child in node.items() if key != "$ref"}
    return [_without_references(child) for child in node] if isinstance(node, list) else node


def a_value(random: Random, depth: int = 2) -> Any:
    """Any JSON value of that depth."""
    kind = random.randrange(8 if depth else 6)
    if kind == 0:
        return None
    if kind == 1:
        return random.choice([True, False])
    if kind in (2, 3):
        return random.choice(NUMBERS)
    if kind in (4, 5):
        return random.choice(TEXTS)
    if kind == 6:
        return [a_value(random, depth - 1) for _ in range(random.randrange(4))]
    return {random.choice(KEYS): a_value(random, depth - 1) for _ in range(random.randrange(4))}


def a_change(random: Random, value: Any) -> Any:
    """The value with something left out, put in, put elsewhere or replaced."""
    if isinstance(value, dict):
        items = list(value.items())
        random.shuffle(items)
        if items and random.random() < 0.5:
            key, child = items.pop()
            items += [(key, a_change(random, child))] if random.random() < 0.5 else []
        elif random.random() < 0.5:
            items.append((random.choice(KEYS), a_value(random, 1)))
        return dict(items)
    if isinstance(value, list) and value:
        at = random.randrange(len(value))
        return random.choice(
            [
                [*value[:at], *value[at + 1 :]],
                [*value, value[at]],
                [*value, a_value(random, 1)],
                [*value[:at], a_change(random, value[at]), *value[at + 1 :]],
            ]
        )
    if isinstance(value, str):
        return value + random.choice(TEXTS)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value + random.choice([1, -1, 0.5])
    return a_value(random)


def _schema(random: Random, depth: int) -> Any:
    if depth <= 0 or random.random() < 0.05:
        return random.choice(
            [
                True,
                False,
                {},
                {"const": a_value(random, 1)},
                {"enum": [a_value(random, 1) for _ in range(random.randrange(1, 4))]},
                *({"type": type_} for type_ in TYPES),
            ]
        )
    schema: dict[str, Any] = {}
    if random.random() < 0.5:
        schema["type"] = random.sample(TYPES, 2) if random.random() < 0.2 else random.choice(TYPES)
    families: list[tuple[str, ...]] = [_OF_OBJECTS, _OF_ARRAYS, _OF_TEXTS, _OF_NUMBERS]
    keywords = random.choice([*families[:2], *families, sum(families, ())]) + _OF_ALL
    for _ in range(random.choice([1, 1, 2, 2, 3, 4])):
        keyword = random.choice(keywords)
        schema.update(_rule(keyword, random, lambda: _schema(random, depth - 1)))
    return schema


_OF_OBJECTS = (
    "properties",
    "properties",
    "required",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedProperties",
)
_OF_ARRAYS = (
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "unevaluatedItems",
)
_OF_TEXTS = ("minLength", "maxLength", "pattern", "format")
_OF_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_OF_ALL = ("allOf", "anyOf", "oneOf", "not", "if", "const", "enum", "$ref")


def _rule(keyword: str, random: Random, schema: Callable[[], Any]) -> dict[str, Any]:
    few = range(random.randrange(1, 4))
    match keyword:
        case "properties":
            return {keyword: {random.choice(KEYS): schema() for _ in few}}
        case "patternProperties":
            return {keyword: {random.choice(PATTERNS): schema() for _ in few[:2]}}
        case "propertyNames":
            names = [{"pattern": random.choice(PATTERNS)}, {"maxLength": 1}, {"enum": ["a", "x"]}]
            return {keyword: random.choice([*names, schema()])}
        case "dependentSchemas":
            return {keyword: {random.choice(KEYS): schema()}}
        case "dependentRequired":
            return {keyword: {random.choice(KEYS): random.sample(KEYS, random.randrange(2))}}
        case "required":
            return {keyword: random.sample(KEYS, random.randrange(1, 3))}
        case "prefixItems" | "allOf" | "anyOf" | "oneOf":
            return {keyword: [schema() for _ in few]}
        case "additionalProperties" | "unevaluatedProperties" | "unevaluatedItems":
            return {keyword: random.choice([False, schema()])}
        case "items" | "contains" | "not":
            return {keyword: schema()}
        case "if":
            return {keyword: schema(), random.choice(["then", "else"]): schema()}
        case "uniqueItems":
            return {keyword: True}
        case "pattern":
            return {keyword: random.choice(PATTERNS)}
        case "format":
            return {keyword: random.choice(["date", "uuid", "ipv4", "email", "uri", "unheard-of"])}
        case "multipleOf":
            return {keyword: random.choice([1, 2, 0.5, 3, 0.1, 7])}
        case "const":
            return {keyword: a_value(random, 1)}
        case "enum":
            return {keyword: [a_value(random, 1) for _ in few]}
        case "$ref":
            return {keyword: random.choice(["#/$defs/p", "#/$defs/q", "#"])}
        case _ if keyword in _OF_NUMBERS:
            return {keyword: random.choice(NUMBERS)}
    return {keyword: random.randrange(4)}
