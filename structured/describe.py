"""A JSON Schema as a short text that a model reads: ``{"name": string, "age": integer}``.

A schema spends most of its tokens on punctuation; prompts carry this form, and the grammar or
the validator carries the rules.
"""

from __future__ import annotations

import json
from typing import Any

from structured.json_schema import JsonSchema

_MAX_DEPTH = 12
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
)


def describe(schema: JsonSchema | bool, *, descriptions: bool = True) -> str:
    """The shape of a schema's values, with descriptions and bounds as comments.

    A recursive part is named, and shown once.
    """
    return _Describer(schema, descriptions).text(schema, 0, ())


class _Describer:
    def __init__(self, root: JsonSchema | bool, descriptions: bool) -> None:
        self.root = root
        self.descriptions = descriptions

    def text(self, schema: Any, depth: int, within: tuple[str, ...]) -> str:
        if not isinstance(schema, dict):
            return "any"
        if "$ref" in schema:
            reference = str(schema["$ref"])
            target = self._resolve(reference)
            if target is None or reference in within or depth > _MAX_DEPTH:
                return reference.rsplit("/", 1)[-1]
            return self.text(target, depth, (*within, reference))
        if "const" in schema:
            return _json(schema["const"])
        if "enum" in schema:
            return " | ".join(_json(value) for value in schema["enum"])
        for key in ("anyOf", "oneOf"):
            if isinstance(schema.get(key), list):
                options = (self.text(option, depth, within) for option in schema[key])
                return " | ".join(dict.fromkeys(options))
        if isinstance(schema.get("allOf"), list) and "properties" not in schema:
            return " & ".join(self.text(part, depth, within) for part in schema["allOf"])
        kind = schema.get("type")
        if isinstance(kind, list):
            return " | ".join(self.text({**schema, "type": k}, depth, within) for k in kind)
        if kind == "object" or "properties" in schema:
            return self._object(schema, depth, within)
        if kind == "array" or "items" in schema or "prefixItems" in schema:
            return self._array(schema, depth, within)
        return str(schema.get("format") or kind or "any")

    def _object(self, schema: JsonSchema, depth: int, within: tuple[str, ...]) -> str:
        properties = schema.get("properties") or {}
        extra = schema.get("additionalProperties")
        if not properties:
            return f"{{string: {self.text(extra, depth + 1, within)}}}" if extra else "{}"
        required = schema.get("required") or ()
        members = []
        commented = False
        for name, child in properties.items():
            optional = "" if name in required else "?"
            member = f"{_json(name)}{optional}: {self.text(child, depth + 1, within)}"
            if comment := self._comment(child):
                member, commented = f"{member}  // {comment}", True
            members.append(member)
        if not commented:
            return "{" + ", ".join(members) + "}"
        indent = "  " * (depth + 1)
        return "{\n" + "".join(f"{indent}{m}\n" for m in members) + "  " * depth + "}"

    def _array(self, schema: JsonSchema, depth: int, within: tuple[str, ...]) -> str:
        items = schema.get("items")
        first = schema.get("prefixItems") or (items if isinstance(items, list) else None)
        if first:
            return "[" + ", ".join(self.text(item, depth + 1, within) for item in first) + "]"
        inner = self.text(items, depth + 1, within)
        return f"({inner})[]" if " | " in inner and not inner.startswith("{") else f"{inner}[]"

    def _comment(self, schema: Any) -> str:
        if not self.descriptions or not isinstance(schema, dict):
            return ""
        parts = []
        if isinstance(schema.get("description"), str):
            parts.append(" ".join(schema["description"].split()))
        parts += [text.format(schema[key]) for key, text in _BOUNDS if key in schema]
        return "; ".join(parts)

    def _resolve(self, reference: str) -> Any:
        node: Any = self.root
        if not reference.startswith("#"):
            return None
        for step in reference.lstrip("#/").split("/") if reference != "#" else ():
            step = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, dict) or step not in node:
                return None
            node = node[step]
        return node


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
