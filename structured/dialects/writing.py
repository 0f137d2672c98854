"""A schema in the words of a dialect, part by part, with a codec where the words differ.

What a dialect cannot say about a part is left out (a superset), and where it has no word for the
part at all, the part is carried in another form: an object with free keys as a list of pairs, a
tuple as an object, and in the last resort any value as JSON text inside a string. So nothing is
ever refused for its shape, and each loss is a finding.
"""

from __future__ import annotations

import json
from typing import Any

from structured.dialects.alternatives import (
    UNTYPED,
    write_all,
    write_listed,
    write_options,
    write_union,
)
from structured.dialects.codecs import SAME, Codec, JsonText, Named
from structured.dialects.containers import write_array, write_object
from structured.dialects.notes import SAYS_NOTHING, Location, Notes, location_of
from structured.dialects.profiles import Profile
from structured.dialects.values import constants
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
_NOT_ENFORCED = "the dialect does not enforce this keyword"


MAX_PARTS = 20_000
"""Without references a schema may become exponentially large; none of this size is taken."""


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
        self.open: list[str] = []
        self.parts = 0
        self.optional: list[int] = []
        """How many references were open where each property around that may be left out began."""

    def write(self, node: Any, at: Location, depth: int = 0) -> Written:
        """``node``, which stands at ``at`` in the original, inside ``depth`` objects."""
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise RecursionError("too many parts")
        if node is False:
            raise ConstraintError(
                f"no value can meet the schema at {json_path(at)}: it is false",
                path=json_path(at),
                engine=self.profile.name,
            )
        if not isinstance(node, dict):
            return self.anything({}, at)
        if isinstance(reference := node.get("$ref"), str):
            return self._reference(node, reference, at, depth)
        said = {key for key in node if key not in SAYS_NOTHING and key != "x-rules"}
        if not said:
            return self.anything(node, at)
        if "const" in node or isinstance(node.get("enum"), list):
            return write_listed(self, node, at)
        shapes = {kind for kind, keys in _SHAPES.items() if said.intersection(keys)}
        if "type" not in node and not shapes:
            for keyword in ("anyOf", "oneOf"):
                if isinstance(node.get(keyword), list):
                    return write_options(self, node, keyword, at, depth)
            if isinstance(parts := node.get("allOf"), list):
                return write_all(self, node, parts, at, depth)
            return self.json_text(node, at, UNTYPED)
        types = node.get("type") or sorted(shapes)
        if isinstance(types, list):
            if len(types) != 1:
                options = [{**node, "type": kind} for kind in types]
                return write_union(self, node, options, [at] * len(options), at, depth)
            types = types[0]
        return self._typed({**node, "type": types}, at, depth)

    def _reference(self, node: JsonSchema, reference: str, at: Location, depth: int) -> Written:
        target = pointed(self.root, reference)
        if not isinstance(target, dict):
            return self.json_text(node, at, f"the reference {reference!r} is not a path")
        beside = {key: value for key, value in node.items() if key != "$ref"}
        if any(key not in SAYS_NOTHING for key in beside):
            self.notes.left(at, beside, "stands beside a $ref, which the dialect has alone")
        place = location_of(reference)
        if reference in self.open and not self._may_recur(reference):
            return self.json_text(node, at, "the dialect has no recursion here")
        self.notes.enforced(at, "$ref")
        if not self.profile.references:
            self.open.append(reference)
            written, codec = self.write(target, place, depth)
            self.open.pop()
            return {**written, **self.annotations(beside)}, codec
        if reference not in self._names:
            name = self._names[reference] = self._name(reference)
            self.definitions[name] = self._outline(target)  # its place in the order
            self.open.append(reference)
            written, codec = self.write(target, place, depth)
            self.open.pop()
            self.definitions[name], self.named[reference] = written, codec
        found: JsonSchema = {"$ref": f"#/$defs/{self._names[reference]}"}
        if annotations := self.annotations(beside):
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
            return any(began > self.open.index(reference) for began in self.optional)
        return self.profile.recursion == "yes"

    def _name(self, reference: str) -> str:
        wanted = reference.rsplit("/", 1)[-1].replace("#", "root")
        name = wanted = "".join(c if c.isalnum() and c.isascii() else "_" for c in wanted)
        number = 1
        while name in self.definitions:
            number += 1
            name = f"{wanted}_{number}"
        return name

    def _typed(self, node: JsonSchema, at: Location, depth: int) -> Written:
        kind = node["type"]
        if kind == "object":
            return write_object(self, node, at, depth)
        if kind == "array":
            return write_array(self, node, at, depth)
        found: JsonSchema = {"type": kind, **self.annotations(node)}
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
        kept = [key for key in wanted if key in node and self.keeps(node, key, at)]
        found |= {key: node[key] for key in kept}
        self.notes.enforced(at, *kept)
        self.notes.left(at, node, _NOT_ENFORCED, "type", *kept)
        return found, SAME

    def keeps(self, node: JsonSchema, keyword: str, at: Location) -> bool:
        """Whether a keyword about a string, a number or a count is sent."""
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

    def anything(self, node: JsonSchema, at: Location) -> Written:
        """Any value at all: as JSON text, unless the dialect has schemas without a type."""
        if self.profile.anything:
            return self.annotations(node), SAME
        self.notes.left(at, node, _NOT_ENFORCED)
        return self._text_of_json(node), JsonText()

    def json_text(self, node: JsonSchema, at: Location, reason: str) -> Written:
        """What the dialect cannot say: any value, as JSON text."""
        self.notes.all_left(at, node, reason)
        return self._text_of_json(node), JsonText()

    def _text_of_json(self, node: JsonSchema) -> JsonSchema:
        annotations = self.annotations(node)
        said = annotations.get("description")
        annotations["description"] = f"{said} (as JSON text)" if said else "JSON text"
        return {"type": "string", **annotations}

    def annotations(self, node: JsonSchema) -> JsonSchema:
        """What a node says to readers, as far as the dialect takes it."""
        return {key: node[key] for key in self.profile.annotations if key in node}
