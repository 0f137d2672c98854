"""Nodes as a schema in the words of one engine: see :mod:`structured.engines.plain_schema`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from structured.audit import Audit
from structured.engines.quoted_patterns import in_json_text
from structured.errors import ConstraintError, json_path
from structured.grammar import Lowered
from structured.grammar.nodes import (
    Anything,
    Either,
    Fields,
    Items,
    Literals,
    Node,
    Scalar,
    reachable,
)
from structured.json_schema import JsonSchema

_ANY: JsonSchema = {"$ref": "#/$defs/any"}
_ANY_ARRAY: JsonSchema = {"type": "array", "items": _ANY}
_ANY_OBJECT: JsonSchema = {"type": "object", "additionalProperties": _ANY}
_ANY_SCALARS = [{"type": name} for name in ("null", "boolean", "number", "string")]


@dataclass(frozen=True)
class Abilities:
    """Which keywords an engine keeps when they stand in a plain schema."""

    engine: str
    formats: frozenset[str]
    bounds: bool
    """``minimum`` and its kin, of integers within 64 bits and of numbers."""
    others_beside: bool
    """Members that are not declared, beside those that are."""
    counted_members: bool
    """``minProperties`` and ``maxProperties``."""
    recursion: bool
    """Schemas that refer to themselves. Without it, what may be anything is a scalar, or an array
    or object of scalars."""
    doubles: bool
    """Whether it reads the numbers of an ``enum`` as 64-bit floats."""
    escapes_names: bool
    """Whether it writes members' names as JSON does."""
    open_tuples: bool
    """Arrays with ``prefixItems`` of which some may be missing, or more may follow."""


@dataclass
class PlainSchema:
    """A schema for an engine, and what it leaves to the validator."""

    text: str
    audit: Audit


@dataclass
class Writer:
    """One schema on its way."""

    abilities: Abilities
    lowered: Lowered
    _names: dict[Node, str] = field(default_factory=dict)
    _left: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Keywords of which the engine lacks something, and what."""
    _any: bool = False
    _open: set[Node] = field(default_factory=set)
    _size: int = 0

    def written(self) -> PlainSchema:
        """The schema."""
        nodes = reachable(self.lowered.root)
        for node in nodes if self.abilities.recursion else ():
            if isinstance(node.body, (Items, Fields, Either)):
                self._names[node] = f"n{len(self._names)}"
        definitions = {self._names[node]: self._body(node) for node in nodes if node in self._names}
        schema = self._use(self.lowered.root)
        if self._any:
            definitions["any"] = {"anyOf": [*_ANY_SCALARS, _ANY_ARRAY, _ANY_OBJECT]}
        if definitions:
            schema = schema | {"$defs": definitions}
        return PlainSchema(json.dumps(schema, ensure_ascii=False), self._audit())

    def _audit(self) -> Audit:
        # Nodes do not know all of their places; every place with the keyword is told.
        places = list(self.lowered.places.values())
        for keywords, reason in self._left.items():
            found = [(p.path, key) for p in places for key in keywords if key in p.schema]
            for path, keyword in found or [((), keywords[0])]:
                self.lowered.findings.setdefault((path, keyword), reason)
        return self.lowered.audit(self.abilities.engine)

    def _leave(self, *keywords: str, reason: str = "") -> None:
        self._left.setdefault(keywords, reason or f"not kept by {self.abilities.engine}")

    def _use(self, node: Node) -> JsonSchema:
        if node in self._names:
            return {"$ref": f"#/$defs/{self._names[node]}"}
        return self._body(node) if self.abilities.recursion else self._inlined(node)

    def _inlined(self, node: Node) -> JsonSchema:
        """The schema of a node, in place: for an engine that follows no references."""
        self._size += 1
        if node in self._open:
            raise self._refused("a schema that refers to itself", node)
        if self._size > _MOST_INLINED:
            raise self._refused(f"a schema of more than {_MOST_INLINED} parts", node)
        self._open.add(node)
        found = self._body(node)
        self._open.discard(node)
        return found

    def _refused(self, what: str, node: Node) -> ConstraintError:
        return ConstraintError(
            f"{self.abilities.engine} cannot decode under {what}",
            path="$" if node.origin is None else json_path(node.origin.path),
            keyword="$ref",
            engine=self.abilities.engine,
            hint="choose the engine llguidance or xgrammar",
        )

    def _body(self, node: Node) -> JsonSchema:
        match node.body:
            case Anything(type=kind):
                return self._anything(kind)
            case Literals(texts=texts):
                return self._literals([json.loads(text) for text in texts])
            case Scalar(schema_text=text):
                return self._scalar(json.loads(text))
            case Items():
                return self._items(node.body)
            case Fields():
                return self._fields(node.body)
            case Either(options=options):
                used = [self._use(option) for option in dict.fromkeys(options)]
                return used[0] if len(used) == 1 else {"anyOf": used}
            case _:
                return {"type": "null"}  # pruned: nothing refers to it

    def _literals(self, values: list[Any]) -> JsonSchema:
        if self.abilities.doubles and any(map(_is_large, values)):
            self._leave("enum", "const", reason="numbers beyond 2**53 are not kept")
            return self._anything()
        if not any(isinstance(value, (dict, list)) for value in values):
            return {"enum": values}
        return _one_of([self._spelled(value) for value in values])

    def _spelled(self, value: Any) -> JsonSchema:
        """The schema of one value; inside an ``enum``, engines write their own separators."""
        if not value or not isinstance(value, (dict, list)):
            return {"enum": [value]}
        if isinstance(value, list):
            end: JsonSchema = {"items": False, "minItems": len(value)}
            return {
                "type": "array",
                "prefixItems": [self._spelled(item) for item in value],
                **(end if self.abilities.open_tuples else {}),
            }
        return {
            "type": "object",
            "properties": {self._name(name): self._spelled(item) for name, item in value.items()},
            "required": [self._name(name) for name in value],
            "additionalProperties": False,
        }

    def _anything(self, kind: str = "") -> JsonSchema:
        if not self.abilities.recursion:
            scalar: JsonSchema = {"anyOf": _ANY_SCALARS}
            array: JsonSchema = {"type": "array", "items": scalar}
            object_: JsonSchema = {"type": "object", "additionalProperties": scalar}
            anything: JsonSchema = {"anyOf": [*_ANY_SCALARS, array, object_]}
            return {"": anything, "array": array, "object": object_}[kind]
        self._any = True
        return {"": _ANY, "array": _ANY_ARRAY, "object": _ANY_OBJECT}[kind]

    # -- strings and numbers ------------------------------------------------------------------

    def _scalar(self, schema: JsonSchema) -> JsonSchema:
        if schema["type"] == "string":
            return self._string(schema)
        return self._number(schema)

    def _string(self, schema: JsonSchema) -> JsonSchema:
        found: JsonSchema = {"type": "string"}
        for extra in schema.get("allOf", []):
            for keyword in extra.keys() - {"type"}:
                self._leave(keyword, reason="one pattern or format at a time")
        if "pattern" in schema:
            pattern = in_json_text(schema["pattern"])
            if pattern is None:
                self._leave("pattern", reason="it may want characters that JSON escapes")
            else:
                found["pattern"] = pattern
        if named := schema.get("format"):
            if "pattern" in found:
                self._leave("format", reason="one pattern or format at a time")
            elif named not in self.abilities.formats:
                self._leave("format")
            else:
                found["format"] = named
        lengths = [keyword for keyword in ("minLength", "maxLength") if keyword in schema]
        if lengths and len(found) > 1:
            for keyword in lengths:
                self._leave(keyword, reason="not kept beside a pattern or format")
        elif lengths:
            # As a pattern: xgrammar counts control characters, which JSON has not; what outlines
            # makes of escapes under a count grows exponentially with it.
            low, high = schema.get("minLength", 0), schema.get("maxLength", "")
            found["pattern"] = rf'^[^"\\\x00-\x1F]{{{low},{high}}}$'
        return found

    def _number(self, schema: JsonSchema) -> JsonSchema:
        found: JsonSchema = {"type": schema["type"]}
        whole = schema["type"] == "integer"
        for keyword, value in schema.items():
            if keyword == "type":
                continue
            if keyword == "multipleOf":
                # xgrammar drops a bound beside it where only one side is bound.
                keep = self.abilities.bounds and whole and len(schema) == 2
                keep = keep and isinstance(value, int) and value <= _MOST_REMAINDERS
            else:
                keep = self.abilities.bounds and _fits(value, whole)
            if keep:
                found[keyword] = value
            else:
                self._leave(keyword)
        return found

    # -- arrays and objects ----------------------------------------------------------------------

    def _items(self, body: Items) -> JsonSchema:
        first = [self._use(node) for node in body.first]
        found: JsonSchema = {"type": "array"}
        if first and not self.abilities.open_tuples:
            if body.rest is not None or body.least < len(first) or body.most != len(first):
                self._leave("prefixItems", reason="the engine wants every element, and no more")
            if body.rest is None and body.least >= len(first):
                return {"type": "array", "prefixItems": first}
            if body.rest is None:
                return {"type": "array", "items": _one_of(first), "maxItems": len(first)}
            first = [_one_of([*first, self._use(body.rest)])]
            return {"type": "array", "items": first[0]} | _counts(body, "Items")
        if first:
            found["prefixItems"] = first
        if body.rest is not None:
            found["items"] = self._use(body.rest)
        elif first:
            found["items"] = False
        else:
            return {"type": "array", "items": {"type": "null"}, "maxItems": 0}
        return found | _counts(body, "Items")

    def _fields(self, body: Fields) -> JsonSchema:
        if not body.members and not body.others:
            return {"enum": [{}]}
        found: JsonSchema = {"type": "object"}
        if body.members:
            found["properties"] = {self._name(m.name): self._use(m.value) for m in body.members}
            found["required"] = [self._name(m.name) for m in body.members if m.required]
        if body.clauses:
            self._leave(*_ABOUT_MEMBERS, reason="which members come together is checked afterwards")
        others = body.others
        if others and body.members and not self.abilities.others_beside:
            others = ()
        if others and body.known - {member.name for member in body.members}:
            self._leave("properties", reason="names without a value are checked afterwards")
        found["additionalProperties"] = self._others(others)
        if self.abilities.counted_members:
            found |= _counts(body, "Properties")
        elif body.least > len(found.get("required", ())) or body.most is not None:
            self._leave("minProperties", "maxProperties")
        return found

    def _name(self, name: str) -> str:
        return name if self.abilities.escapes_names else json.dumps(name, ensure_ascii=False)[1:-1]

    def _others(self, others: tuple[tuple[Any, Node], ...]) -> Any:
        if not others:
            return False
        for keys, _ in others:
            if keys.patterns or keys.excluded:
                self._leave(*_ABOUT_NAMES, reason="names are checked afterwards")
        return _one_of([self._use(value) for _, value in others])


_ABOUT_MEMBERS = ("dependentRequired", "dependencies", "anyOf", "oneOf", "allOf", "not", "if")
_ABOUT_NAMES = ("patternProperties", "propertyNames")
_MOST_INLINED = 5000
_MOST_REMAINDERS = 1000
"""An automaton has a state for each remainder."""


def _is_large(value: Any) -> bool:
    if isinstance(value, (list, dict)):
        return any(map(_is_large, value.values() if isinstance(value, dict) else value))
    return isinstance(value, (int, float)) and abs(value) > 2**53


def _fits(value: Any, whole: bool) -> bool:
    if whole:
        return bool(value == int(value) and abs(value) < 2**63)
    return bool(value == 0 or 1e-6 <= abs(value) < 1e15)


def _one_of(schemas: list[JsonSchema]) -> JsonSchema:
    distinct = [s for i, s in enumerate(schemas) if s not in schemas[:i]]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _counts(body: Items | Fields, what: str) -> JsonSchema:
    found: JsonSchema = {}
    if body.least:
        found[f"min{what}"] = body.least
    if body.most is not None:
        found[f"max{what}"] = body.most
    return found
