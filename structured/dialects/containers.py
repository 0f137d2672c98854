"""Objects and arrays in the words of a dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from structured.dialects.codecs import SAME, Absent, Array, Codec, Member, Object, Pairs, Tuple
from structured.dialects.notes import Location
from structured.dialects.values import kinds
from structured.json_schema import JsonSchema

if TYPE_CHECKING:
    from structured.dialects.writing import Writer, Written

_NOT_ENFORCED = "the dialect does not enforce this keyword"


def write_object(writer: Writer, node: JsonSchema, at: Location, depth: int) -> Written:
    """An object: of known properties, or of any keys."""
    if writer.max_depth is not None and depth >= writer.max_depth:
        return writer.json_text(node, at, "deeper than the dialect goes")
    writer.notes.enforced(at, "type")
    properties = node.get("properties")
    if not isinstance(properties, dict) or not properties:
        if "properties" not in node or node.get("additionalProperties", True) is not False:
            return _map(writer, node, at, depth)
        properties = {}
    required = [name for name in node.get("required", ()) if isinstance(name, str)]
    properties = {**properties, **{name: {} for name in required if name not in properties}}
    found: JsonSchema = {"type": "object", **writer.annotations(node), "properties": {}}
    members, needed = [], []
    for name, child in properties.items():
        place = (*at, "properties", name)
        absent: Absent = "never" if name in required else "left out"
        if child is False and absent == "left out":
            writer.notes.enforced((*at, "properties"), name)
            continue
        if absent == "left out" and writer.profile.all_required:
            absent = _absent(writer, child)
        schema, codec = _member(writer, child, place, depth, absent)
        found["properties"][name] = schema
        members.append(Member(name, codec, absent))
        if absent != "left out":
            needed.append(name)
    writer.notes.enforced(at, "properties")
    if "required" in node:
        writer.notes.enforced(at, "required")
    rest, native = _other_keys(writer, node, found, needed, at, depth)
    found["required"] = needed
    if not needed and not writer.profile.all_required:
        del found["required"]
    writer.notes.left(
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


def _absent(writer: Writer, child: Any) -> Absent:
    """How a property that need not be there is written where all are."""
    if "null" not in kinds(writer.root, child):
        return "null"
    is_default = isinstance(child, dict) and "default" in child and child["default"] is None
    # Where null is what stands for a property that is missing, it need not be told from it.
    return "same as null" if is_default else "wrapped"


def _member(writer: Writer, child: Any, at: Location, depth: int, absent: str) -> Written:
    if absent == "left out":
        writer.optional.append(len(writer.open))
    schema, codec = writer.write(child, at, depth + 1)
    if absent == "left out":
        writer.optional.pop()
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
    writer: Writer, node: JsonSchema, found: JsonSchema, needed: list[str], at: Location, depth: int
) -> tuple[Member | None, Codec | None]:
    """Say in ``found`` which keys beyond the named ones there may be."""
    others, place = _values_of_other_keys(node, at)
    if "additionalProperties" not in node and "patternProperties" not in node:
        others = False  # JSON Schema allows them, and nobody who lists properties means that
    if others is False:
        found["additionalProperties"] = False
        writer.notes.enforced(at, "additionalProperties")
        return None, None
    values, codec = writer.write(others, place, depth + 1)
    if writer.profile.maps:
        found["additionalProperties"] = values
        writer.notes.enforced(at, "additionalProperties")
        return None, codec
    name = "additional_properties"
    while name in found["properties"]:
        name += "_"
    found["properties"][name] = _pairs(writer, {"type": "string"}, values)
    found["additionalProperties"] = False
    needed.append(name)
    writer.notes.enforced(at, "additionalProperties")
    if "patternProperties" in node:
        writer.notes.note(at, "patternProperties", "validator", "written as a list of pairs")
    return Member(name, Pairs(codec), "never"), None


def _map(writer: Writer, node: JsonSchema, at: Location, depth: int) -> Written:
    others, place = _values_of_other_keys(node, at)
    annotations = writer.annotations(node)
    if others is False:
        others = {}
    values, codec = writer.write(others, place, depth + 1)
    counted = ["type", "properties", "required", "additionalProperties"]
    if "additionalProperties" in node:
        writer.notes.enforced(at, "additionalProperties")
    if writer.profile.maps:
        writer.notes.left(at, node, _NOT_ENFORCED, *counted)
        found = {"type": "object", **annotations, "additionalProperties": values}
        return found, SAME if codec == SAME else Object((), None, codec)
    names = node.get("propertyNames")
    keys: JsonSchema = {"type": "string"}
    if isinstance(names, dict):
        names = {"type": "string", **names}
        keys, key_codec = writer.write(names, (*at, "propertyNames"), depth + 1)
        if key_codec != SAME or "anyOf" in keys:
            keys = {"type": "string"}
        writer.notes.enforced(at, "propertyNames")
        counted.append("propertyNames")
    writer.notes.left(at, node, "written as a list of pairs", *counted)
    return {**_pairs(writer, keys, values), **annotations}, Pairs(codec)


def _pairs(writer: Writer, keys: JsonSchema, values: JsonSchema) -> JsonSchema:
    pair = {
        "type": "object",
        "properties": {"key": keys, "value": values},
        "required": ["key", "value"],
        "additionalProperties": False,
    }
    return {"type": "array", "items": pair}


def write_array(writer: Writer, node: JsonSchema, at: Location, depth: int) -> Written:
    """A list, or a tuple."""
    writer.notes.enforced(at, "type")
    first, items, keyword = node.get("prefixItems"), node.get("items", {}), "prefixItems"
    if isinstance(items, list):  # until draft 2019-09
        first, items, keyword = items, node.get("additionalItems", {}), "items"
    if isinstance(first, list) and first:
        return _tuple(writer, node, first, items, keyword, at, depth)
    found: JsonSchema = {"type": "array", **writer.annotations(node)}
    empty = items is False or node.get("maxItems") == 0
    written, codec = (
        ({"type": "string"}, SAME) if empty else writer.write(items, (*at, "items"), depth)
    )
    found["items"] = written
    _counts(writer, node, found, at, "items")
    if empty and "maxItems" in writer.profile.keywords:
        found["maxItems"] = 0
    return found, SAME if codec == SAME else Array(codec)


def _counts(writer: Writer, node: JsonSchema, found: JsonSchema, at: Location, *said: str) -> None:
    kept = [key for key in ("minItems", "maxItems") if key in node]
    kept = [key for key in kept if writer.keeps(node, key, at)]
    found |= {key: node[key] for key in kept}
    said = tuple(key for key in said if key in node)
    writer.notes.enforced(at, *kept, *said)
    writer.notes.left(at, node, _NOT_ENFORCED, "type", *kept, *said)


def _tuple(
    writer: Writer,
    node: JsonSchema,
    first: list[Any],
    items: Any,
    keyword: str,
    at: Location,
    depth: int,
) -> Written:
    count = len(first)
    fixed = node.get("minItems") == count and (
        items is False or node.get("maxItems", count + 1) <= count
    )
    if not fixed and not writer.profile.tuples:
        return writer.json_text(node, at, "the dialect has no tuples of various lengths")
    inside = depth if writer.profile.tuples else depth + 1
    if not writer.profile.tuples and writer.max_depth is not None and depth >= writer.max_depth:
        return writer.json_text(node, at, "deeper than the dialect goes")
    written = [writer.write(item, (*at, keyword, i), inside) for i, item in enumerate(first)]
    codecs = tuple(codec for _, codec in written)
    annotations = writer.annotations(node)
    if writer.profile.tuples:
        found = {"type": "array", **annotations, "prefixItems": [s for s, _ in written]}
        rest: Codec = SAME
        if not fixed and items is not False:
            found["items"], rest = writer.write(items, (*at, "items"), depth)
        found |= {"minItems": count, "maxItems": count} if fixed else {}
        _counts(writer, node, found, at, keyword, "items")
        same = all(codec == SAME for codec in (*codecs, rest))
        return found, SAME if same else Array(rest, codecs)
    names = [f"item_{i}" for i in range(1, count + 1)]
    said = ("type", "minItems", "maxItems", "items", "prefixItems", "additionalItems")
    writer.notes.enforced(at, *(key for key in said[1:] if key in node))
    writer.notes.left(at, node, "written as an object", *said)
    found = {
        "type": "object",
        **annotations,
        "properties": dict(zip(names, (schema for schema, _ in written), strict=True)),
        "required": names,
        "additionalProperties": False,
    }
    return found, Tuple(codecs)


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
