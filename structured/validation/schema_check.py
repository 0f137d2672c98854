"""A JSON Schema, checked against its draft and made ready to validate.

The validator is ``jsonschema-rs``, which compiles a schema in microseconds and knows formats,
ECMA's regular expressions and big numbers. What it does not take as it stands is mended here:
patterns (:mod:`structured.validation.ecma`) and references to the drafts' metaschemas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from structured.errors import SchemaError, json_path, shorten
from structured.json_schema import JsonSchema, mapped, subschemas
from structured.validation.ecma import mended, readable
from structured.validation.schema_size import bounded

if TYPE_CHECKING:
    from jsonschema_rs import Registry, ValidationError, Validator

_DRAFTS = {
    "draft-03": "Draft4Validator",
    "draft-04": "Draft4Validator",
    "draft-06": "Draft6Validator",
    "draft-07": "Draft7Validator",
    "2019-09": "Draft201909Validator",
}
_LATEST = "Draft202012Validator"
_METASCHEMAS = (
    "http://json-schema.org/draft-04/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-07/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
)
_NEW_FORMATS = (
    "uuid",
    "duration",
    "idn-hostname",
    "iri",
    "iri-reference",
    "json-pointer",
    "relative-json-pointer",
    "uri-reference",
    "uri-template",
)
"""Formats that came after draft 4; a schema that names one means it, whatever its draft."""
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef", "$id", "id")
_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_PATTERN_BYTES = 32 * 2**20
"""Memory that a compiled pattern may take where the validator's default, a thirtieth, is short."""


def checked(schema: Any) -> tuple[Validator, Any]:
    """A validator of a schema, and the schema as the validator reads it.

    Raises:
        SchemaError: It is not a valid schema of its draft, or it refers to what is not in it.
    """
    import jsonschema_rs

    named = schema.get("$schema", "") if isinstance(schema, dict) else ""
    if not isinstance(named, str):
        raise SchemaError(f"$schema: expected a URI, got {shorten(named)}", keyword="$schema")
    draft = next((class_ for part, class_ in _DRAFTS.items() if part in named), _LATEST)
    options: dict[str, Any] = {"offline": True, "validate_formats": True}
    if draft not in ("Draft201909Validator", _LATEST):
        options["formats"] = _new_formats()
    make: Callable[..., Validator] = getattr(jsonschema_rs, draft)
    try:
        bounded(schema)
        try:
            return make(schema, **options), schema
        except jsonschema_rs.ValidationError:
            options["registry"] = _metaschemas()
            options["pattern_options"] = jsonschema_rs.FancyRegexOptions(size_limit=_PATTERN_BYTES)
            schema = mapped(_in_use(schema), mended) if isinstance(schema, dict) else schema
            return make(schema, **options), schema
    except jsonschema_rs.ValidationError as error:
        raise _refusal(error, schema) from None
    except RecursionError:
        raise SchemaError("not a usable JSON Schema: it is nested too deeply") from None
    except ValueError as error:
        why = "it is nested too deeply" if "ecursion" in str(error) else f"not JSON: {error}"
        raise SchemaError(f"not a usable JSON Schema: {why}") from None


def _in_use(schema: JsonSchema) -> JsonSchema:
    """The schema without the definitions that nothing refers to: they may refer to anywhere."""
    definitions = {
        f"#/{key}/{name}": (key, name)
        for key in ("$defs", "definitions")
        if isinstance(schema.get(key), dict)
        for name in schema[key]
    }
    used: set[tuple[str, str]] = set()
    parts: list[Any] = [{**schema, "$defs": None, "definitions": None}]
    while parts:
        part = parts.pop()
        if isinstance(part, list):
            parts += part
        elif isinstance(part, dict):
            parts += part.values()
            reference = part.get("$ref")
            if not isinstance(reference, str) or reference == "#":
                continue
            found = definitions.get("/".join(reference.split("/")[:3]))
            if found is None and not reference.startswith("#/properties/"):
                return schema  # by an anchor or a URI: who knows what it leads to
            if found is not None and found not in used:
                used.add(found)
                parts.append(schema[found[0]][found[1]])
    return {
        key: {name: child for name, child in value.items() if (key, name) in used}
        if key in ("$defs", "definitions") and isinstance(value, dict)
        else value
        for key, value in schema.items()
    }


def _refusal(error: ValidationError, schema: Any) -> SchemaError:
    if error.kind.name == "$ref":
        return _leads_nowhere(error.message, schema)
    location, keyword = _place(error.instance_path)
    path = json_path(location)
    said = error.message
    if keyword in ("pattern", "patternProperties") and error.kind.name == "format":
        pattern = str(error.instance_path[-1] if keyword != "pattern" else error.instance)
        fault = "is too large" if readable(pattern) else "is not one of ECMA-262"
        said = f"the regular expression {shorten(pattern)} {fault}"
    return SchemaError(
        f"not a valid JSON Schema: at {path}: {keyword}: {said}", path=path, keyword=keyword
    )


def _place(path: Sequence[str | int]) -> tuple[Sequence[str | int], str]:
    """Where the schema stands, and the keyword in it, that a location in a schema is about."""
    start = at = 0
    while at < len(path):
        start = at
        at += 1
        if path[start] in _MAPS or (at < len(path) and isinstance(path[at], int)):
            at += 1
    return path[:start], str(path[start]) if path else ""


def _leads_nowhere(message: str, schema: Any) -> SchemaError:
    """The error about a reference; the validator says what it looked for, we say where."""
    quoted = message.split("'")[1] if "'" in message else message
    wanted = quoted.split("#")[0] or quoted
    for location, node in subschemas(schema) if isinstance(schema, dict) else ():
        for keyword in _REFERENCES:
            reference = node.get(keyword)
            if not isinstance(reference, str):
                continue
            base, _, fragment = reference.partition("#")
            if reference in quoted or quoted in (fragment, base) or (base and base in wanted):
                path = json_path(location)
                return SchemaError(
                    f"not a usable JSON Schema: at {path}: the {keyword} {reference!r} leads "
                    f"nowhere ({message})",
                    path=path,
                    keyword=keyword,
                    hint="put what it refers to under $defs; nothing is fetched",
                )
    return SchemaError(
        f"not a usable JSON Schema: a reference leads nowhere: {message}",
        keyword="$ref",
        hint="put what it refers to under $defs; nothing is fetched",
    )


@lru_cache(maxsize=1)
def _new_formats() -> dict[str, Callable[[str], bool]]:
    import jsonschema_rs

    make = jsonschema_rs.Draft202012Validator
    return {name: make({"format": name}, validate_formats=True).is_valid for name in _NEW_FORMATS}


@lru_cache(maxsize=1)
def _metaschemas() -> Registry:
    """The drafts' own schemas, so that a schema of one draft may refer to another's."""
    import jsonschema_rs

    resources: dict[str, JsonSchema] = {}
    for uri in _METASCHEMAS:
        bundle: Any = jsonschema_rs.bundle({"$schema": uri, "$ref": uri}, offline=True)
        resources |= bundle.get("$defs") or bundle["definitions"]
    return jsonschema_rs.Registry(list(resources.items()))
