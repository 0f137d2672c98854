"""A schema in the form of OpenAPI 3.0, as Gemini's ``responseSchema`` takes it."""

from __future__ import annotations

from typing import Any

from structured.json_schema import JsonSchema


def to_openapi(schema: JsonSchema) -> JsonSchema:
    """``schema``, which has no references and no ``const``, in OpenAPI's words.

    Types are in capitals, ``null`` is ``nullable``, and the order of properties, which plain
    objects of that interface do not keep, is written out.
    """
    found: JsonSchema = {}
    for key, value in schema.items():
        match key:
            case "type":
                found["type"] = str(value).upper()
            case "enum":
                found |= {"enum": value, "format": "enum"}
            case "anyOf":
                found |= _any_of(value)
            case "items":
                found["items"] = to_openapi(value)
            case "properties":
                found["properties"] = {name: to_openapi(child) for name, child in value.items()}
                found["propertyOrdering"] = list(value)
            case "minItems" | "maxItems" | "minLength" | "maxLength":
                found[key] = str(value)  # 64-bit integers are texts in Google's JSON
            case "additionalProperties":  # this form has no word for it, and objects are closed
                pass
            case _:
                found[key] = value
    return found


def _any_of(options: list[Any]) -> JsonSchema:
    there = [to_openapi(option) for option in options if option.get("type") != "null"]
    found: JsonSchema = {} if len(there) == len(options) else {"nullable": True}
    if not there:
        return {"type": "NULL"}
    return {**found, **(there[0] if len(there) == 1 else {"anyOf": there})}
