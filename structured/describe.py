"""A JSON Schema as a short text that a model reads: ``{"name": string, "age": integer}``.

A schema spends most of its tokens on punctuation; prompts carry this form, and the grammar or
the validator carries the rules.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from structured.json_schema import RULES, JsonSchema, pointed, resolved

_MAX_DEFAULT = 60
"""Characters of a default that is shown."""
_MAX_DEPTH = 24
_MAX_PARTS = 2000
"""Limits on what is written out: a schema of hostile size ends in ``…``."""
_BOUNDS = (
    ("minimum", ">= {}"),
    ("exclusiveMinimum", "> {}"),
    ("maximum", "<= {}"),
    ("exclusiveMaximum", "< {}"),
    ("multipleOf", "a multiple of {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"),
    ("minProperties", "at least {} keys"),
    ("maxProperties", "at most {} keys"),
)


def describe(schema: JsonSchema | bool, *, descriptions: bool = True) -> str:
    """The shape of a schema's values, with descriptions and bounds as comments.

    Optional members are marked, and their defaults shown: ``"unit"?: "km" | "mi" = "km"``.

    A recursive part is named, and shown once: ``Tree = {"left": Tree | null}``.
    """
    return _Describer(schema, descriptions).whole()


class _Describer:
    def __init__(self, root: JsonSchema | bool, descriptions: bool) -> None:
        self.root = root
        self.descriptions = descriptions
        self._parts = 0
        self._open = 0
        self._named: set[str] = set()

    def whole(self) -> str:
        """The root, which ``#`` refers to."""
        text = self.text(self.root, 0, ("#",))
        return f"# = {text}" if "#" in self._named and text != "#" else text

    def text(self, schema: Any, depth: int, within: tuple[str, ...]) -> str:
        """``schema``, at an indentation of ``depth``, inside the parts that ``within`` names."""
        self._parts += 1
        if self._open >= _MAX_DEPTH or self._parts > _MAX_PARTS:
            return "…"
        self._open += 1
        try:
            return self._text(schema, depth, within)
        finally:
            self._open -= 1

    def _text(self, schema: Any, depth: int, within: tuple[str, ...]) -> str:
        if not isinstance(schema, dict):
            return "nothing" if schema is False else "any"
        if "$ref" in schema:
            return self._reference(str(schema["$ref"]), depth, within)
        if "const" in schema:
            return _json(schema["const"])
        if isinstance(values := schema.get("enum"), list):
            return _either(_json(value) for value in values)
        for key in ("anyOf", "oneOf"):
            if isinstance(options := schema.get(key), list):
                return _either(self.text(option, depth, within) for option in options)
        if isinstance(parts := schema.get("allOf"), list) and "properties" not in schema:
            return " & ".join(self.text(part, depth, within) for part in parts)
        kind = schema.get("type")
        if isinstance(kind, list):
            return _either(self.text({**schema, "type": str(k)}, depth, within) for k in kind)
        if kind == "object" or "properties" in schema:
            return self._object(schema, depth, within)
        if kind == "array" or "items" in schema or "prefixItems" in schema:
            return self._array(schema, depth, within)
        return str(schema.get("format") or kind or "any")

    def _reference(self, reference: str, depth: int, within: tuple[str, ...]) -> str:
        name = reference.rsplit("/", 1)[-1]
        target = pointed(self.root, reference)
        if target is None:
            return name
        if reference in within:
            self._named.add(reference)
            return name
        text = self.text(target, depth, (*within, reference))
        return f"{name} = {text}" if reference in self._named else text

    def _object(self, schema: JsonSchema, depth: int, within: tuple[str, ...]) -> str:
        properties = schema.get("properties")
        if not isinstance(properties, dict) or not properties:
            return self._mapping(schema, depth, within)
        required = schema.get("required")
        members = []
        commented = False
        for name, child in properties.items():
            optional = "" if isinstance(required, list) and name in required else "?"
            member = f"{_json(name)}{optional}: {self.text(child, depth + 1, within)}"
            member += _default(child) if optional else ""
            if comment := self._comment(child):
                member, commented = f"{member}  // {comment}", True
            members.append(member)
        if not commented:
            return "{" + ", ".join(members) + "}"
        indent = "  " * (depth + 1)
        return "{\n" + "".join(f"{indent}{m}\n" for m in members) + "  " * depth + "}"

    def _mapping(self, schema: JsonSchema, depth: int, within: tuple[str, ...]) -> str:
        pairs = []
        if isinstance(patterns := schema.get("patternProperties"), dict):
            for pattern, child in patterns.items():
                pairs.append(f"/{pattern}/: {self.text(child, depth + 1, within)}")
        names, values = schema.get("propertyNames"), schema.get("additionalProperties")
        if values or (isinstance(names, dict) and values is not False):
            key = self._key(names, depth, within)
            pairs.append(f"{key}: {self.text(values, depth + 1, within)}")
        return "{" + ", ".join(pairs) + "}"

    def _key(self, names: Any, depth: int, within: tuple[str, ...]) -> str:
        names = resolved(self.root, names)
        if not isinstance(names, dict):
            return "string"
        if "pattern" in names and "format" not in names:
            return f"/{names['pattern']}/"
        return self.text({"type": "string", **names}, depth + 1, within)

    def _array(self, schema: JsonSchema, depth: int, within: tuple[str, ...]) -> str:
        items = schema.get("items")
        first = schema.get("prefixItems") or items
        if isinstance(first, list):
            return "[" + ", ".join(self.text(item, depth + 1, within) for item in first) + "]"
        if schema.get("maxItems") == 0:
            return "[]"
        inner = self.text(items, depth + 1, within)
        loose = any(sign in inner for sign in (" | ", " & ", " = ")) and inner[0] not in "{["
        return f"({inner})[]" if loose else f"{inner}[]"

    def _comment(self, schema: Any) -> str:
        if not self.descriptions or not isinstance(schema, dict):
            return ""
        parts = []
        if isinstance(text := schema.get("description"), str):
            parts.append(" ".join(text.split()))
        if "prefixItems" not in schema:
            parts += [text.format(_json(schema[key])) for key, text in _BOUNDS if key in schema]
        if "format" not in schema and isinstance(pattern := schema.get("pattern"), str):
            parts.append(f"matches {pattern}")
        if isinstance(rules := schema.get(RULES), list):
            parts += map(str, rules)
        return "; ".join(filter(None, parts))


def _default(schema: Any) -> str:
    """What stands for a member that is left out, where it says more than that it is not there."""
    value = schema.get("default") if isinstance(schema, dict) else None
    text = "" if value in (None, "", [], {}) else _json(value)
    return f" = {text}" if 0 < len(text) <= _MAX_DEFAULT else ""


def _either(options: Iterable[str]) -> str:
    return " | ".join(dict.fromkeys(options)) or "nothing"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
