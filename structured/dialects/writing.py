"""A schema in the words of a dialect, part by part, with a codec where the words differ.

What a dialect cannot say about a part is left out (a superset), and where it has no word for the
part at all, the part is carried in another form: an object with free keys as a list of pairs, a
tuple as an object, and in the last resort any value as JSON text inside a string. So nothing is
ever refused for its shape, and each loss is a finding.
"""

from __future__ import annotations

import json
from typing import Any, cast

from structured.dialects.codecs import (
    SAME,
    Array,
    Branch,
    Codec,
    JsonText,
    Member,
    Named,
    Object,
    Pairs,
    Tuple,
    Union,
)
from structured.dialects.notes import SAYS_NOTHING, Location, Notes
from structured.dialects.profiles import Profile
from structured.dialects.values import constants, kind_of, kinds, overlap
from structured.errors import ConstraintError, SchemaError, json_path
from structured.json_schema import SPELLED_OUT, JsonSchema, as_formatted, pointed
from structured.patterns import portable

Written = tuple[JsonSchema, Codec]

_OBJECT = ("properties", "required", "additionalProperties", "patternProperties", "propertyNames")
_SHAPES = {
    "object": (*_OBJECT, "minProperties", "maxProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
_UNTYPED = "written as JSON text: the dialect has no schema for it"
_NOT_ENFORCED = "the dialect does not enforce this keyword"


class Writer:
    """One schema's way into one dialect."""

    def __init__(self, root: JsonSchema, profile: Profile, *, max_depth: int | None) -> None:
        self.root = root
        self.profile = profile
        self.max_depth = max_depth
        self.notes = Notes()
        self.definitions: JsonSchema = {}
        self.named: dict[str, Codec] = {}
        self._names: dict[str, str] = {}
        self._open: list[str] = []
        self._optional: list[int] = []
        """How many references were open where each property around that may be left out began."""

    def write(self, node: Any, at: Location, depth: int = 0) -> Written:
        """``node``, which stands at ``at`` in the original, inside ``depth`` objects."""
        if node is False:
            raise ConstraintError(
                f"no value can meet the schema at {json_path(at)}: it is false",
                path=json_path(at),
                engine=self.profile.name,
            )
        if not isinstance(node, dict):
            return self._anything({}, at)
        if isinstance(reference := node.get("$ref"), str):
            return self._reference(node, reference, at, depth)
        said = {key for key in node if key not in SAYS_NOTHING and key != "x-rules"}
        if not said:
            return self._anything(node, at)
        if "const" in node or isinstance(node.get("enum"), list):
            return self._listed(node, at)
        shapes = {kind for kind, keys in _SHAPES.items() if said.intersection(keys)}
        if "type" not in node and not shapes:
            for keyword in ("anyOf", "oneOf"):
                if isinstance(node.get(keyword), list):
                    return self._options(node, keyword, at, depth)
            if isinstance(parts := node.get("allOf"), list):
                return self._all(node, parts, at, depth)
            return self._json_text(node, at, _UNTYPED)
        types = node.get("type") or sorted(shapes)
        if isinstance(types, list):
            if len(types) != 1:
                options = [{**node, "type": kind} for kind in types]
                return self._union(node, options, [at] * len(options), at, depth)
            types = types[0]
        return self._typed({**node, "type": types}, at, depth)

    # --- references -------------------------------------------------------------------------

    def _reference(self, node: JsonSchema, reference: str, at: Location, depth: int) -> Written:
        target = pointed(self.root, reference)
        if not isinstance(target, dict):
            return self._json_text(node, at, f"the reference {reference!r} is not a path")
        beside = {key: value for key, value in node.items() if key != "$ref"}
        if any(key not in SAYS_NOTHING for key in beside):
            self.notes.left(at, beside, "stands beside a $ref, which the dialect has alone")
        place = _location(reference)
        if reference in self._open and not self._may_recur(reference):
            return self._json_text(node, at, "the dialect has no recursion here")
        self.notes.enforced(at, "$ref")
        if not self.profile.references:
            self._open.append(reference)
            written, codec = self.write(target, place, depth)
            self._open.pop()
            return {**written, **self._annotations(beside)}, codec
        if reference not in self._names:
            name = self._names[reference] = self._name(reference)
            self.definitions[name] = self._outline(target)  # its place in the order
            self._open.append(reference)
            written, codec = self.write(target, place, depth)
            self._open.pop()
            self.definitions[name], self.named[reference] = written, codec
        found: JsonSchema = {"$ref": f"#/$defs/{self._names[reference]}"}
        if annotations := self._annotations(beside):
            found = {**annotations, "anyOf": [found]}  # nothing may stand beside a reference
        known = self.named.get(reference)
        return found, SAME if known == SAME else Named(reference)

    def _outline(self, target: JsonSchema) -> JsonSchema:
        """What a part that is not written yet will look like, to those that refer to it."""
        properties = target.get("properties")
        if not isinstance(properties, dict) or not properties:
            return {}
        listed = {name: constants(self.root, child) for name, child in properties.items()}
        return {
            "type": "object",
            "properties": {
                name: {} if values is None else {"enum": [json.loads(value) for value in values]}
                for name, values in listed.items()
            },
            "required": [*properties] if self.profile.all_required else target.get("required", []),
            "additionalProperties": False,
        }

    def _may_recur(self, reference: str) -> bool:
        if self.profile.recursion == "optional":
            return any(began > self._open.index(reference) for began in self._optional)
        return self.profile.recursion == "yes"

    def _name(self, reference: str) -> str:
        wanted = reference.rsplit("/", 1)[-1].replace("#", "root")
        name = wanted = "".join(c if c.isalnum() and c.isascii() else "_" for c in wanted)
        number = 1
        while name in self.definitions:
            number += 1
            name = f"{wanted}_{number}"
        return name

    # --- constants --------------------------------------------------------------------------

    def _listed(self, node: JsonSchema, at: Location) -> Written:
        keyword = "const" if "const" in node else "enum"
        values = [node["const"]] if keyword == "const" else node["enum"]
        if any(isinstance(value, (list, dict)) for value in values) or not values:
            return self._json_text(node, at, "the dialect lists texts and numbers only")
        self.notes.left(at, node, "stands beside listed values", keyword, "type")
        found, annotations = [], self._annotations(node)
        grouped: dict[str, list[Any]] = {}
        for value in values:
            grouped.setdefault(kind_of(value), []).append(value)
        for kind, members in grouped.items():
            if kind in self.profile.enums:
                found.append({"type": kind, "enum": members})
                continue
            found.append({"type": kind})
            if not (kind == "null" or (kind == "boolean" and len(members) == 2)):
                self.notes.note(at, keyword, "validator", f"the dialect lists no {kind} values")
        if all(kind in self.profile.enums for kind in grouped):
            kinds_of_all = list(grouped)
            types = kinds_of_all if len(grouped) > 1 else kinds_of_all[0]
            found = [{"type": types, "enum": values}]
            if keyword == "const" and self.profile.const:
                found = [{"type": types, "const": values[0]}]
        self.notes.enforced(at, keyword)
        written = found[0] if len(found) == 1 else {"anyOf": found}
        return {**annotations, **written}, SAME

    # --- alternatives -----------------------------------------------------------------------

    def _options(self, node: JsonSchema, keyword: str, at: Location, depth: int) -> Written:
        options = node[keyword]
        self.notes.left(at, node, "stands beside alternatives", keyword)
        places: list[Location] = [(*at, keyword, i) for i in range(len(options))]
        possible = [
            (option, place)
            for option, place in zip(options, places, strict=True)
            if option is not False
        ]
        if not possible:
            return self.write(False, at, depth)
        pairs = [
            overlap(self.root, one, other)
            for i, (one, _) in enumerate(possible)
            for other, _ in possible[:i]
        ]
        if keyword == "oneOf" and any(pairs):
            self.notes.note(at, keyword, "validator", "read as anyOf: more than one may match")
        else:
            self.notes.enforced(at, keyword)
        return self._union(node, [o for o, _ in possible], [p for _, p in possible], at, depth)

    def _union(
        self, node: JsonSchema, options: list[Any], places: list[Location], at: Location, depth: int
    ) -> Written:
        if any(_says_nothing(option) for option in options):
            return self._anything(node, at)
        written = [self.write(o, place, depth) for o, place in zip(options, places, strict=True)]
        annotations = self._annotations(node)
        schemas = [schema for schema, _ in written]
        if len(written) == 1:
            return {**annotations, **schemas[0]} if "$ref" not in schemas[0] else {
                **annotations,
                "anyOf": schemas,
            }, written[0][1]
        found: JsonSchema = {**annotations, "anyOf": schemas}
        if all(codec == SAME for _, codec in written):
            return found, SAME
        if self._confusable([(o, *pair) for o, pair in zip(options, written, strict=True)]):
            return self._json_text(node, at, "its alternatives look alike in the dialect")
        root = {"$defs": self.definitions}
        branches = (
            Branch(option, schema, codec, (kinds(self.root, option), kinds(root, schema)))
            for option, (schema, codec) in zip(options, written, strict=True)
        )
        return found, Union(tuple(branches))

    def _confusable(self, branches: list[tuple[Any, JsonSchema, Codec]]) -> bool:
        """Whether a reply may be read as two alternatives, with different outcomes."""
        root = {"$defs": self.definitions}
        return any(
            codec != other_codec and overlap(root, schema, other_schema)
            for i, (_, schema, codec) in enumerate(branches)
            for _, other_schema, other_codec in branches[:i]
        )

    def _all(self, node: JsonSchema, parts: list[Any], at: Location, depth: int) -> Written:
        merged: JsonSchema = {key: value for key, value in node.items() if key != "allOf"}
        for i, part in enumerate(parts):
            place: Location = (*at, "allOf", i)
            if isinstance(part, dict) and isinstance(reference := part.get("$ref"), str):
                if reference in self._open or not isinstance(pointed(self.root, reference), dict):
                    return self._json_text(node, at, _UNTYPED)
                place, part = _location(reference), pointed(self.root, reference)
            if not isinstance(part, dict):
                continue
            for key, value in part.items():
                if key == "required":
                    merged[key] = [*dict.fromkeys([*merged.get(key, ()), *value])]
                elif key == "properties":
                    merged[key] = {**value, **merged.get(key, {})}
                elif key not in merged:
                    merged[key] = value
                elif merged[key] != value and key not in SAYS_NOTHING:
                    self.notes.note(place, key, "validator", "another part of the allOf says this")
        self.notes.enforced(at, "allOf")
        return self.write(merged, at, depth)

    # --- types ------------------------------------------------------------------------------

    def _typed(self, node: JsonSchema, at: Location, depth: int) -> Written:
        kind = node["type"]
        if kind == "object":
            return self._object(node, at, depth)
        if kind == "array":
            return self._array(node, at, depth)
        found: JsonSchema = {"type": kind, **self._annotations(node)}
        wanted = (
            _SHAPES["number" if kind == "integer" else kind]
            if kind
            in (
                "string",
                "number",
                "integer",
            )
            else ()
        )
        self.notes.enforced(at, "type")
        kept = [key for key in wanted if key in node and self._keeps(node, key, at)]
        found |= {key: node[key] for key in kept}
        self.notes.enforced(at, *kept)
        self.notes.left(at, node, _NOT_ENFORCED, "type", *kept)
        return found, SAME

    def _keeps(self, node: JsonSchema, keyword: str, at: Location) -> bool:
        value = node[keyword]
        if keyword == "format":
            if value not in self.profile.formats:
                return False
            pattern = node.get("pattern")
            if pattern not in SPELLED_OUT:
                return True
            # The pattern says it all, and more than the format, which would forbid the rest.
            return "pattern" not in self.profile.keywords and as_formatted(pattern)
        if keyword == "pattern" and keyword in self.profile.keywords:
            try:
                portable(value)
            except (SchemaError, ConstraintError):
                return False
        if keyword == "minItems" and self.profile.largest_min_items is not None:
            return bool(value <= self.profile.largest_min_items)
        return keyword in self.profile.keywords

    def _object(self, node: JsonSchema, at: Location, depth: int) -> Written:
        if self.max_depth is not None and depth >= self.max_depth:
            return self._json_text(node, at, "deeper than the dialect goes")
        self.notes.enforced(at, "type")
        properties = node.get("properties")
        if not isinstance(properties, dict) or not properties:
            if "properties" not in node or node.get("additionalProperties", True) is not False:
                return self._map(node, at, depth)
            properties = {}
        required = [name for name in node.get("required", ()) if isinstance(name, str)]
        properties = {**properties, **{name: {} for name in required if name not in properties}}
        found: JsonSchema = {"type": "object", **self._annotations(node), "properties": {}}
        members, needed = [], []
        for name, child in properties.items():
            place = (*at, "properties", name)
            absent = "never" if name in required else "left out"
            if child is False and absent == "left out":
                self.notes.enforced((*at, "properties"), name)
                continue
            if absent == "left out" and self.profile.all_required:
                absent = self._absent(child)
            schema, codec = self._member(child, place, depth, absent)
            found["properties"][name] = schema
            members.append(Member(name, codec, cast(Any, absent)))
            if absent != "left out":
                needed.append(name)
        self.notes.enforced(at, "properties")
        if "required" in node:
            self.notes.enforced(at, "required")
        rest, native = self._other_keys(node, found, needed, at, depth)
        found["required"] = needed
        if not needed and not self.profile.all_required:
            del found["required"]
        self.notes.left(
            at,
            node,
            _NOT_ENFORCED,
            *("type", "properties", "required", "additionalProperties"),
            *(("patternProperties",) if rest or native else ()),
        )
        plain = all(m.codec == SAME and m.absent in ("never", "left out") for m in members)
        if plain and rest is None and native in (None, SAME):
            return found, SAME
        return found, Object(tuple(members), rest, native)

    def _absent(self, child: Any) -> str:
        """How a property that need not be there is written where all are."""
        if "null" not in kinds(self.root, child):
            return "null"
        is_default = isinstance(child, dict) and "default" in child and child["default"] is None
        # Where null is what stands for a property that is missing, it need not be told from it.
        return "same as null" if is_default else "wrapped"

    def _member(self, child: Any, at: Location, depth: int, absent: str) -> Written:
        if absent == "left out":
            self._optional.append(len(self._open))
        schema, codec = self.write(child, at, depth + 1)
        if absent == "left out":
            self._optional.pop()
        if absent == "wrapped":
            wrapper = {
                "type": "object",
                "properties": {"value": schema},
                "required": ["value"],
                "additionalProperties": False,
            }
            return {"anyOf": [wrapper, {"type": "null"}]}, codec
        return (_or_null(schema) if absent == "null" else schema), codec

    def _other_keys(
        self, node: JsonSchema, found: JsonSchema, needed: list[str], at: Location, depth: int
    ) -> tuple[Member | None, Codec | None]:
        """Say in ``found`` which keys beyond the named ones there may be."""
        others, place = _values_of_other_keys(node, at)
        if "additionalProperties" not in node and "patternProperties" not in node:
            others = False  # JSON Schema allows them, and nobody who lists properties means that
        if others is False:
            found["additionalProperties"] = False
            self.notes.enforced(at, "additionalProperties")
            return None, None
        values, codec = self.write(others, place, depth + 1)
        if self.profile.maps:
            found["additionalProperties"] = values
            self.notes.enforced(at, "additionalProperties")
            return None, codec
        name = "additional_properties"
        while name in found["properties"]:
            name += "_"
        found["properties"][name] = self._pairs({"type": "string"}, values)
        found["additionalProperties"] = False
        needed.append(name)
        self.notes.enforced(at, "additionalProperties")
        if "patternProperties" in node:
            self.notes.note(at, "patternProperties", "validator", "written as a list of pairs")
        return Member(name, Pairs(codec), "never"), None

    def _map(self, node: JsonSchema, at: Location, depth: int) -> Written:
        others, place = _values_of_other_keys(node, at)
        annotations = self._annotations(node)
        if others is False:
            others = {}
        values, codec = self.write(others, place, depth + 1)
        counted = ["type", "properties", "required", "additionalProperties"]
        if "additionalProperties" in node:
            self.notes.enforced(at, "additionalProperties")
        if self.profile.maps:
            self.notes.left(at, node, _NOT_ENFORCED, *counted)
            found = {"type": "object", **annotations, "additionalProperties": values}
            return found, SAME if codec == SAME else Object((), None, codec)
        names = node.get("propertyNames")
        keys: JsonSchema = {"type": "string"}
        if isinstance(names, dict):
            names = {"type": "string", **names}
            keys, key_codec = self.write(names, (*at, "propertyNames"), depth + 1)
            if key_codec != SAME or "anyOf" in keys:
                keys = {"type": "string"}
            self.notes.enforced(at, "propertyNames")
            counted.append("propertyNames")
        self.notes.left(at, node, "written as a list of pairs", *counted)
        return {**self._pairs(keys, values), **annotations}, Pairs(codec)

    def _pairs(self, keys: JsonSchema, values: JsonSchema) -> JsonSchema:
        pair = {
            "type": "object",
            "properties": {"key": keys, "value": values},
            "required": ["key", "value"],
            "additionalProperties": False,
        }
        return {"type": "array", "items": pair}

    def _array(self, node: JsonSchema, at: Location, depth: int) -> Written:
        self.notes.enforced(at, "type")
        first, items, keyword = node.get("prefixItems"), node.get("items", {}), "prefixItems"
        if isinstance(items, list):  # until draft 2019-09
            first, items, keyword = items, node.get("additionalItems", {}), "items"
        if isinstance(first, list) and first:
            return self._tuple(node, first, items, keyword, at, depth)
        found: JsonSchema = {"type": "array", **self._annotations(node)}
        empty = items is False or node.get("maxItems") == 0
        written, codec = (
            ({"type": "string"}, SAME) if empty else self.write(items, (*at, "items"), depth)
        )
        found["items"] = written
        self._counts(node, found, at, "items")
        if empty and "maxItems" in self.profile.keywords:
            found["maxItems"] = 0
        return found, SAME if codec == SAME else Array(codec)

    def _counts(self, node: JsonSchema, found: JsonSchema, at: Location, *said: str) -> None:
        kept = [key for key in ("minItems", "maxItems") if key in node]
        kept = [key for key in kept if self._keeps(node, key, at)]
        found |= {key: node[key] for key in kept}
        said = tuple(key for key in said if key in node)
        self.notes.enforced(at, *kept, *said)
        self.notes.left(at, node, _NOT_ENFORCED, "type", *kept, *said)

    def _tuple(
        self, node: JsonSchema, first: list[Any], items: Any, keyword: str, at: Location, depth: int
    ) -> Written:
        count = len(first)
        fixed = node.get("minItems") == count and (
            items is False or node.get("maxItems", count + 1) <= count
        )
        if not fixed and not self.profile.tuples:
            return self._json_text(node, at, "the dialect has no tuples of various lengths")
        inside = depth if self.profile.tuples else depth + 1
        if not self.profile.tuples and self.max_depth is not None and depth >= self.max_depth:
            return self._json_text(node, at, "deeper than the dialect goes")
        written = [self.write(item, (*at, keyword, i), inside) for i, item in enumerate(first)]
        codecs = tuple(codec for _, codec in written)
        annotations = self._annotations(node)
        if self.profile.tuples:
            found = {"type": "array", **annotations, "prefixItems": [s for s, _ in written]}
            rest: Codec = SAME
            if not fixed and items is not False:
                found["items"], rest = self.write(items, (*at, "items"), depth)
            found |= {"minItems": count, "maxItems": count} if fixed else {}
            self._counts(node, found, at, keyword, "items")
            same = all(codec == SAME for codec in (*codecs, rest))
            return found, SAME if same else Array(rest, codecs)
        names = [f"item_{i}" for i in range(1, count + 1)]
        said = ("type", "minItems", "maxItems", "items", "prefixItems", "additionalItems")
        self.notes.enforced(at, *(key for key in said[1:] if key in node))
        self.notes.left(at, node, "written as an object", *said)
        found = {
            "type": "object",
            **annotations,
            "properties": dict(zip(names, (schema for schema, _ in written), strict=True)),
            "required": names,
            "additionalProperties": False,
        }
        return found, Tuple(codecs)

    # --- anything ---------------------------------------------------------------------------

    def _anything(self, node: JsonSchema, at: Location) -> Written:
        if self.profile.anything:
            return self._annotations(node), SAME
        self.notes.left(at, node, _NOT_ENFORCED)
        return self._text_of_json(node), JsonText()

    def _json_text(self, node: JsonSchema, at: Location, reason: str) -> Written:
        self.notes.all_left(at, node, reason)
        return self._text_of_json(node), JsonText()

    def _text_of_json(self, node: JsonSchema) -> JsonSchema:
        annotations = self._annotations(node)
        said = annotations.get("description")
        annotations["description"] = f"{said} (as JSON text)" if said else "JSON text"
        return {"type": "string", **annotations}

    def _annotations(self, node: JsonSchema) -> JsonSchema:
        return {key: node[key] for key in self.profile.annotations if key in node}


def _says_nothing(node: Any) -> bool:
    return node is True or (isinstance(node, dict) and SAYS_NOTHING.issuperset(node))


def _or_null(schema: JsonSchema) -> JsonSchema:
    if set(schema) == {"anyOf"}:
        return {"anyOf": [*schema["anyOf"], {"type": "null"}]}
    return {"anyOf": [schema, {"type": "null"}]}


def _values_of_other_keys(node: JsonSchema, at: Location) -> tuple[Any, Location]:
    """The schema of the values of keys that are not named, and where it stands."""
    others: Any = node.get("additionalProperties", True)
    patterns = node.get("patternProperties")
    if not isinstance(patterns, dict) or not patterns:
        return others, (*at, "additionalProperties")
    options = list(patterns.values()) + ([others] if others is not False else [])
    if len(options) == 1:
        return options[0], (*at, "patternProperties", next(iter(patterns)))
    return {"anyOf": options}, at


def _location(reference: str) -> Location:
    return tuple(s.replace("~1", "/").replace("~0", "~") for s in reference.split("/")[1:])
