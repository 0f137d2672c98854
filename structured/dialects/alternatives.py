"""Listed values, alternatives and ``allOf`` in the words of a dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from structured.dialects.codecs import SAME, Branch, Codec, Union
from structured.dialects.notes import SAYS_NOTHING, Location, location_of
from structured.dialects.values import kinds, overlap
from structured.json_schema import JsonSchema, kind_of, pointed

UNTYPED = "written as JSON text: the dialect has no schema for it"
_MANY = 64
"""Alternatives beyond this number are not compared two by two."""

if TYPE_CHECKING:
    from structured.dialects.writing import Writer, Written


def write_listed(writer: Writer, node: JsonSchema, at: Location) -> Written:
    """``const`` and ``enum``, of texts, numbers, booleans and null."""
    keyword = "const" if "const" in node else "enum"
    values = [node["const"]] if keyword == "const" else node["enum"]
    if any(isinstance(value, (list, dict)) for value in values) or not values:
        return writer.json_text(node, at, "the dialect lists texts and numbers only")
    writer.notes.left(at, node, "stands beside listed values", keyword, "type")
    found, annotations = [], writer.annotations(node)
    grouped: dict[str, list[Any]] = {}
    for value in values:
        grouped.setdefault(kind_of(value), []).append(value)
    for kind, members in grouped.items():
        if kind in writer.profile.enums:
            found.append({"type": kind, "enum": members})
            continue
        found.append({"type": kind})
        if not (kind == "null" or (kind == "boolean" and len(members) == 2)):
            writer.notes.note(at, keyword, "validator", f"the dialect lists no {kind} values")
    if all(kind in writer.profile.enums for kind in grouped):
        kinds_of_all = list(grouped)
        types = kinds_of_all if len(grouped) > 1 else kinds_of_all[0]
        found = [{"type": types, "enum": values}]
        if keyword == "const" and writer.profile.const:
            found = [{"type": types, "const": values[0]}]
    writer.notes.enforced(at, keyword)
    written = found[0] if len(found) == 1 else {"anyOf": found}
    return {**annotations, **written}, SAME


def write_options(
    writer: Writer, node: JsonSchema, keyword: str, at: Location, depth: int
) -> Written:
    """``anyOf`` and ``oneOf``, of which the latter is read as the former."""
    options = node[keyword]
    writer.notes.left(at, node, "stands beside alternatives", keyword)
    places: list[Location] = [(*at, keyword, i) for i in range(len(options))]
    possible = [
        (option, place)
        for option, place in zip(options, places, strict=True)
        if option is not False
    ]
    if not possible:
        return writer.write(False, at, depth)
    if keyword == "oneOf" and _overlapping(writer.root, [option for option, _ in possible]):
        writer.notes.note(at, keyword, "validator", "read as anyOf: more than one may match")
    else:
        writer.notes.enforced(at, keyword)
    return write_union(writer, node, [o for o, _ in possible], [p for _, p in possible], at, depth)


def write_union(
    writer: Writer,
    node: JsonSchema,
    options: list[Any],
    places: list[Location],
    at: Location,
    depth: int,
) -> Written:
    """Any of several schemas, each at its place."""
    if any(_says_nothing(option) for option in options):
        return writer.anything(node, at)
    written = [writer.write(o, place, depth) for o, place in zip(options, places, strict=True)]
    annotations = writer.annotations(node)
    schemas = [schema for schema, _ in written]
    if len(written) == 1:
        only = {"anyOf": schemas} if "$ref" in schemas[0] else schemas[0]
        return {**annotations, **only}, written[0][1]
    found: JsonSchema = {**annotations, "anyOf": schemas}
    if all(codec == SAME for _, codec in written):
        return found, SAME
    if _confusable(writer, [(o, *pair) for o, pair in zip(options, written, strict=True)]):
        return writer.json_text(node, at, "its alternatives look alike in the dialect")
    root = {"$defs": writer.definitions}
    branches = (
        Branch(option, schema, codec, (kinds(writer.root, option), kinds(root, schema)))
        for option, (schema, codec) in zip(options, written, strict=True)
    )
    return found, Union(tuple(branches))


def _overlapping(root: JsonSchema, options: list[Any]) -> bool:
    """Whether a value may meet two of the alternatives."""
    return len(options) > _MANY or any(
        overlap(root, one, other) for i, one in enumerate(options) for other in options[:i]
    )


def _confusable(writer: Writer, branches: list[tuple[Any, JsonSchema, Codec]]) -> bool:
    """Whether a reply may be read as two alternatives, with different outcomes."""
    root = {"$defs": writer.definitions}
    return len(branches) > _MANY or any(
        codec != other_codec and overlap(root, schema, other_schema)
        for i, (_, schema, codec) in enumerate(branches)
        for _, other_schema, other_codec in branches[:i]
    )


def write_all(
    writer: Writer, node: JsonSchema, parts: list[Any], at: Location, depth: int
) -> Written:
    """``allOf``, merged; of two that say the same keyword, the first is kept."""
    merged: JsonSchema = {key: value for key, value in node.items() if key != "allOf"}
    for i, part in enumerate(parts):
        place: Location = (*at, "allOf", i)
        if isinstance(part, dict) and isinstance(reference := part.get("$ref"), str):
            if reference in writer.open or not isinstance(pointed(writer.root, reference), dict):
                return writer.json_text(node, at, UNTYPED)
            place, part = location_of(reference), pointed(writer.root, reference)
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
                writer.notes.note(place, key, "validator", "another part of the allOf says this")
    writer.notes.enforced(at, "allOf")
    return writer.write(merged, at, depth)


def _says_nothing(node: Any) -> bool:
    return node is True or (isinstance(node, dict) and SAYS_NOTHING.issuperset(node))
